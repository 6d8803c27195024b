"""What one reader of draws says of a mixture, every other says too."""

import numpy as np
import pytest
import xarray as xr

from bayescamel.comparison.stacking import StackedPosterior
from bayescamel.decisions import optimal_mixture, rank_mixtures
from bayescamel.designs.candidates import target_table
from bayescamel.designs.predictive import PredictiveDraws
from bayescamel.models.hierarchy import Pooling
from bayescamel.posterior import Posterior
from bayescamel.targets import Target
from tests.prior_posterior import DOMAINS, example_runs, prior_posterior

OBJECTIVE = {"code": 0.5, "math": 0.5}
MIXTURES = np.random.default_rng(3).dirichlet(np.ones(3), size=8)

CASES = {
    "tokens vary": (True, False, "partial"),
    "equal tokens": (False, False, "partial"),
    "sparse": (True, True, "partial"),
    "sparse, fully pooled": (False, True, "full"),
    "fully pooled": (True, False, "full"),
    "unpooled": (False, False, "none"),
}


@pytest.fixture(scope="module", params=CASES.values(), ids=list(CASES))
def posterior(request: pytest.FixtureRequest) -> Posterior:
    tokens_vary, sparse, pooling = request.param
    some: Pooling = pooling
    return prior_posterior(example_runs(tokens_vary=tokens_vary, sparse=sparse), pooling=some)


@pytest.fixture(scope="module")
def target(posterior: Posterior) -> Target:
    active = 2e8 if posterior.hierarchy.sparse else None
    return Target(n_params=1e9, n_tokens=1e10, n_active_params=active)


def objective(posterior: Posterior, target: Target, mixtures: np.ndarray) -> np.ndarray:
    """Mean over the draws of the objective's losses by the law, by mixture."""
    loss = posterior.predict(target, mixtures, kind="curve")["loss"]
    return np.asarray(loss.sel(validation=list(OBJECTIVE)).mean(("chain", "draw", "validation")))


@pytest.mark.parametrize("max_draws", [40, 10], ids=["whole", "thinned"])
def test_a_decision_expects_what_is_predicted(
    posterior: Posterior, target: Target, max_draws: int
) -> None:
    best = optimal_mixture(posterior, target, OBJECTIVE, max_draws=max_draws)
    ((some, rows),) = posterior.parts(max_draws)
    assert len(rows) == max_draws
    predicted = objective(some, target, best.recommended.to_numpy()[None])
    assert best.expected == pytest.approx(float(predicted[0]), rel=1e-12)


def test_a_ranking_orders_by_what_is_predicted(posterior: Posterior, target: Target) -> None:
    ranked = rank_mixtures(posterior, target, MIXTURES, OBJECTIVE, residuals=False)
    predicted = objective(posterior, target, MIXTURES)
    assert list(ranked["mixture"].to_numpy()) == list(np.argsort(predicted))
    np.testing.assert_allclose(ranked["expected"], np.sort(predicted), rtol=1e-12)


def test_a_design_looks_at_what_is_predicted(posterior: Posterior, target: Target) -> None:
    table = target_table(target, MIXTURES, DOMAINS)
    loss = posterior.predict(target, MIXTURES, kind="curve")["loss"]
    expected = loss.stack(sample=("chain", "draw")).transpose("sample", "mixture", "validation")
    found = PredictiveDraws.of(posterior).curves(table)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_fitted_runs_are_predicted_by_the_curve_and_the_effect_of_their_size(
    posterior: Posterior,
) -> None:
    from bayescamel.draws.scatter import curve_distribution

    mean, _ = curve_distribution(posterior, posterior.runs)
    run = posterior.runs.isel(run=7)
    active = float(run["n_active_params"]) if "n_active_params" in run else None
    here = Target(float(run["n_params"]), float(run["n_tokens"]), active)
    curve = posterior.predict(here, run["mixture"].to_numpy()[None], kind="curve")["loss"]
    sizes = posterior.flat("size_effect") * posterior.centre.loss[:, None]
    effect = mean[:, 7] - curve.to_numpy().reshape(-1, 3)
    assert any(np.allclose(effect, sizes[..., scale]) for scale in range(sizes.shape[-1]))


def test_a_stack_of_one_law_is_that_law(posterior: Posterior, target: Target) -> None:
    weights = xr.DataArray([1.0], {"law": ["camel"]}, ("law",))
    stack = StackedPosterior({"camel": posterior}, weights, scores=xr.DataArray(np.zeros((1, 1))))
    for kind in ("curve", "mean", "run"):
        alone = posterior.predict(target, MIXTURES, kind=kind)["loss"]
        stacked = stack.predict(target, MIXTURES, kind=kind)["loss"]
        np.testing.assert_allclose(
            stacked.to_numpy().reshape(alone.to_numpy().reshape(40, 8, 3).shape),
            alone.to_numpy().reshape(40, 8, 3),
        )
    one, other = (optimal_mixture(p, target, OBJECTIVE) for p in (posterior, stack))
    np.testing.assert_allclose(one.recommended, other.recommended, atol=1e-9)
    assert one.expected == pytest.approx(other.expected, rel=1e-9)
    ranks = [rank_mixtures(p, target, MIXTURES, OBJECTIVE) for p in (posterior, stack)]
    np.testing.assert_allclose(ranks[0]["expected"], ranks[1]["expected"], rtol=1e-12)
