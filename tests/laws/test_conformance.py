"""What every law in the registry must do, whatever its equation."""

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bayescamel.exceptions import FitError
from bayescamel.laws import LAWS, Law, get_law
from bayescamel.models.hierarchy import Hierarchy
from tests.laws.cases import DOMAINS, VALIDATIONS, inputs, loss, prior_draw, typical_coefficients

every_law = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())


@every_law
def test_finite_on_the_whole_simplex_for_every_draw_of_the_prior(law: Law) -> None:
    rng = np.random.default_rng(1)
    where = inputs()
    for _ in range(100):
        values = loss(law, where, prior_draw(law, rng))
        assert values.shape == (VALIDATIONS, len(where.log_total))
        assert np.isfinite(values).all()


@every_law
def test_draws_in_front_are_evaluated_as_one_by_one(law: Law) -> None:
    rng = np.random.default_rng(3)
    draws = [prior_draw(law, rng) for _ in range(4)]
    stacked = {name: np.stack([draw[name] for draw in draws]) for name in draws[0]}
    together = loss(law, inputs(), stacked)
    alone = np.stack([loss(law, inputs(), draw) for draw in draws])
    np.testing.assert_allclose(np.broadcast_to(together, alone.shape), alone, rtol=1e-10)


@every_law
def test_gradients_are_finite_with_the_corners(law: Law) -> None:
    import jax
    import jax.numpy as jnp

    rng = np.random.default_rng(2)
    draws = [prior_draw(law, rng) for _ in range(5)]
    where = inputs()

    @jax.jit
    def gradient(parameters: dict[str, Any], mixture: Any) -> Any:
        def total(parameters: dict[str, Any], mixture: Any) -> Any:
            return jnp.sum(loss(law, where._replace(mixture=mixture), parameters, xp=jnp))

        return jax.grad(total, argnums=(0, 1))(parameters, mixture)

    with jax.enable_x64(True):
        for parameters in draws:
            for leaf in jax.tree.leaves(gradient(parameters, where.mixture)):
                assert np.isfinite(leaf).all()


@every_law
def test_numpy_jax_and_pytensor_agree(law: Law) -> None:
    import jax
    import jax.numpy as jnp
    import pytensor.tensor as pt
    from pytensor.compile.maker import function
    from pytensor.compile.mode import Mode

    parameters, where = prior_draw(law, np.random.default_rng(3)), inputs()
    expected = loss(law, where, parameters)
    with jax.enable_x64(True):
        on_jax = loss(
            law, jax.tree.map(jnp.asarray, where), _mapped(jnp.asarray, parameters), None, jnp
        )
    np.testing.assert_allclose(on_jax, expected, rtol=1e-10)
    constants = _mapped(pt.as_tensor, parameters)
    graph = loss(law, jax.tree.map(pt.as_tensor, where), constants, xp=pt)
    # As written: rewriting and compiling the graph would only cost time.
    value = function([], graph, mode=Mode("py", "None"))()
    np.testing.assert_allclose(value, expected, rtol=1e-10)


def _mapped(convert: Any, values: dict[str, Any]) -> dict[str, Any]:
    return {name: convert(value) for name, value in values.items()}


NAMESPACE = ("exp", "log", "max", "sum", "swapaxes", "where")
"""What `bayescamel.laws.base` promises that a law asks of its array namespace."""


@every_law
def test_nothing_else_is_asked_of_the_namespace(law: Law) -> None:
    only = SimpleNamespace(**{name: getattr(np, name) for name in NAMESPACE})
    parameters = prior_draw(law, np.random.default_rng(9))
    expected = loss(law, inputs(), parameters)
    np.testing.assert_array_equal(loss(law, inputs(), parameters, xp=only), expected)


@every_law
def test_permuting_the_domains_permutes_the_parameters(law: Law) -> None:
    parameters, where = prior_draw(law, np.random.default_rng(4)), inputs()
    order = [2, 0, 3, 1]
    domain_axis = {p.name for p in law.parameters if "domain" in p.dims}
    permuted = loss(
        law,
        where._replace(
            mixture=where.mixture[..., order],
            reference=where.reference[order],
            own=where.own[..., order],
        ),
        {n: v[..., order] if n in domain_axis else v for n, v in parameters.items()},
    )
    np.testing.assert_allclose(permuted, loss(law, where, parameters), rtol=1e-12)


MOVED = {"size": ("log_total", "log_active", "log_capacity"), "tokens": ("log_tokens",)}


@pytest.mark.parametrize(
    ("law", "promise"),
    [
        pytest.param(law, what, id=f"{name}-{what}")
        for name, law in LAWS.items()
        for what in sorted(law.falls_with)
    ],
)
def test_falls_with_what_it_promises(law: Law, promise: str) -> None:
    rng = np.random.default_rng(5)
    where = inputs(sparse=False)
    for _ in range(10):
        parameters = prior_draw(law, rng, sparse=False)
        path = [
            loss(
                law,
                where._replace(**dict.fromkeys(MOVED[promise], where.log_total + step)),
                parameters,
            )
            for step in np.linspace(-5, 5, 21)
        ]
        falls = np.diff(path, axis=0)
        # Rounding: a term may have fallen to nothing beside the rest.
        assert (falls <= 1e-12).all()
        # Somewhere above the centre: below, a capacity may be down at its floor.
        assert (falls[10:] < 0).any(axis=0).all()


@every_law
def test_coefficients_are_contributions_at_the_centre_or_slopes_there(law: Law) -> None:
    where = inputs()
    logs = dict.fromkeys(("log_total", "log_active", "log_capacity", "log_tokens"), np.zeros(1))
    centre = where._replace(**logs, mixture=where.reference[None, None])
    parameters = prior_draw(law, np.random.default_rng(6))
    hierarchy = Hierarchy(law, VALIDATIONS, DOMAINS, sparse=True)
    basis = hierarchy.terms(np, parameters, centre).basis
    assert set(basis) == {coefficient.name for coefficient in law.coefficients}
    together = 0.0
    for name, term in basis.items():
        slope = name.endswith("_slope") or name == "crossing"  # 0 there
        np.testing.assert_allclose(term, 0.0 if slope else 1.0, rtol=1e-12)
        together += 0.0 if slope else typical_coefficients(law)[name]
    # The reference loss is the loss at the centre, give or take the curvature over the runs.
    assert together == pytest.approx(1.0, abs=0.1)


@every_law
def test_a_dense_run_needs_no_sparsity(law: Law) -> None:
    where = inputs(sparse=False)
    dense = prior_draw(law, np.random.default_rng(7), sparse=False)
    assert "sparsity" not in dense
    for sparsity in (0.1, 0.9):
        same = loss(law, where, dense | {"sparsity": np.asarray(sparsity)})
        np.testing.assert_allclose(same, loss(law, where, dense), rtol=1e-12)


@pytest.mark.parametrize(
    "law",
    [pytest.param(law, id=n) for n, law in LAWS.items() if "size" in law.falls_with],
)
def test_sparse_runs_lie_between_their_active_and_their_total_size(law: Law) -> None:
    where = inputs(sparse=True)
    parameters = prior_draw(law, np.random.default_rng(8))
    between = loss(law, where, parameters)
    largest = loss(law, where._replace(log_active=where.log_total), parameters)
    smallest = loss(law, where._replace(log_total=where.log_active), parameters)
    assert (largest <= between + 1e-12).all()
    assert (between <= smallest + 1e-12).all()


def test_the_registry_knows_each_law_by_its_name() -> None:
    assert all(law.name == name for name, law in LAWS.items())
    assert get_law("r2") is LAWS["r2"]
    with pytest.raises(FitError, match=r"unknown law 'r3'.*camel.*r2-separable"):
        get_law("r3")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parameters": ()}, "priors are declared for"),
        ({"coefficients": LAWS["camel"].coefficients[::-1]}, "only the last coefficient"),
    ],
)
def test_a_law_whose_signature_and_priors_differ_is_refused(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        dataclasses.replace(LAWS["camel"], **change)


def test_domains_differ_from_validation_domains_here() -> None:
    # Otherwise a law that mixes the two axes up would pass.
    assert DOMAINS != VALIDATIONS
