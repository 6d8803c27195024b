"""The demo on a cut-down setting: simulated runs, and draws too few to be used in earnest."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from typer.testing import CliRunner

from bayescamel.cli import app
from bayescamel.demo import Demo, candidate_runs, hold_out_above, run_demo
from bayescamel.plots.predicted import plot_demo
from bayescamel.runs.table import read_runs
from tests.simulated import DOMAINS, simulated_table

SIZES = (1e6, 3e6, 9e6, 27e6)


@pytest.fixture(scope="module")
def runs() -> xr.Dataset:
    # Without one fitted run, so that the tables of this file and of the command line's tests
    # have one shape and share a compiled program.
    return read_runs(simulated_table(SIZES), where="n_params < 9e6 or n_params > 9e6 or seed != 2")


@pytest.fixture(scope="module")
def demo(runs: xr.Dataset) -> Demo:
    return run_demo(runs, SIZES[-2], chains=2, draws=50, tune=100, progress=False)


def test_larger_models_are_held_out(runs: xr.Dataset) -> None:
    fitted, held_out = hold_out_above(runs, SIZES[-2])
    assert set(fitted["n_params"].values) == set(SIZES[:-1])
    assert set(held_out["n_params"].values) == {SIZES[-1]}
    assert fitted.sizes["run"] + held_out.sizes["run"] == runs.sizes["run"]


@pytest.fixture(scope="module")
def mixed() -> xr.Dataset:
    """Dense runs, and at each of their sizes some whose total is four times the active size."""
    dense = simulated_table(SIZES).assign(n_active_params=lambda table: table["n_params"])
    sparse = simulated_table(SIZES)[::2].assign(n_active_params=lambda table: table["n_params"])
    sparse = sparse.assign(n_params=4 * sparse["n_params"], run_id="x" + sparse["run_id"])
    return read_runs(pd.concat([dense, sparse], ignore_index=True))


def test_dense_and_sparse_targets_are_held_out_and_judged_apart(
    mixed: xr.Dataset, tmp_path: Path
) -> None:
    fitted, held_out = hold_out_above(mixed, SIZES[-2])
    # 36e6 parameters, 9e6 of them active, are fitted; larger than the dense target as they are.
    assert set(fitted["n_params"].values) == {1e6, 3e6, 9e6, 4e6, 12e6, 36e6}
    assert set(held_out["n_params"].values) == {27e6, 108e6}
    candidates = candidate_runs(fitted, seed=0)
    assert candidates["run_id"].is_unique
    assert set(zip(candidates["n_params"], candidates["n_active_params"], strict=True)) == {
        *((size, size) for size in SIZES[:-1]),
        *((4 * size, size) for size in SIZES[:-1]),
    }
    demo = run_demo(mixed, SIZES[-2], chains=2, draws=50, tune=100, progress=False)
    assert (demo.target.n_params, demo.target.active) == (27e6, 27e6)
    dense, sparse = demo.by_size.values()
    assert list(demo.by_size) == ["27M", "108M-A27M"]
    assert dense.held_out.sizes["run"] == 5
    assert sparse.held_out.sizes["run"] == 2
    # Losses depend on the active size alone, within 0.1 %: s is small, and both are foreseen.
    assert max(dense.mre, sparse.mre) < 0.01
    assert demo.mre == pytest.approx((5 * dense.mre + 2 * sparse.mre) / 7)
    plot_demo(demo, tmp_path / "demo.png")
    assert (tmp_path / "demo.png").read_bytes().startswith(b"\x89PNG")


def test_candidates_are_new_mixtures_at_fitted_sizes(runs: xr.Dataset) -> None:
    candidates = candidate_runs(runs, seed=0)
    assert candidates["run_id"].is_unique
    assert set(candidates["n_params"]) == set(SIZES)
    np.testing.assert_allclose(candidates["n_tokens"], 20 * candidates["n_params"])
    read_runs(candidates.assign(loss_a=1.0))  # a candidate is a run without its losses


def test_the_demo_predicts_decides_and_chooses(demo: Demo) -> None:
    assert demo.target.n_params == SIZES[-1]
    assert demo.predicted["mean"].dims == ("run", "validation")
    assert (demo.predicted["lower90"] < demo.predicted["upper90"]).all()
    # The law holds these losses within the noise of 0.1 %; extrapolated three-fold, 1 % is ample.
    assert demo.mre < 0.01
    assert float(demo.best.recommended.sum()) == pytest.approx(1)
    assert len(demo.next_runs) == 3


def test_error_and_coverage_are_those_of_the_measured_losses(demo: Demo) -> None:
    held_out = demo.held_out.copy(deep=True)
    predicted = xr.Dataset(
        {
            "mean": held_out["loss"] * 1.01,
            "lower90": held_out["loss"] * 0.99,
            "upper90": held_out["loss"] * 1.02,
        }
    )
    # One loss was not measured and counts nowhere; one in four of the other nine is missed.
    held_out["loss"][0, 0] = np.nan
    predicted["lower90"][1:4, 0] = 99.0
    judged = Demo(demo.posterior, held_out, predicted, demo.target, demo.best, demo.next_runs)
    assert judged.mre == pytest.approx(0.01)
    assert judged.coverage90 == pytest.approx(6 / 9)


@pytest.fixture
def on_command_line(demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bayescamel.runs.bundled.load_proxies", lambda: None)
    monkeypatch.setattr("bayescamel.demo.run_demo", lambda runs, fitted_params, seed: demo)
    return tmp_path


def test_the_command_shows_tables_and_saves_a_picture(on_command_line: Path) -> None:
    result = CliRunner().invoke(app, ["demo", "--out", str(on_command_line)])
    assert result.exit_code == 0, result.output
    for words in (
        "observed",
        "mean relative error",
        "27M",
        "Recommended mixture",
        "Next runs",
    ):
        assert words in result.stdout
    assert (on_command_line / "demo.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_answers_in_json(demo: Demo, on_command_line: Path) -> None:
    result = CliRunner().invoke(app, ["demo", "--json"])
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert list(said) == [
        *("law", "n_runs", "converged", "caveats"),
        *("rhat_max", "ess_min", "divergences", "seconds"),
        *("target_size", "mre", "coverage90", "by_size"),
        *("recommended", "optimum", "optimum_interval", "why", "next_runs"),
    ]
    assert said["n_runs"] == 14
    assert said["target_size"] == SIZES[-1]
    assert said["mre"] == demo.mre
    assert list(said["recommended"]) == DOMAINS
    assert len(said["next_runs"]) == 3


def test_benchmarks_are_predicted_from_mixture_and_size(runs: xr.Dataset, tmp_path: Path) -> None:
    # Accuracies that fall with the loss on a: 0.25 at 4 nats and above.
    with_accuracy = runs.assign(
        accuracy=(
            ("run", "benchmark"),
            (0.25 + 0.3 * (4 - runs["loss"].sel(validation=["a"])).clip(0)).to_numpy(),
        )
    ).assign_coords(benchmark=["arc_easy"])
    demo = run_demo(with_accuracy, SIZES[-2], chains=2, draws=50, tune=100, progress=False)
    assert demo.predicted_benchmarks is not None
    assert demo.predicted_benchmarks["mean"].dims == ("run", "benchmark")
    # The law is another one than the straight line that made the data: three points.
    assert demo.benchmark_error < 0.03
    # Of five accuracies, each inside with nine chances in ten, three or more are with 0.99.
    assert demo.benchmark_coverage90 >= 0.6
    plot_demo(demo, tmp_path / "demo.png")
    assert (tmp_path / "demo.png").read_bytes().startswith(b"\x89PNG")
