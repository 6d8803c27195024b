"""Comparing laws: influential losses and what answers them, what it costs, stacks on disk."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.special import logsumexp

import bayescamel as bc
from bayescamel.comparison import compare as comparing
from bayescamel.comparison.loo import leave_one_out
from bayescamel.comparison.scores import normal_log_density
from bayescamel.comparison.stacking import StackedPosterior
from bayescamel.draws.scatter import curve_distribution
from bayescamel.exceptions import FitError, StorageError
from bayescamel.posterior import Posterior
from tests.camel_runs import SIZES, simulated_runs
from tests.prior_posterior import example_runs, prior_posterior

SETTINGS: dict[str, Any] = {"chains": 4, "draws": 2000, "tune": 400, "progress": False}


@pytest.fixture(scope="module")
def runs() -> xr.Dataset:
    """Two sizes, of the larger one run: each of its losses pins down an effect of its own."""
    table = simulated_runs(n_runs=24)
    small = np.flatnonzero(table["n_params"] == SIZES[0])
    large = np.flatnonzero(table["n_params"] == SIZES[1])[:1]
    return table.isel(run=np.concatenate([small, large]))


@pytest.fixture(scope="module")
def posterior(runs: xr.Dataset) -> Posterior:
    fitted: Posterior = bc.fit(runs, "chinchilla", **SETTINGS)
    return fitted


def test_influential_losses_are_scored_as_fits_without_them_would(posterior: Posterior) -> None:
    told = leave_one_out(posterior)
    assert told.influential > 0
    assert told.left == 0
    assert "answered by integrating" in str(told)
    # One of them against a fit that has never seen it.
    row = posterior.runs.sizes["run"] - 1
    name = str(posterior.runs["run"][row].item())
    without = posterior.runs.copy(deep=True)
    without["loss"][row, 0] = np.nan
    # From there, so that it is written around the same centre: the mean loss is part of the prior.
    refitted = bc.fit(without, "chinchilla", warm_start=posterior, **SETTINGS)
    mean, sd = curve_distribution(refitted, without, fitted=True)
    observed = posterior.runs["loss"].to_numpy()
    density = normal_log_density(observed, mean, sd)[:, row, 0]
    exact = float(logsumexp(density) - np.log(len(density)))
    pointwise = told.elpd.elpd_i
    here = (pointwise["run"] == name) & (
        pointwise["validation"] == posterior.runs["validation"][0].item()
    )
    # Both by 8,000 draws, of which a density in the tails makes fewer: over four seeds they differ
    # by 0.10 on average and by 0.18 at most (by 1,600 draws by 0.33).
    assert float(pointwise[here.to_numpy()][0]) == pytest.approx(exact, abs=0.3)


def test_posteriors_that_were_fitted_are_compared_without_another_fit(
    posterior: Posterior, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_args: object, **_options: object) -> Any:
        raise AssertionError("fitted")

    monkeypatch.setattr(comparing, "fit", refused)
    words: list[str] = []
    found = bc.compare({"one": posterior, "other": posterior}, progress=words.append)
    assert set(found.loo.index) == {"one", "other"}
    assert np.allclose(found.loo["elpd_diff"], 0)
    assert (len(found.horizons), len(found.by_size), words) == (0, 0, [])
    assert "one: " in str(found)
    assert "too influential" in str(found)
    for given, message in (
        ([posterior, posterior], "name those of one law"),
        ({"one": posterior, "other": prior_posterior(example_runs())}, "same runs"),
    ):
        with pytest.raises(FitError, match=message):
            bc.compare(given)
    with pytest.raises(FitError, match="runs and laws, or fitted posteriors"):
        bc.compare({"one": posterior, "other": posterior}, ["camel"])


def test_what_it_costs_is_said_and_each_size_is_left_out(
    posterior: Posterior, runs: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[list[float]] = []

    def fit(table: xr.Dataset, *_args: object, **_options: object) -> Posterior:
        trained.append(sorted(set(table["n_params"].to_numpy())))
        return posterior

    monkeypatch.setattr(comparing, "fit", fit)
    words: list[str] = []
    found = bc.compare(runs, ["chinchilla", "r1"], by_size=True, progress=words.append)
    assert trained == 2 * [list(SIZES[:2])] + 2 * [[SIZES[1]], [SIZES[0]]]
    assert words[0] == f"6 fits: 2 laws, {runs.sizes['run']} runs"
    assert words[-1].startswith(f"fit 6 of 6: r1, without {SIZES[1]:.3g} parameters; about 0 s")
    assert list(found.by_size["size"]) == 2 * list(SIZES[:2])
    assert np.isfinite(found.by_size["log_score"]).all()
    assert "Each size left out" in str(found)


def test_a_stack_comes_back_from_its_file(tmp_path: Path) -> None:
    parts = {law: prior_posterior(example_runs(), law) for law in ("camel", "r1")}
    weights = xr.DataArray([0.25, 0.75], {"law": list(parts)}, ("law",))
    scores = xr.DataArray(np.eye(2), {"block": ["1e7→3e7 code", "b"], "law": list(parts)})
    stacked = StackedPosterior(parts, weights, scores.rename(None))
    path = tmp_path / "stack.nc"
    stacked.save(path)
    again = StackedPosterior.load(path)
    target = bc.Target(3e8, 6e9)
    xr.testing.assert_identical(again.predict(target), stacked.predict(target))
    xr.testing.assert_equal(again.scores, scores)
    with pytest.raises(StorageError, match="exists"):
        stacked.save(path)
    parts["camel"].save(path, force=True)
    with pytest.raises(StorageError, match="no stack of this version"):
        StackedPosterior.load(path)
    stacked.save(path, force=True)
    with pytest.raises(StorageError, match="format"):
        Posterior.load(path)
