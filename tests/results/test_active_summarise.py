"""The summary of a replay, on curves whose answers are known."""

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "results" / "active" / "summarise.py"
SHARES = (0.05, 0.1, 0.2, 0.4)
WHOLE = 0.01


@pytest.fixture(scope="module")
def summarise() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("active_summarise", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def entry(name: str, seed: int, checkpoint: int, share: float, value: float) -> dict[str, Any]:
    runs = [f"r{i}" for i in range(round(20 * share))]
    values = dict.fromkeys(("mre", "regret", "regret_of_all"), value) | {"coverage90": 0.9}
    place = {"acquisition": name, "seed": seed, "checkpoint": checkpoint, "share": share}
    return place | values | {"runs": runs}


def write(path: Path, curves: dict[str, tuple[float, ...]], seeds: int = 4) -> Path:
    lines = []
    for seed in range(seeds):
        factor = 1 + 0.1 * (seed - (seeds - 1) / 2) / seeds  # of mean 1 over seeds
        for name, curve in curves.items():
            points = enumerate(zip(SHARES, curve, strict=False))
            lines += [entry(name, seed, i, share, factor * v) for i, (share, v) in points]
        lines.append(entry("all", seed, 0, 1.0, WHOLE))
    lines.append(entry("variance", seeds, 0, 0.05, 0.0))  # a seed that is not through
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


CURVES = {
    "variance": (0.04, 0.0125, 0.0105, 0.0101),
    "random": (0.04, 0.03, 0.02, 0.0125),
    "uniform-flops": (0.04, 0.03, 0.02, 0.02),
    "only-small": (0.04, 0.03),
}


@pytest.fixture
def replay(summarise: Any, tmp_path: Path) -> Any:
    return summarise.Replay.read(write(tmp_path / "replay.jsonl", CURVES))


def test_only_seeds_that_are_through_count(replay: Any) -> None:
    assert replay.seeds == (0, 1, 2, 3)


def test_needed_is_where_the_mean_comes_to_the_level(summarise: Any, replay: Any) -> None:
    level = summarise.level_of("mre", replay.whole["mre"])
    assert level == pytest.approx(0.0125)  # a quarter above the whole pool's
    assert summarise.level_of("regret", np.array([0.01, 0.03])) == pytest.approx(0.022)
    found = {
        name: summarise.needed(replay.shares[name], replay.measured["mre"][name], level)
        for name in CURVES
    }
    assert found["variance"] == pytest.approx(0.1)
    assert found["random"] == pytest.approx(0.4)
    assert found["uniform-flops"] == found["only-small"] == np.inf


def test_between_checkpoints_it_is_interpolated_on_the_log(summarise: Any) -> None:
    shares, values = np.array([[0.1, 0.4]]), np.array([[3.0, 1.0]])
    assert summarise.needed(shares, values, 2.0) == pytest.approx(0.2)


def test_a_curve_that_leaves_the_level_again_is_not_there_yet(summarise: Any) -> None:
    shares, values = np.array([[0.1, 0.2, 0.4]]), np.array([[1.0, 3.0, 1.0]])
    assert summarise.needed(shares, values, 1.0) == pytest.approx(0.4)


def test_ratios_and_what_was_never_reached(summarise: Any, replay: Any) -> None:
    found, low, high = summarise.ratios(replay, "mre", "variance", "random")
    assert found == pytest.approx(0.25)
    assert low <= found <= high
    # Uniform FLOPs never get there: they are taken to need the whole pool.
    assert summarise.ratios(replay, "mre", "variance", "uniform-flops")[0] == pytest.approx(0.1)
    assert np.isnan(summarise.ratios(replay, "mre", "only-small", "random")[0])
    text = summarise.table(replay)
    assert "| variance | 10.0% | 0.25 (" in text
    assert "| ≥ 0.10 (" in text
    assert "| only-small | not by 10% | not reached | not reached |" in text
    assert "| uniform-flops | not by 40% | not reached |  |" in text
    # Mean of ln(0.03 / 0.0125), ln(0.02 / 0.0105), ln(0.02 / 0.0101), the same for every seed.
    assert "| uniform-flops | +0.734 | 0.000 |" in text


def test_own_flops_take_the_place_of_those_counted(summarise: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "replay.jsonl", CURVES)
    flops = {f"r{i}": 2.0 if i == 0 else 1.0 for i in range(20)}
    found = summarise.Replay.read(path, flops)
    np.testing.assert_allclose(found.shares["variance"][0], np.array([2, 3, 5, 9]) / 21)


def test_picture_and_table_are_written(
    summarise: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "replay.jsonl", CURVES)
    monkeypatch.setattr(sys, "argv", ["summarise.py", str(path), "--out", str(tmp_path / "ml")])
    summarise.main()
    assert (tmp_path / "ml.png").stat().st_size > 10_000
    assert "4 seeds replayed in full: 0, 1, 2, 3." in (tmp_path / "ml.md").read_text()


def test_no_seed_is_through(summarise: Any, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no seed was replayed in full"):
        summarise.Replay.read(write(tmp_path / "replay.jsonl", CURVES, seeds=0))
