"""Joint predictions through the loss law, bounds of every draw, unseen benchmarks, files."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayescamel.benchmarks import BenchmarkPosterior
from bayescamel.exceptions import BenchmarkError, StorageError, TargetError
from bayescamel.posterior import Posterior
from bayescamel.targets import Target
from tests.benchmarks.known_benchmarks import KNOWN, Known, reference

TARGET = Target(2.7e7, 5.4e8)
MIXTURES = [{"a": 0.3, "b": 0.7}, {"a": 0.95, "b": 0.05}]


def test_every_draw_respects_floor_and_ceiling(
    fitted: BenchmarkPosterior, runs: xr.Dataset
) -> None:
    # From losses far beyond the data, both ways.
    factors = xr.DataArray([0.05, 0.5, 1.0, 3.0, 30.0], dims="run", coords={"run": list("abcde")})
    losses = factors * runs["loss"].isel(run=0, drop=True)
    chance = fitted.facts["chance"]
    draws = fitted.tree["posterior"].to_dataset()
    curve = fitted.predict_at(losses)["accuracy"]
    assert (curve >= chance).all()
    assert (curve <= chance + (1 - chance) * draws["ceiling"] + 1e-12).all()
    counted = fitted.predict_at(losses, kind="run")["accuracy"] * fitted.facts["questions"]
    np.testing.assert_allclose(counted, counted.round(), atol=1e-6)  # whole questions
    assert ((counted >= 0) & (counted <= fitted.facts["questions"])).all()


def test_predictions_carry_the_losses_uncertainty_and_their_own(
    fitted: BenchmarkPosterior, losses: Posterior
) -> None:
    joint = losses.predict_benchmarks(TARGET, MIXTURES, benchmarks=fitted)
    assert joint["accuracy"].dims == ("chain", "draw", "mixture", "benchmark")
    assert joint["extrapolation"].dims == ("mixture",)
    predicted = losses.predict(TARGET, MIXTURES)["loss"]
    assert joint.sizes["draw"] == predicted.sizes["draw"]
    # Plug-in means: of the losses, and of the step from loss to benchmark.
    plugged = fitted.predict_at(predicted.mean(("chain", "draw")))["accuracy"]
    own = plugged.std(("chain", "draw"))
    # Moved within the loss law's draws, each with one and the same draw of the second law.
    expected = fitted.predict_at(predicted)["accuracy"].mean(("chain", "draw"))
    assert (joint["accuracy"].std(("chain", "draw")) > 0).all()
    moving = ["arc_easy", "arc_challenge", "triviaqa"]
    wider = joint["accuracy"].std(("chain", "draw")) / own
    assert float(wider.sel(benchmark=moving).mean()) > 1.02
    np.testing.assert_allclose(expected, joint["accuracy"].mean(("chain", "draw")), atol=1e-12)
    # A draw of low loss is a draw of high accuracy: the pairing is kept.
    loss = predicted.sel(validation="b").isel(mixture=1).to_numpy().ravel()
    accuracy = joint["accuracy"].sel(benchmark="triviaqa").isel(mixture=1).to_numpy().ravel()
    assert np.corrcoef(loss, accuracy)[0, 1] < -0.2


def test_a_new_run_scatters_more_than_the_curve(
    fitted: BenchmarkPosterior, losses: Posterior
) -> None:
    curve, run = (
        losses.predict_benchmarks(TARGET, MIXTURES, benchmarks=fitted, kind=kind)["accuracy"]
        for kind in ("curve", "run")
    )
    assert (run.std(("chain", "draw")) > curve.std(("chain", "draw"))).all()


def test_an_unseen_benchmark_is_predicted_from_the_hierarchy(
    fitted: BenchmarkPosterior, runs: xr.Dataset
) -> None:
    unseen = pd.DataFrame({"name": ["new"], "chance": [0.25], "questions": [1000]})
    drawn = fitted.predict_at(runs["loss"], kind="run", benchmarks=unseen)
    assert drawn["benchmark"].to_numpy().tolist() == ["new"]
    assert not drawn["above_chance"].any()
    low, high = np.quantile(drawn["accuracy"].sel(benchmark="new"), [0.05, 0.95], axis=(0, 1))
    # One that is like the others, and that no run was measured on.
    like = Known(0.25, 1000, "a", 8.0, -0.1, 0.8)
    value = like.curve(runs["loss"] / reference())
    assert ((low < value) & (value < high)).all()
    known = fitted.predict_at(runs["loss"], kind="run")["accuracy"].sel(benchmark="arc_easy")
    bounds = np.quantile(known, [0.05, 0.95], axis=(0, 1))
    assert (high - low > 2 * (bounds[1] - bounds[0])).all()


def test_benchmarks_can_be_an_objective(fitted: BenchmarkPosterior, losses: Posterior) -> None:
    best = losses.optimal_mixture(TARGET, fitted.objective(losses, {"triviaqa": 1.0}))
    # TriviaQA listens to b's loss alone, which falls with the weight of b.
    assert float(best.recommended.sel(domain="b")) > 0.6
    assert 0 < float(best.expected) < 1


def test_a_missing_loss_and_an_unknown_kind_are_refused(
    fitted: BenchmarkPosterior, losses: Posterior, runs: xr.Dataset
) -> None:
    with pytest.raises(BenchmarkError, match="no loss on 'b' is predicted"):
        fitted.predict_at(runs["loss"].sel(validation=["a"]))
    with pytest.raises(TargetError, match="unknown kind 'best'"):
        fitted.predict_at(runs["loss"], kind="best")  # type: ignore[arg-type] # what users write
    with pytest.raises(TargetError, match="arc_hard"):
        fitted.objective(losses, {"arc_hard": 1.0})


def test_a_file_gives_back_the_same_posterior(
    fitted: BenchmarkPosterior, runs: xr.Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "benchmarks.nc"
    fitted.save(path)
    loaded = BenchmarkPosterior.load(path)
    before, after = (p.predict_at(runs["loss"], kind="run", seed=5) for p in (fitted, loaded))
    xr.testing.assert_identical(before, after)
    assert loaded.status == fitted.status
    assert repr(loaded) == repr(fitted)
    with pytest.raises(StorageError, match="exists"):
        fitted.save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["benchmarks.nc"]


def test_other_files_are_refused(losses: Posterior, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no file"):
        BenchmarkPosterior.load(tmp_path / "absent.nc")
    (tmp_path / "text.nc").write_text("no NetCDF")
    with pytest.raises(StorageError, match="no posterior written by"):
        BenchmarkPosterior.load(tmp_path / "text.nc")
    losses.save(tmp_path / "losses.nc")
    with pytest.raises(StorageError, match="no benchmark posterior"):
        BenchmarkPosterior.load(tmp_path / "losses.nc")
    assert set(KNOWN) == {"arc_easy", "arc_challenge", "triviaqa", "winogrande"}
