"""What a law misses beyond the runs: as a prediction says it, and as runs there would tell it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayescamel.designs.acquisitions import VarianceReduction, target_variance
from bayescamel.designs.candidates import target_table
from bayescamel.designs.inputs import AcquisitionInputs
from bayescamel.designs.linear_gaussian import LinearGaussian, surrogate_of
from bayescamel.designs.missed import Missed, missed_covariance
from bayescamel.designs.predictive import PredictiveDraws
from bayescamel.draws.scatter import run_scatter
from bayescamel.models.hierarchy import Hierarchy, Noise
from bayescamel.posterior import Posterior
from bayescamel.runs.sizes import Sizes
from bayescamel.targets import Target
from tests.designs.examples import DOMAINS, LINEAR, MIXTURES, WEIGHTS, linear_predictive
from tests.prior_posterior import example_runs, prior_posterior

FAR = Target(n_params=9e7 * np.e**3, n_tokens=20 * 9e7 * np.e**3)
SIZES = 9e7 * np.exp([1.0, 2.0])
TOKENS = 20 * 9e7 * np.exp([1.0, 2.0])


@pytest.fixture(scope="module")
def posterior() -> Posterior:
    return prior_posterior(example_runs(), n_draws=200)


def candidates() -> pd.DataFrame:
    table = pd.DataFrame({"run_id": ["near", "far"], "n_params": SIZES, "n_tokens": TOKENS})
    return table.assign(**{f"w_{name}": 1 / 3 for name in DOMAINS})


def surrogate_for(posterior: Posterior, target: Target, table: pd.DataFrame) -> LinearGaussian:
    predictive = PredictiveDraws.of(posterior)
    return surrogate_of(predictive, target_table(target, MIXTURES, DOMAINS), WEIGHTS, table)


def missed_of(surrogate: LinearGaussian, features: np.ndarray) -> np.ndarray:
    """Covariance of what is missed of the first run's losses, (V, V)."""
    n = surrogate.projection.missed.n_features
    rows = features[0, :, -n:]
    return np.asarray(rows @ surrogate.covariance[-n:, -n:] @ rows.T)


def test_a_known_miss_leaves_what_lies_beyond_it() -> None:
    """From 0 to t the sd is t; once it is known at s it is t - s, and nothing of the other side."""
    places = np.array([0.5, 1.0, 2.5, 4.0])
    np.testing.assert_allclose(np.diag(missed_covariance(places, places)), places**2)
    for s in places[:-1]:
        known = missed_covariance(np.array([s]), places)[0]
        left = places**2 - known**2 / s**2
        np.testing.assert_allclose(left[places > s], (places - s)[places > s] ** 2)
    assert (missed_covariance(-places, places) == 0).all()


def test_it_is_a_covariance_wherever_runs_may_be() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        places = rng.normal(size=30) * 10 ** rng.uniform(-2, 1, size=30)
        values = np.linalg.eigvalsh(missed_covariance(places, places))
        assert values.min() > -1e-12 * values.max()


def test_at_the_target_it_is_what_predictions_say(posterior: Posterior) -> None:
    surrogate = surrogate_for(posterior, FAR, candidates())
    scatter = run_scatter(posterior, Sizes.of_target(FAR, DOMAINS), MIXTURES[:1])
    expected = (scatter.missed[:, 0] ** 2).mean(axis=0)
    found = missed_of(surrogate, surrogate.target_features)
    # Features leave out up to a hundredth of the noise's variance, in size and in tokens.
    np.testing.assert_allclose(np.diag(found), expected, rtol=0.01)
    sd = np.sqrt(np.diag(found))
    shared = posterior.hierarchy.noise.beyond_shared
    correlation = found / np.outer(sd, sd)
    np.testing.assert_allclose(correlation[np.triu_indices(3, 1)], shared, rtol=1e-6)


@pytest.mark.parametrize("row", [0, 1])
@pytest.mark.parametrize("along", ["n_params", "n_tokens"])
def test_many_runs_further_out_leave_what_a_fit_to_them_would_miss(row: int, along: str) -> None:
    """In the limit of so many runs that law and miss are known there; repeats approach it."""
    posterior = prior_posterior(example_runs(tokens_vary=False), n_draws=200)
    inside = {"n_params": 3e7, "n_tokens": 1e9}
    target = Target(**(inside | {along: getattr(FAR, along)}))
    table = candidates().assign(**{name: inside[name] for name in inside if name != along})
    surrogate = surrogate_for(posterior, target, table)
    n = surrogate.projection.missed.n_features
    run = surrogate.only(np.array([row])).candidates
    of_missed = run.features.copy()
    of_missed[..., :-n] = 0.0
    left = [
        np.diag(missed_of(surrogate.condition_on(told), surrogate.target_features))
        for times in (1, 8, 1_000_000)
        for told in [run._replace(features=of_missed, noise=run.noise / times)]
    ]
    assert (left[0] > left[1]).all()
    assert (left[1] > left[2]).all()
    sizes = {name: ("run", table[name][[row]]) for name in inside}
    new = posterior.runs.isel(run=[0]).assign(sizes).assign_coords(run=["new"])
    wider = xr.concat([posterior.runs, new], "run")
    again = replace(posterior, runs=wider)
    scatter = run_scatter(again, Sizes.of_target(target, DOMAINS), MIXTURES[:1])
    expected = (scatter.missed[:, 0] ** 2).mean(axis=0)
    before = np.diag(missed_of(surrogate, surrogate.target_features))
    assert (expected < 0.5 * before).all()
    np.testing.assert_allclose(left[2], expected, atol=0.02 * before.max())


def test_before_the_first_run_what_lies_between_a_run_and_the_target_is_missed() -> None:
    predictive = replace(linear_predictive(), hierarchy=Hierarchy(LINEAR, 3, 3), fitted=None)
    surrogate = surrogate_of(
        predictive, target_table(FAR, MIXTURES, DOMAINS), WEIGHTS, candidates()
    )
    n = surrogate.projection.missed.n_features
    assert (surrogate.target_features[..., -n:] == 0).all()
    missed = (surrogate.candidates.features[..., -n:] ** 2).sum(axis=-1)
    squares = 2 * 2**2, 2 * 1**2  # in ln N and in ln D alike
    noise = np.outer(squares, predictive.noise)
    np.testing.assert_allclose(missed, noise, atol=0.03 * predictive.noise.max())


def test_runs_that_repeat_tokens_more_than_the_fitted_ones_are_beyond_them() -> None:
    """In the middle of the fitted sizes, once, e and e² times over each domain."""
    table = pd.concat([candidates()] * 2, ignore_index=True).iloc[:3]
    table = table.assign(run_id=list("abc"), n_params=4e6, n_tokens=1e9)
    unique = 1e9 / 3 / np.exp([0.0, 1.0, 2.0])
    table = table.assign(**{f"unique_{name}": unique for name in DOMAINS})
    wanted = target_table(FAR, MIXTURES, DOMAINS)
    missed = Missed.of(Noise(), 3, linear_predictive().fitted, wanted, table).features(table)
    variance = (missed**2).sum(axis=-1)  # in units of the noise's
    np.testing.assert_allclose(variance, np.outer([0, 1, 4], np.ones(3)), atol=0.03)


def test_runs_that_tell_the_same_of_the_law_are_told_apart() -> None:
    """With the law known, a run of the fitted sizes teaches nothing, and one further out more."""
    predictive = replace(linear_predictive(), hierarchy=Hierarchy(LINEAR, 3, 3))
    draws = predictive.draws
    known = draws._replace(coefficients=1e-6 * draws.coefficients)
    table = pd.concat([candidates().assign(n_tokens=1e9)] * 2, ignore_index=True)
    table = table.assign(run_id=list("abcd"), n_params=[4e6, 16e6, *SIZES])
    surrogate = surrogate_of(
        replace(predictive, draws=known), target_table(FAR, MIXTURES, DOMAINS), WEIGHTS, table
    )
    inputs = AcquisitionInputs(table, np.ones(4), table.iloc[:0], surrogate, seed=0)
    scores = VarianceReduction().scores(inputs) / target_variance(surrogate, "losses")
    assert (scores[:2] < 1e-6).all()
    assert scores[3] > scores[2] > 0.02
