import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from bayescamel.runs.table import read_runs
from proxies import collect, corpora, record, sweep
from proxies.config import TrainConfig
from proxies.corpora import Corpora
from proxies.devices import Runtime
from proxies.grid import Cell
from proxies.text.build import CorpusError
from tests.proxies.tiny import TINY

SLOTS = [Runtime()]


@pytest.fixture
def cells(tiny_config: TrainConfig) -> list[Cell]:
    return [Cell(f"run{seed}", replace(tiny_config, seed=seed)) for seed in range(3)]


def quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


def said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_sweep_trains_skips_goes_on_and_reports_failures(
    tmp_path: Path, saved: Path, cells: list[Cell]
) -> None:
    out = tmp_path / "out"
    sweep.work(sweep.Job(cells[0], saved, out, Runtime()))
    before = (out / "run0.json").stat().st_mtime_ns
    steps = 60 * 4 * TINY.context
    bad = Cell("bad", replace(cells[0].config, n_tokens=steps, rate_factor=float("inf")))
    console = quiet()
    assert sweep.sweep([bad, *cells[:2]], saved, out, SLOTS, console) == ["bad"]
    assert "3 runs, 1 done, 2 to train" in said(console)
    assert "bad  failed: the gradient norm is nan" in said(console)
    assert {path.name for path in out.glob("*.json")} == {"run0.json", "run1.json"}
    assert (out / "run0.json").stat().st_mtime_ns == before
    assert not (out / sweep.CHECKPOINTS / "run1.pt").exists()


def test_a_killed_worker_fails_its_run_alone(
    tmp_path: Path, saved: Path, cells: list[Cell], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sweep.start

    def start(job: sweep.Job) -> sweep.Running:
        found = real(job)
        if job.cell.run_id == "run0":
            found.process.kill()
        return found

    monkeypatch.setattr(sweep, "start", start)
    console = quiet()
    assert sweep.sweep(cells[:2], saved, tmp_path, SLOTS, console) == ["run0"]
    assert "run0  failed: it was killed" in said(console)
    assert [path.name for path in tmp_path.glob("*.json")] == ["run1.json"]


def test_records_of_another_sweep_are_refused(
    tmp_path: Path, cells: list[Cell], saved: Path
) -> None:
    sweep.work(sweep.Job(cells[0], saved, tmp_path, Runtime()))
    changed = [replace(cells[0], config=replace(cells[0].config, rate_factor=0.5))]
    with pytest.raises(record.RecordError, match="another configuration"):
        sweep.pending(changed, corpora.load(saved), tmp_path)
    assert sweep.pending(cells, corpora.load(saved), tmp_path) == cells[1:]


def eventually(met: Callable[[], bool]) -> bool:
    for _ in range(2_000):
        if met():
            return True
        time.sleep(0.1)
    return False


def vanished(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


CONFIGURATION = {
    "run_id": "long",
    "model": {"depth": 2, "width": 16, "n_heads": 2, "hidden": 24, "head_width": 8, "context": 72},
    "mixture": {"letters": 0.5, "math": 0.5},
    "n_tokens": 150 * 4 * 72,
    "branches": [60 * 4 * 72],
    "batch": 4,
    "n_questions": 8,
    "evaluation_tokens": 2_000,
}


def proxies(*words: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "proxies", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def test_a_run_killed_with_no_warning_ends_bit_equal(tmp_path: Path, saved: Path) -> None:
    config = tmp_path / "run.json"
    config.write_text(json.dumps(CONFIGURATION))

    def words(out: Path) -> list[str | Path]:
        return [
            "train",
            "--config",
            config,
            "--out",
            out,
            "--corpora",
            saved,
            "--save-seconds",
            "0",
        ]

    process = proxies(*words(tmp_path / "killed"))
    path = tmp_path / "killed" / sweep.CHECKPOINTS / "long.pt"
    assert eventually(path.exists)
    first = path.stat().st_mtime_ns
    assert eventually(lambda: path.stat().st_mtime_ns != first)
    process.kill()
    process.communicate()
    assert path.exists()
    assert not list((tmp_path / "killed").glob("*.json"))
    for folder in ("killed", "whole"):
        process = proxies(*words(tmp_path / folder))
        output, errors = process.communicate(timeout=400)
        assert process.returncode == 0, errors
        assert len(output.split()) == 2
    killed, whole = (record.read_all(tmp_path / folder) for folder in ("killed", "whole"))
    assert [entry["run_id"] for entry in whole] == ["long-d17.3k", "long-d43.2k"]
    for one, other in zip(killed, whole, strict=True):
        for key in ("loss_nats_per_token", "benchmarks", "trace", "gradients"):
            assert one[key] == other[key]
    assert not path.exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_stopped_sweep_leaves_no_worker_and_no_half_record(
    tmp_path: Path, saved: Path, number: signal.Signals
) -> None:
    """SIGKILL of the sweep alone: its workers see that it is gone."""
    process = proxies(
        "sweep", "--grid", "smoke", "--out", tmp_path, "--corpora", saved, "--workers", "1"
    )
    assert process.stdout is not None
    assert "6 to train" in process.stdout.readline()
    time.sleep(3)
    process.send_signal(number)
    _, errors = process.communicate(timeout=400)
    assert process.returncode == (-9 if number == signal.SIGKILL else 130), errors
    assert eventually(lambda: vanished(process.pid))
    assert len(record.read_all(tmp_path)) < 12
    assert not list(tmp_path.glob(".draft-*"))


def test_lost_corpora_are_named(tmp_path: Path) -> None:
    (tmp_path / sweep.CORPORA_NOTE).write_text(json.dumps({"folder": str(tmp_path / "abc")}))
    with pytest.raises(CorpusError, match="began with corpora abc"):
        sweep.locate_corpora(tmp_path, None, tmp_path / "cache")


def test_a_sweep_stays_with_its_corpora(tmp_path: Path, saved: Path) -> None:
    for source in (saved, saved, None):
        assert sweep.locate_corpora(tmp_path, source, tmp_path / "cache") == saved
    with pytest.raises(CorpusError, match="other is not the text of the runs in"):
        sweep.locate_corpora(tmp_path, tmp_path / "other", tmp_path / "cache")


def test_a_sweep_on_own_text_knows_it_again(tmp_path: Path) -> None:
    """The folder that was given, not the one that was built from it, is given again."""
    for name in ("a", "b"):
        (tmp_path / "text" / name).mkdir(parents=True)
        for number in range(400):
            words = " ".join(f"{name}{number}-{i * i + number}" for i in range(40))
            (tmp_path / "text" / name / f"{number}.txt").write_text(words)
    out, cache = tmp_path / "out", tmp_path / "cache"
    built = sweep.locate_corpora(out, tmp_path / "text", cache)
    assert built.parent == cache / "corpora"
    for source in (tmp_path / "text", built, None):
        assert sweep.locate_corpora(out, source, cache) == built


def test_collected_table_is_a_run_table(tmp_path: Path, saved: Path, cells: list[Cell]) -> None:
    for cell in cells[:2]:
        sweep.work(sweep.Job(cell, saved, tmp_path, Runtime()))
    table = collect.collect(tmp_path)
    table.to_csv(tmp_path / "runs.csv", index=False)
    runs = read_runs(tmp_path / "runs.csv")
    assert list(runs["run"].values) == ["run0", "run1"]
    assert list(runs["domain"].values) == ["letters", "math"]
    assert set(runs["benchmark"].values) == {"continue_letters", "continue_math", "sums"}
    entry = record.read_all(tmp_path)[0]
    loss = runs["loss"].sel(run="run0", validation="math").item()
    assert loss == pytest.approx(entry["loss_nats_per_token"]["math"], rel=1e-5)
    assert {"flops", "seed", "seconds", "epochs_math", "error_math"} <= set(table.columns)
    assert "n_active_params" not in table.columns


def test_nothing_to_collect_is_an_error(tmp_path: Path, tiny_corpora: Corpora) -> None:
    with pytest.raises(record.RecordError, match="no records"):
        collect.collect(tmp_path)
