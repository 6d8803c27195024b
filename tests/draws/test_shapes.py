"""The shapes that draws and decisions declare, in NumPy and JAX."""

from dataclasses import replace
from typing import Any, get_type_hints

import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError, jaxtyped

from bayescamel.decisions import curve as decision
from bayescamel.draws import curves
from bayescamel.posterior import Posterior
from bayescamel.runs.sizes import Sizes
from bayescamel.targets import Target
from tests.prior_posterior import DOMAINS, example_runs, prior_posterior
from tests.shapes import checked, is_of, readable

TARGET = Target(1e9, 2e10, 3e8)
MIXTURES = np.random.default_rng(0).dirichlet(np.ones(3), size=7)
N_DRAWS = 40


@pytest.fixture(autouse=True)
def _shapes_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    readable(monkeypatch, curves, decision)


@pytest.fixture(scope="module")
def posterior() -> Posterior:
    return prior_posterior(example_runs(sparse=True), n_draws=N_DRAWS)


@pytest.mark.parametrize("xp", [np, jnp], ids=["numpy", "jax"])
@pytest.mark.parametrize("shape", [(7, 3), (1, 7, 3), (N_DRAWS, 7, 3)], ids=str)
def test_losses_of_draws(posterior: Posterior, shape: tuple[int, ...], xp: Any) -> None:
    some = curves.Curves.of(posterior)
    logs = Sizes.of_target(TARGET, DOMAINS).logs(posterior.centre)
    mixtures = xp.asarray(np.broadcast_to(MIXTURES, shape))
    found = checked(curves.losses)(xp, posterior.hierarchy, some, logs, mixtures)
    hints = get_type_hints(curves.Curves)
    with jaxtyped("context"):  # one number of draws, of domains, of validation domains
        for name in ("coefficients", "reference_loss", "reference", "own"):
            assert is_of(getattr(some, name), hints[name]), name
        assert is_of(found, curves.DrawnLosses)
    assert found.shape == (N_DRAWS, len(MIXTURES), posterior.runs.sizes["validation"])


@pytest.mark.parametrize("xp", [np, jnp], ids=["numpy", "jax"])
@pytest.mark.parametrize("repeats", [False, True])
def test_the_objective_of_draws(posterior: Posterior, repeats: bool, xp: Any) -> None:
    target = replace(TARGET, available={"code": 4e9} if repeats else {})
    made = decision.make_curve(posterior, target, {}, None)
    with jaxtyped("context"):
        assert is_of(made.draws.coefficients, curves.DrawnCoefficients)
    mean = checked(decision.objective_values)(
        xp,
        (posterior.hierarchy,),
        lambda _xp, loss, _aim: loss.mean(axis=-1),
        (made,),
        xp.asarray(MIXTURES[None]),
    )
    assert mean.shape == (N_DRAWS, len(MIXTURES))


def test_mixtures_without_an_axis_are_refused(posterior: Posterior) -> None:
    made = decision.make_curve(posterior, TARGET, {}, None)
    with pytest.raises(TypeCheckError, match="mixtures"):
        checked(decision.objective_values)(np, (posterior.hierarchy,), np.mean, (made,), MIXTURES)
    with jaxtyped("context"):
        assert is_of(made.draws.reference, curves.DomainWeights)
        assert not is_of(np.ones(len(DOMAINS) + 1), curves.DomainWeights)
