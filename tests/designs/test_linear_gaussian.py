"""The linear-Gaussian surrogate against its closed form, and against the draws it stands for."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bayescamel.designs.acquisitions import information_gained, target_variance, variance_removed
from bayescamel.designs.candidates import target_table
from bayescamel.designs.linear_gaussian import LinearGaussian
from bayescamel.designs.predictive import PredictiveDraws
from bayescamel.designs.regret import regret_removed
from tests.designs.examples import (
    DOMAINS,
    MIXTURES,
    NOISE,
    TARGET,
    WEIGHTS,
    camel_predictive,
    candidate_table,
    example_surrogate,
    linear_predictive,
)

TABLE = candidate_table()


@pytest.fixture(scope="module")
def linear() -> PredictiveDraws:
    return linear_predictive()


@pytest.fixture(scope="module")
def surrogate(linear: PredictiveDraws) -> LinearGaussian:
    return example_surrogate(linear, TABLE)


def design_rows(linear: PredictiveDraws, table: pd.DataFrame) -> np.ndarray:
    """What a validation domain's four coefficients are multiplied by: (run, 4)."""
    logs, mixtures = linear.law_inputs(table)
    size = logs.total
    return np.stack([np.ones_like(size), size, mixtures[:, 0], size * mixtures[:, 1]], axis=1)


def closed_form(linear: PredictiveDraws, runs: pd.DataFrame) -> np.ndarray:
    """Covariance of a domain's coefficients after runs (Bayesian linear regression): (4, 4)."""
    rows = design_rows(linear, runs)
    return np.linalg.inv(np.eye(4) / 0.1**2 + rows.T @ rows / NOISE**2)


def test_variance_of_the_target_falls_as_in_bayesian_regression(
    linear: PredictiveDraws, surrogate: LinearGaussian
) -> None:
    at_target = design_rows(linear, target_table(TARGET, MIXTURES, DOMAINS))
    chosen = [4, 17, 25]

    def objective_variance(covariance: np.ndarray) -> float:
        each = np.einsum("mp,pq,mq->m", at_target, covariance, at_target)
        return float(each.sum() * (WEIGHTS**2).sum())

    now = surrogate
    for count, index in enumerate(chosen):
        before = target_variance(now, "objective")
        removed = variance_removed(now, "objective")[index]
        now = now.condition_on_candidate(index)
        assert target_variance(now, "objective") == pytest.approx(before - removed, rel=1e-4)
        exact = closed_form(linear, TABLE.iloc[chosen[: count + 1]])
        # Single precision and the projection's hundredth of the noise are all that stands between.
        assert target_variance(now, "objective") == pytest.approx(
            objective_variance(exact), rel=2e-3
        )


def test_information_is_the_gaussian_mutual_information(
    linear: PredictiveDraws, surrogate: LinearGaussian
) -> None:
    best = int(np.argmin(surrogate.objective_mean))
    row = design_rows(linear, target_table(TARGET, MIXTURES[[best]], DOMAINS))[0]
    for index in (0, 13):
        after = closed_form(linear, TABLE.iloc[[index]])
        before = row @ row * 0.1**2 + NOISE**2
        exact = 3 * 0.5 * np.log(before / (row @ after @ row + NOISE**2))
        assert information_gained(surrogate)[index] == pytest.approx(exact, rel=2e-3)


def test_order_of_conditioning_does_not_matter(surrogate: LinearGaussian) -> None:
    one = surrogate.condition_on_candidate(3).condition_on_candidate(9).covariance
    other = surrogate.condition_on_candidate(9).condition_on_candidate(3).covariance
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_pending_runs_count_as_observed(linear: PredictiveDraws, surrogate: LinearGaussian) -> None:
    pending = example_surrogate(linear, TABLE, pending=TABLE.iloc[[3, 9]])
    chosen = surrogate.condition_on_candidate(3).condition_on_candidate(9)
    for of in ("losses", "objective"):
        assert target_variance(pending, of) == pytest.approx(target_variance(chosen, of), rel=1e-3)


def test_runs_of_a_new_size_share_its_effect(linear: PredictiveDraws) -> None:
    """A thousand runs of one new size leave its effect; of a measured size (effect 0) nothing."""
    new = candidate_table(1000, sizes=(8e6,))
    measured = candidate_table(1000, sizes=(4e6,))

    def left(table: pd.DataFrame) -> float:
        surrogate = example_surrogate(linear, table)
        surrogate = surrogate.condition_on(surrogate.candidates)
        curve = surrogate.projection.project_curves(linear.curves(table.iloc[:1]))[0, 0]
        return float(curve @ surrogate.covariance @ curve)

    # The curve and its size's effect are told apart only by what is known of either before.
    prior = 0.1**2 * (design_rows(linear, new.iloc[:1]) ** 2).sum()
    assert left(measured) < 3 * NOISE**2 / 100
    assert left(new) > 0.8 / (1 / prior + 1 / 0.02**2)


def test_features_reproduce_the_draws_of_a_curved_law() -> None:
    predictive = camel_predictive()
    table = candidate_table(24)
    surrogate = example_surrogate(predictive, table)
    losses = predictive.curves(table).reshape(predictive.n_draws, -1)
    at_target = predictive.curves(target_table(TARGET, MIXTURES, DOMAINS))
    exact = (losses - losses.mean(0)).T @ (at_target - at_target.mean(0)).reshape(len(losses), -1)
    exact /= len(losses) - 1
    features = surrogate.target_features.reshape(-1, len(surrogate.covariance))
    found = surrogate.covariance_with(features).reshape(exact.shape)
    scale = np.sqrt(np.outer(losses.var(0), at_target.reshape(len(losses), -1).var(0)))
    assert abs(found - exact).max() < 0.02 * scale.max()
    # What the projection leaves out counts as noise.
    left_out = surrogate.candidates.noise - predictive.noise
    assert (left_out >= 0).all()
    on_draws = surrogate.candidates.features[..., : surrogate.projection.draws.shape[1]]
    np.testing.assert_allclose(
        (on_draws**2).sum(2) + left_out,
        losses.var(0, ddof=1).reshape(24, 3),
        rtol=1e-3,
    )


def test_moved_draws_have_the_covariance_that_is_left(surrogate: LinearGaussian) -> None:
    after = surrogate.condition_on_candidate(5)
    np.testing.assert_allclose(np.cov(after.draws(0).T), after.covariance, atol=0.05)


def test_a_candidate_of_absurd_variance_is_scored_without_breaking_the_rest(
    surrogate: LinearGaussian,
) -> None:
    """Draws of a law without bound send a corner's loss to 1e7: no noise in single precision."""
    wild = surrogate.candidates.features.copy()
    wild[0] = 1e7 * wild[0, 0]  # the same for all its losses
    odd = replace(surrogate, candidates=surrogate.candidates._replace(features=wild))
    np.linalg.cholesky(odd.predicted_covariance())  # raises where it is not positive definite
    others = slice(1, None)
    for score in (
        lambda k: variance_removed(k, "losses"),
        information_gained,
        lambda k: regret_removed(k, 64),
    ):
        assert np.isfinite(score(odd)).all()
        np.testing.assert_allclose(score(odd)[others], score(surrogate)[others], rtol=1e-5)
