"""Recovery from simulated runs, what few questions do, smooth scores, refusals."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayescamel.benchmarks import BenchmarkPosterior, fit_benchmarks
from bayescamel.exceptions import BenchmarkError, ConvergenceError, FitError
from bayescamel.runs.table import read_runs
from tests.benchmarks.known_benchmarks import (
    KNOWN,
    SETTINGS,
    as_runs,
    known_table,
    reference,
    truth,
)

MOVING = ["arc_easy", "arc_challenge", "triviaqa"]


def test_the_curve_is_recovered(fitted: BenchmarkPosterior, runs: xr.Dataset) -> None:
    curve = fitted.predict_at(runs["loss"])["accuracy"]
    # The questions' luck is at most 1.4 points a run, and 20 runs share a curve.
    np.testing.assert_allclose(curve.mean(("chain", "draw")), truth(runs["loss"]), atol=0.012)


def test_parameters_are_recovered(fitted: BenchmarkPosterior) -> None:
    draws = fitted.tree["posterior"].to_dataset()
    for name in MOVING:
        own = draws.sel(benchmark=name)
        known = KNOWN[name]
        # The posterior is written around the reference of the fitted runs.
        moved = np.log(float((fitted.reference / reference()).sel(validation=known.listens)))
        for parameter, value in (
            ("slope", known.slope),
            ("midpoint", known.midpoint - moved),
            ("ceiling", known.ceiling),
        ):
            low, high = np.quantile(own[parameter], [0.005, 0.995])
            assert low < value < high, (name, parameter)
        assert float(own["listening"].sel(validation=known.listens).mean()) > 0.75


def test_what_is_at_chance_is_called_so(fitted: BenchmarkPosterior) -> None:
    above = fitted.facts["above_chance"]
    assert above.sel(benchmark=MOVING).all()
    assert not above.sel(benchmark="winogrande")
    assert "at chance in every fitted run: winogrande" in repr(fitted)


def test_fewer_questions_widen_the_interval(fitted: BenchmarkPosterior, runs: xr.Dataset) -> None:
    # The same shares of right answers, told to be of 50 questions.
    few = fit_benchmarks(runs, questions=dict.fromkeys(KNOWN, 50), **SETTINGS)
    widths = []
    for posterior in (few, fitted):
        curve = posterior.predict_at(runs["loss"] * 0.9)["accuracy"].sel(benchmark=MOVING)
        low, high = np.quantile(curve, [0.05, 0.95], axis=(0, 1))
        widths.append((high - low).mean(axis=0))
    # 23 to 360 times fewer questions: five times the width and more, were there no prior.
    assert (widths[0] > 1.5 * widths[1]).all()


def test_a_smooth_score_speaks_where_accuracies_are_noise() -> None:
    runs = as_runs(known_table(questions=40, score_noise=0.005))
    # Of the ratio below, 0.87, so many draws leave 0.01 to chance; 150 of a chain left 0.04.
    told: dict[str, Any] = {"questions": dict.fromkeys(KNOWN, 40)} | SETTINGS | {"draws": 600}
    alone, joined = (
        fit_benchmarks(runs, measures=measures, **told) for measures in ("accuracy", "both")
    )
    ahead = runs["loss"] * 0.9
    spread = [
        posterior.predict_at(ahead)["accuracy"].sel(benchmark=MOVING).std(("chain", "draw")).mean()
        for posterior in (alone, joined)
    ]
    assert spread[1] < 0.95 * spread[0]
    score = joined.predict_at(runs["loss"])["score"].mean(("chain", "draw"))
    # A noise of half a point, averaged over 20 runs.
    np.testing.assert_allclose(score.sel(benchmark=MOVING), truth(runs["loss"])[:, :3], atol=0.01)


@pytest.mark.parametrize("law", ["exponential", "sigmoid"])
def test_the_peers_are_fitted_by_the_loss_that_suits_them(law: str, runs: xr.Dataset) -> None:
    posterior = fit_benchmarks(runs, law, **SETTINGS)
    curve = posterior.predict_at(runs["loss"])["accuracy"].mean(("chain", "draw"))
    # The exponential is not the law that made the data: two points are its misfit.
    np.testing.assert_allclose(curve, truth(runs["loss"]), atol=0.03)
    listening = posterior.tree["posterior"]["listening"].isel(chain=0, draw=0)
    for name in ("arc_challenge", "triviaqa"):
        assert listening.sel(benchmark=name, validation=KNOWN[name].listens) == 1


def test_strict_raises_where_the_draws_are_too_few(runs: xr.Dataset) -> None:
    with pytest.raises(ConvergenceError, match="too few effective draws"):
        fit_benchmarks(runs, strict=True, **SETTINGS | {"draws": 50})


def test_what_cannot_be_fitted_is_refused_by_name(table: pd.DataFrame) -> None:
    plain = table.drop(columns=[name for name in table if str(name).startswith("acc_")])
    with pytest.raises(BenchmarkError, match=r"no 'acc_\*' column"):
        fit_benchmarks(plain)
    with pytest.raises(BenchmarkError, match=r"no 'score_\*' column"):
        fit_benchmarks(table, measures="score")
    with pytest.raises(BenchmarkError, match="3 runs have a value of a benchmark"):
        fit_benchmarks(table.iloc[:3])
    few = table.copy()
    few.loc[3:, "acc_triviaqa"] = None
    with pytest.raises(BenchmarkError, match="3 runs have the accuracy of benchmark 'triviaqa'"):
        fit_benchmarks(few)
    holed = table.copy()
    holed.loc[2, "loss_b"] = None
    run = read_runs(table)["run"][2].item()
    with pytest.raises(BenchmarkError, match=f"run '{run}' has a benchmark and no loss on 'b'"):
        fit_benchmarks(holed)
    with pytest.raises(BenchmarkError, match="nothing is known of the benchmark 'mine'"):
        fit_benchmarks(table.rename(columns={"acc_triviaqa": "acc_mine"}))
    with pytest.raises(BenchmarkError, match="unknown measures 'loss'"):
        fit_benchmarks(table, measures="loss")  # type: ignore[arg-type] # what users write
    with pytest.raises(FitError, match="chains = 1"):
        fit_benchmarks(table, chains=1)
