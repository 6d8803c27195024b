"""What one reader of draws says of a mixture, every other says too."""

import dataclasses

import numpy as np
import pytest
import xarray as xr

from bayescamel.comparison.stacking import StackedPosterior
from bayescamel.decisions import optimal_mixture, rank_mixtures
from bayescamel.designs.allocation.scenarios import Scenarios
from bayescamel.designs.candidates import target_table
from bayescamel.designs.predictive import PredictiveDraws
from bayescamel.designs.prior import centre_of
from bayescamel.draws.prediction import extrapolation
from bayescamel.draws.scatter import outside
from bayescamel.laws import get_law
from bayescamel.laws.repetition import Repetition
from bayescamel.mixtures.constraints import Constraints
from bayescamel.models.hierarchy import Hierarchy, Pooling
from bayescamel.posterior import Posterior
from bayescamel.runs.sizes import Sizes
from bayescamel.runs.wide import wide_table
from bayescamel.targets import Target
from tests.prior_posterior import DOMAINS, example_runs, prior_posterior

OBJECTIVE = {"code": 0.5, "math": 0.5}
MIXTURES = np.random.default_rng(3).dirichlet(np.ones(3), size=8)

AVAILABLE = {"math": 4e8, "web": 1e9}
"""Unique tokens, for targets of 1e10."""

CASES: dict[str, tuple[dict[str, bool], Pooling, dict[str, float]]] = {
    "tokens vary": ({}, "partial", {}),
    "equal tokens": ({"tokens_vary": False}, "partial", {}),
    "sparse": ({"sparse": True}, "partial", {}),
    "sparse, fully pooled": ({"tokens_vary": False, "sparse": True}, "full", {}),
    "fully pooled": ({}, "full", {}),
    "unpooled": ({"tokens_vary": False}, "none", {}),
    "repeats, and no run has any": ({"sparse": True}, "partial", AVAILABLE),
    "repeats, as in runs": ({"repeated": True}, "partial", AVAILABLE),
    "repeats, as in runs, unpooled": ({"repeated": True}, "none", AVAILABLE),
    "fresh, and runs repeated": ({"repeated": True}, "full", {}),
}


@pytest.fixture(scope="module", params=CASES.values(), ids=list(CASES))
def case(request: pytest.FixtureRequest) -> tuple[Posterior, Target]:
    kinds, pooling, available = request.param
    posterior = prior_posterior(example_runs(**kinds), pooling=pooling)
    active = 2e8 if posterior.hierarchy.sparse else None
    return posterior, Target(1e9, 1e10, active, available)


@pytest.fixture(scope="module")
def posterior(case: tuple[Posterior, Target]) -> Posterior:
    return case[0]


@pytest.fixture(scope="module")
def target(case: tuple[Posterior, Target]) -> Target:
    return case[1]


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


@pytest.mark.parametrize("repeated", [False, True])
def test_tokens_are_available_to_a_target_or_to_a_decision(repeated: bool) -> None:
    """Two ways to say it, one answer, which is not that for tokens without end."""
    posterior, bare = prior_posterior(example_runs(repeated=repeated)), Target(1e9, 1e10)
    limited = dataclasses.replace(bare, available=AVAILABLE)
    said = optimal_mixture(posterior, limited, OBJECTIVE)
    limits = Constraints(available=AVAILABLE)
    other = optimal_mixture(posterior, bare, OBJECTIVE, constraints=limits)
    np.testing.assert_array_equal(said.recommended, other.recommended)
    assert said.expected == other.expected
    assert said.worth is not None
    assert ("learned from" if repeated else "a prior") in said.worth
    assert said.worth in said.notes()
    assert optimal_mixture(posterior, bare, OBJECTIVE).worth is None
    fresh, worn = (objective(posterior, model, MIXTURES) for model in (bare, limited))
    assert (worn > fresh).all()
    # What is given stands in place of what is known: repeats that are worth what new tokens are.
    given = optimal_mixture(posterior, limited, OBJECTIVE, repetition=Repetition(1e6, 0.01))
    assert given.worth is not None
    assert "as it was given" in given.worth
    there = given.recommended.to_numpy()[None]
    assert given.expected == pytest.approx(float(objective(posterior, bare, there)[0]), rel=1e-4)


def test_repeated_runs_are_predicted_as_targets_that_repeat() -> None:
    posterior = prior_posterior(example_runs(repeated=True))
    some = posterior.runs.isel(run=[0, 1, 3])
    told = PredictiveDraws.of(posterior).curves(wide_table(some))
    for row in range(3):
        run = some.isel(run=row)
        alone = posterior.predict(
            Target.of_run(run), run["mixture"].to_numpy()[None], kind="curve"
        )["loss"].to_numpy()
        np.testing.assert_allclose(alone.reshape(told[:, row].shape), told[:, row], rtol=1e-12)
    assert Target.of_run(some.isel(run=0)).available == {"math": 1e7}
    assert not Target.of_run(some.isel(run=1)).available


def test_more_epochs_than_the_runs_saw_are_outside_of_them() -> None:
    """Runs of which one saw a domain e² times; a target that sees it e³ times."""
    runs = example_runs()
    seen = runs["mixture"] * runs["n_tokens"]
    runs = runs.assign(unique=(seen / np.exp(2)).where(runs["run"] == "r4", np.inf))
    posterior = prior_posterior(runs)
    mixture = xr.DataArray(runs["mixture"].to_numpy()[[4]], dims=("mixture", "domain"))
    most = float(runs["n_tokens"].max())
    for epochs, expected in ((np.exp(2), 0.0), (np.exp(3), 0.5)):
        unique = {"web": float(mixture[0, 2]) * most / epochs}
        target = Target(9e7, most, available=unique)
        found = extrapolation(runs, target, mixture)
        assert float(found[0]) == pytest.approx(expected, abs=1e-9)
        models = Sizes.of_target(target, DOMAINS)
        beyond = outside(posterior, models, mixture.to_numpy())
        np.testing.assert_allclose(beyond, [2 * expected], atol=1e-9)


def test_candidates_may_repeat_tokens_before_any_run_does() -> None:
    """From the prior alone, and in what plans are made of."""
    hierarchy = Hierarchy(get_law("camel"), 3, 3)
    told = wide_table(example_runs(repeated=True))
    fresh = told.drop(columns="unique_math")
    centre = centre_of(told, DOMAINS, 3)
    known = (hierarchy, centre, DOMAINS, DOMAINS)
    predictive = PredictiveDraws.prior(*known, fresh, n_draws=40)
    worn, new = predictive.curves(told), predictive.curves(fresh)
    repeats = (told["w_math"] * told["n_tokens"] > told["unique_math"]).to_numpy()
    assert (worn > new)[:, repeats].all()
    np.testing.assert_allclose(worn[:, ~repeats], new[:, ~repeats], rtol=1e-12)
    scenarios = Scenarios.prior(hierarchy, DOMAINS, DOMAINS, told, n=4)
    loss, gradient = scenarios.gradients(told)
    assert (loss > scenarios.gradients(fresh)[0])[:, repeats].all()
    assert np.isfinite(gradient).all()
