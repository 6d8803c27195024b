"""Each law against its source's equation in the source's symbols, and laws against each other."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

from bayescamel.exceptions import FitError
from bayescamel.laws import LAWS, Inputs, Law, with_priors
from bayescamel.laws.competition import allocate
from tests.laws import cases
from tests.laws.cases import DOMAINS, VALIDATIONS, inputs, prior_draw

N0, D0 = 1e8, 3e9


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


@pytest.fixture
def dense() -> Inputs:
    return inputs(sparse=False)


def loss(
    law: Law,
    where: Inputs,
    parameters: Mapping[str, Any],
    coefficients: Mapping[str, Any] | None = None,
) -> np.ndarray:
    """(run, validation)."""
    return np.asarray(cases.loss(law, where, dict(parameters), coefficients)).T


def _raw(where: Inputs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """N, D (run, 1) and w (run, 1, domain) in the source's units."""
    n, d = N0 * np.exp(where.log_total), D0 * np.exp(where.log_tokens)
    return n[:, None], d[:, None], where.mixture[0][:, None]


def _coefficients(law: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {c.name: c.mean * rng.uniform(0.5, 2, VALIDATIONS) for c in LAWS[law].coefficients}


def test_r1(rng: np.random.Generator, dense: Inputs) -> None:
    n, _, w = _raw(dense)
    p, c = prior_draw(LAWS["r1"], rng, sparse=False), _coefficients("r1", rng)
    gamma = p["capacity_elasticity"].sum(axis=-1) / p["alpha"]
    affinity = p["capacity_elasticity"] / dense.reference
    phi = (affinity * w).sum(axis=-1) / (affinity * dense.reference).sum(axis=-1)
    expected = c["E"] + c["A"] * (n / N0 * phi**gamma) ** -p["alpha"]
    np.testing.assert_allclose(loss(LAWS["r1"], dense, p, c), expected, rtol=1e-12)


def test_r2(rng: np.random.Generator, dense: Inputs) -> None:
    n, _, w = _raw(dense)
    p, c = prior_draw(LAWS["r2"], rng, sparse=False), _coefficients("r2", rng)
    at_reference = p["interplay"] @ dense.reference
    alpha = p["alpha"] + at_reference
    a = np.log(c["A"]) - p["tilt"] @ dense.reference + p["alpha"] * np.log(N0)
    s, t = p["interplay"], p["tilt"]
    # Moving the origin of ln N from 1 to N₀ turns s·w ln N₀ into a part of the tilt.
    t = t - s * np.log(N0)
    a = a + at_reference * np.log(N0)
    exponent = a + (t * w).sum(-1) - alpha * np.log(n) + (s * w).sum(-1) * np.log(n)
    np.testing.assert_allclose(loss(LAWS["r2"], dense, p, c), c["E"] + np.exp(exponent), rtol=1e-10)


def test_mixing_laws_is_a_mixing_law_at_every_size_and_a_power_law_for_every_mixture(
    rng: np.random.Generator, dense: Inputs
) -> None:
    law = LAWS["mixing-laws"]
    p, c = prior_draw(law, rng, sparse=False), _coefficients("mixing-laws", rng)
    one_size = dense._replace(
        **{name: np.full(1, 0.7) for name in ("log_total", "log_capacity", "log_tokens")}
    )
    _, _, w = _raw(dense)
    mixing = np.exp((p["tilt"] * (w - dense.reference)).sum(axis=-1))
    value = loss(law, one_size, p, c)
    for v in range(VALIDATIONS):  # c + k exp(t·w): a straight line in exp(t·w)
        slope, start = np.polyfit(mixing[:, v], value[:, v], 1)
        np.testing.assert_allclose(value[:, v], start + slope * mixing[:, v], rtol=1e-9)
    one_mixture = dense._replace(mixture=dense.mixture[:, [7]], log_tokens=np.zeros(1))
    power = np.exp(-p["alpha"] * dense.log_total[:, None])
    value = loss(law, one_mixture, p, c)
    for v in range(VALIDATIONS):  # c + (N₀/N)^α
        slope, start = np.polyfit(power[:, v], value[:, v], 1)
        np.testing.assert_allclose(value[:, v], start + slope * power[:, v], rtol=1e-9)


def test_additive_and_joint(rng: np.random.Generator, dense: Inputs) -> None:
    n, d, w = _raw(dense)
    p, c = prior_draw(LAWS["joint"], rng, sparse=False), _coefficients("joint", rng)
    gamma = p["share_exponent"]
    share = p["share"] / dense.reference**gamma
    share /= c["M"][:, None] * p["share"].sum(axis=-1, keepdims=True)
    mixture_term = 1 / (share * w**gamma).sum(axis=-1)
    size_term = c["A"] * (N0 / n) ** p["alpha"]
    token_term = c["B"] * (D0 / d) ** p["beta"]
    additive = {k: p[k] for k in ("alpha", "beta", "share", "share_exponent")}
    np.testing.assert_allclose(
        loss(LAWS["additive"], dense, additive, c),
        c["E"] + mixture_term + size_term + token_term,
        rtol=1e-12,
    )
    factors = []
    for name in ("size_elasticity", "token_elasticity"):
        exponent = p[name].sum(axis=-1)
        weights = p[name] / exponent[:, None] / dense.reference
        factors.append((weights * w).sum(axis=-1) ** exponent)
    np.testing.assert_allclose(
        loss(LAWS["joint"], dense, p, c),
        c["E"] + mixture_term + size_term * factors[0] + token_term * factors[1],
        rtol=1e-12,
    )


def test_bimix_with_own_data_only(rng: np.random.Generator, dense: Inputs) -> None:
    n, d, w = _raw(dense)
    law = LAWS["bimix"]
    p, c = prior_draw(law, rng, sparse=False), _coefficients("bimix", rng)
    own = np.eye(VALIDATIONS, DOMAINS)
    exponent = np.array([0.1, 0.2, 0.3])
    p["elasticity"] = own * exponent[:, None]
    kept = (w[:, 0, :VALIDATIONS] > 0).all(axis=-1)  # the source is infinite at w_v = 0
    bracket = c["C"] + c["A"] * (N0 / n) ** p["alpha"] + c["B"] * (D0 / d) ** p["beta"]
    weight = w[:, 0, :VALIDATIONS][kept] / dense.reference[:VALIDATIONS]
    with np.errstate(divide="ignore"):
        value = loss(law, dense, p, c)[kept]
    np.testing.assert_allclose(value, weight**-exponent * bracket[kept], rtol=1e-12)


def test_dcpt_with_own_data_only(rng: np.random.Generator, dense: Inputs) -> None:
    n, d, w = _raw(dense)
    law = LAWS["dcpt"]
    p, c = prior_draw(law, rng, sparse=False), _coefficients("dcpt", rng)
    p["affinity"] = np.eye(VALIDATIONS, DOMAINS)
    own, typical = w[:, 0, :VALIDATIONS], dense.reference[:VALIDATIONS]
    # In the source's units ε is a weight, and C and B carry the centre's factors.
    epsilon = p["epsilon"] * typical
    floored = (own + epsilon) / (typical + epsilon)
    expected = (
        c["E"]
        + c["A"] * (N0 / n) ** p["alpha"]
        + c["B"] * (own / typical) ** p["eta"] * (D0 / d) ** p["beta"]
        + c["C"] * floored ** -p["gamma"]
    )
    with np.errstate(divide="ignore"):
        value = loss(law, dense, p, c)
    np.testing.assert_allclose(value, expected, rtol=1e-12)


def test_capacity_is_allocated_as_by_a_general_optimiser(rng: np.random.Generator) -> None:
    weight = np.array([0.5, 0.3, 0.2, 0.0])
    demand, exponent = np.array([1.0, 0.4, 0.05, 1.0]), np.array([0.3, 0.2, 0.5, 0.3])
    capacity, floor = 1.3, 0.05
    x = np.exp(allocate(np, weight, demand, exponent, np.full(1, capacity), np.full(1, floor)))

    def total_loss(x: np.ndarray) -> float:
        return float(np.sum(weight * demand * x**-exponent))

    found = minimize(
        total_loss,
        np.full(4, (capacity + 3 * floor) / 4),
        bounds=[(floor, None)] * 4,
        constraints={"type": "eq", "fun": lambda x: x.sum() - capacity - 3 * floor},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert x.sum() == pytest.approx(capacity + 3 * floor, rel=1e-13)
    assert x[3] == pytest.approx(floor, rel=1e-13)
    np.testing.assert_allclose(x, found.x, rtol=1e-4)
    assert total_loss(x) <= found.fun + 1e-12


def test_the_derivative_of_the_allocation_is_that_of_its_solution(rng: np.random.Generator) -> None:
    import jax

    weight = rng.dirichlet(np.ones(6))
    arguments = [rng.uniform(0.5, 2, 6), rng.uniform(0.2, 0.5, 6), np.full(1, 2.0), np.full(1, 0.1)]
    with jax.enable_x64(True):
        derivative = jax.jacobian(lambda *a: allocate(jax.numpy, weight, *a), argnums=(0, 1, 2, 3))(
            *arguments
        )
    for i, argument in enumerate(arguments):
        for j in range(len(argument)):
            step = np.zeros(len(argument))
            step[j] = 1e-6
            up, down = (
                allocate(np, weight, *(a + s if k == i else a for k, a in enumerate(arguments)))
                for s in (step, -step)
            )
            np.testing.assert_allclose(derivative[i][:, j], (up - down) / 2e-6, atol=1e-7)


def test_r2_separable_is_r2_without_interplay(rng: np.random.Generator) -> None:
    where, p = inputs(), prior_draw(LAWS["r2-separable"], rng)
    same = loss(LAWS["r2"], where, p | {"interplay": np.zeros_like(p["tilt"])})
    np.testing.assert_allclose(loss(LAWS["r2-separable"], where, p), same, rtol=1e-14)


def _amplitudes(
    where: Inputs, p: dict[str, np.ndarray], c: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """A and B of `camel`."""
    size, tokens = np.exp(where.log_centre)
    return (
        c["size_slope"] * size**-0.2 * tokens**0.1 / p["alpha"],
        c["token_slope"] * size**0.1 * tokens**-0.2 / p["beta"],
    )


def test_camel_in_the_symbols_of_its_docstring(rng: np.random.Generator, dense: Inputs) -> None:
    n, d, w = _raw(dense)
    p = prior_draw(LAWS["camel"], rng, sparse=False)
    c = _coefficients("camel", rng)
    a, b = _amplitudes(dense, p, c)
    total = p["elasticity"].sum(axis=-1)
    phi = (p["elasticity"] / total[:, None] * w / dense.reference).sum(axis=-1)
    fading = (n / N0) ** -p["size_fading"]
    product = a * b * c["crossing"] / (c["size_slope"] * c["token_slope"])
    by_size, by_tokens = (n / N0) ** -p["alpha"], (d / D0) ** -p["beta"]
    curve = c["level"] + a * (by_size - 1) + b * (by_tokens - 1)
    curve = curve + product * (by_size - 1) * (by_tokens - 1)
    expected = curve - fading * total * np.log(phi)
    np.testing.assert_allclose(loss(LAWS["camel"], dense, p, c), expected, rtol=1e-9)


def test_camel_without_a_crossing_at_the_reference_mixture_is_chinchilla(
    rng: np.random.Generator, dense: Inputs
) -> None:
    p, c = prior_draw(LAWS["camel"], rng, sparse=False), _coefficients("camel", rng)
    c["crossing"] = np.zeros(VALIDATIONS)
    a, b = _amplitudes(dense, p, c)
    at_reference = dense._replace(mixture=np.broadcast_to(dense.reference, dense.mixture.shape))
    np.testing.assert_allclose(
        loss(LAWS["camel"], at_reference, p, c),
        loss(
            LAWS["chinchilla"],
            dense,
            {k: p[k] for k in ("alpha", "beta")},
            {"E": c["level"] - a - b, "A": a, "B": b},
        ),
        rtol=1e-9,
    )


def test_at_fading_zero_a_mixtures_effect_is_the_same_at_every_size(
    rng: np.random.Generator,
) -> None:
    dense, p = inputs(sparse=False), prior_draw(LAWS["camel"], rng, sparse=False)
    p["size_fading"] = np.zeros(VALIDATIONS)
    mixtures = dense._replace(log_tokens=np.zeros_like(dense.log_tokens))

    def effect(log_size: float) -> np.ndarray:
        at = np.full_like(dense.log_total, log_size)
        value = loss(LAWS["camel"], mixtures._replace(log_capacity=at), p)
        return np.asarray(value - value[0])

    np.testing.assert_allclose(effect(-3.0), effect(3.0), rtol=1e-9, atol=1e-12)


def test_priors_can_be_replaced() -> None:
    mine = with_priors(LAWS["camel"], {"alpha": {"typical": 0.5}, "level": {"mean": 1.0}})
    assert (mine.parameters[0].typical, mine.coefficients[0].mean) == (0.5, 1.0)
    assert mine.parameters[0].spread == LAWS["camel"].parameters[0].spread
    assert mine.parameters[1:] == LAWS["camel"].parameters[1:]


@pytest.mark.parametrize(
    ("priors", "message"),
    [
        ({"gamma": {"typical": 1.0}}, "has no 'gamma'"),
        ({"alpha": {"mean": 1.0}}, "has no 'mean'"),
        ({"alpha": {"typical": -1.0}}, "typical = -1 must be positive"),
        ({"level": {"spread": 0.0}}, "spread = 0 must be positive"),
        ({"level": {"mean": np.nan}}, "mean = nan is not finite"),
    ],
)
def test_a_prior_that_cannot_be_is_refused(
    priors: dict[str, dict[str, float]], message: str
) -> None:
    with pytest.raises(FitError, match=message):
        with_priors(LAWS["camel"], priors)


def test_joint_whose_terms_ignore_the_mixture_is_additive(rng: np.random.Generator) -> None:
    where, p = inputs(), prior_draw(LAWS["joint"], rng)
    # Effects in proportion to the reference weights: the weighted sum is then Σ w = 1.
    flat = np.broadcast_to(where.reference, (VALIDATIONS, DOMAINS))
    same = p | {"size_elasticity": 0.3 * flat, "token_elasticity": 0.2 * flat}
    fewer = {k: v for k, v in p.items() if not k.endswith("_elasticity")}
    np.testing.assert_allclose(
        loss(LAWS["joint"], where, same), loss(LAWS["additive"], where, fewer), rtol=1e-12
    )


@pytest.mark.parametrize("name", ["additive", "mixing-laws", "bimix"])
def test_laws_that_ignore_the_mixture_are_chinchilla(name: str, rng: np.random.Generator) -> None:
    where, p = inputs(), prior_draw(LAWS[name], rng)
    flat = np.broadcast_to(where.reference, (VALIDATIONS, DOMAINS))
    constant = "C" if name == "bimix" else "E"
    coefficients = {constant: 0.5, "A": 0.4, "B": 0.1}
    unused = {c.name: 0.0 for c in LAWS[name].coefficients} | coefficients
    if name == "bimix":  # and its factor multiplies everything
        p["elasticity"] = 0.3 * flat
    shared = {k: p[k] for k in ("alpha", "beta", "sparsity")}
    np.testing.assert_allclose(
        loss(LAWS[name], where, p, unused),
        loss(LAWS["chinchilla"], where, shared, {"E": 0.5, "A": 0.4, "B": 0.1}),
        rtol=1e-12,
    )
