from typing import Any

import numpy as np
import pytest
import xarray as xr

import bayescamel as bc
from bayescamel.comparison.backtest import backtest, horizons
from bayescamel.comparison.loo import leave_one_out
from bayescamel.comparison.stacking import loo_scores, stack, stacking_weights
from bayescamel.exceptions import FitError, RunTableError
from bayescamel.posterior import Posterior
from tests.camel_runs import SIZES, simulated_runs

SETTINGS: dict[str, Any] = {"chains": 2, "draws": 200, "tune": 400, "progress": False}


@pytest.fixture(scope="module")
def runs() -> xr.Dataset:
    return simulated_runs(n_runs=40)


@pytest.fixture(scope="module")
def two_sizes(runs: xr.Dataset) -> xr.Dataset:
    return runs.isel(run=(runs["n_params"] <= SIZES[1]).values)


@pytest.fixture(scope="module")
def posteriors(two_sizes: xr.Dataset) -> list[Posterior]:
    # Chinchilla knows nothing of mixtures, and these runs differ in little else.
    return [bc.fit(two_sizes, law, **SETTINGS) for law in ("camel", "chinchilla")]


def test_horizons_fit_the_smaller_and_predict_the_larger(runs: xr.Dataset) -> None:
    found = horizons(runs)
    pairs = [(len(h.fitted_sizes), h.held_out_size) for h in found]
    assert pairs == [(2, SIZES[2]), (2, SIZES[3]), (3, SIZES[3])]
    for horizon in found:
        assert horizon.train["n_params"].max() < horizon.test["n_params"].min()
        assert set(horizon.test["n_params"].values) == {horizon.held_out_size}


def test_sparse_models_are_as_large_as_what_is_active(runs: xr.Dataset) -> None:
    """A sparse model with many idle parameters is no horizon beyond a dense one of its FLOPs."""
    size = runs["n_params"]
    sparse = runs.assign(n_params=size.where(size != SIZES[0], 100 * size), n_active_params=size)
    pairs = [(h.fitted_sizes, h.held_out_size) for h in horizons(sparse)]
    assert pairs == [(h.fitted_sizes, h.held_out_size) for h in horizons(runs)]


def test_two_sizes_are_too_few_for_a_backtest(two_sizes: xr.Dataset) -> None:
    with pytest.raises(RunTableError, match="2 sizes"):
        horizons(two_sizes)


def test_an_unknown_method_is_refused(runs: xr.Dataset) -> None:
    with pytest.raises(FitError, match="unknown method 'best'"):
        backtest(runs, ["camel"], methods=["best"])


def test_weights_follow_the_scores() -> None:
    rng = np.random.default_rng(0)
    equal = stacking_weights(np.zeros((30, 3)))
    np.testing.assert_allclose(equal, 1 / 3, atol=1e-6)
    better = rng.normal([0, 3, 0], 0.1, size=(30, 3))
    assert stacking_weights(better)[1] > 0.9
    # Two laws that are each right half of the time share the weight, though neither is best.
    halves = np.where(np.arange(30)[:, None] % 2 == [0, 1], 0.0, -5.0)
    np.testing.assert_allclose(stacking_weights(halves), 0.5, atol=0.01)


def test_log_likelihood_leaves_out_what_was_not_measured(posteriors: list[Posterior]) -> None:
    posterior = posteriors[0]
    group = posterior.with_groups("log_likelihood")["log_likelihood"]["loss"]
    assert group.sizes["observation"] == int(posterior.runs["loss"].notnull().sum())
    assert np.isfinite(group).all()
    assert leave_one_out(posterior).elpd.elpd > leave_one_out(posteriors[1]).elpd.elpd


def test_a_stack_prefers_the_law_that_predicts_and_predicts_like_a_posterior(
    posteriors: list[Posterior],
) -> None:
    stacked = stack(posteriors)
    assert float(stacked.weights.sum()) == pytest.approx(1)
    assert float(stacked.weights.sel(law="camel")) > 0.6
    np.testing.assert_allclose(stacked.scores.sel(law="camel"), loo_scores(posteriors[0]))
    target = bc.Target(3e7, 1e9)
    mixtures = np.eye(3)
    loss = stacked.predict(target, mixtures)["loss"]
    assert loss.dims == ("chain", "draw", "mixture", "validation")
    means = {
        p.law.name: p.predict(target, mixtures)["loss"].mean(("chain", "draw")) for p in posteriors
    }
    mixed = sum(stacked.weights.sel(law=law).item() * mean for law, mean in means.items())
    sd = loss.std(("chain", "draw"))
    assert float((abs(loss.mean(("chain", "draw")) - mixed) / sd).max()) < 0.25
    mean, scatter = stacked.run_distribution(stacked.runs)
    assert mean.shape == scatter.shape == (loss.sizes["draw"], stacked.runs.sizes["run"], 3)
    assert "camel" in repr(stacked)


def test_a_stack_needs_different_laws_of_the_same_runs(
    posteriors: list[Posterior], runs: xr.Dataset
) -> None:
    with pytest.raises(FitError, match="each law once"):
        stack([posteriors[0], posteriors[0]])
