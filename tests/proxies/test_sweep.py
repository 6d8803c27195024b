import io
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from bayescamel.runs.table import read_runs
from proxies import collect, corpora, record, sweep
from proxies.corpora import Corpora
from proxies.grid import Cell
from proxies.train import TrainConfig


@pytest.fixture
def saved(tmp_path: Path, tiny_corpora: Corpora) -> Path:
    return corpora.save(tiny_corpora, tmp_path / "cache")


@pytest.fixture
def cells(tiny_config: TrainConfig) -> list[Cell]:
    return [Cell(f"run{seed}", replace(tiny_config, seed=seed)) for seed in range(3)]


def quiet() -> Console:
    return Console(file=io.StringIO())


def run_sweep(cells: list[Cell], saved: Path, out: Path, console: Any = None) -> list[str]:
    # Threads: a fresh process costs seconds; the test of Ctrl-C uses real ones.
    console = console or quiet()
    return sweep.sweep(cells, saved, out, workers=1, console=console, pool=ThreadPoolExecutor)


def test_sweep_trains_skips_and_resumes(tmp_path: Path, saved: Path, cells: list[Cell]) -> None:
    out = tmp_path / "out"
    assert run_sweep(cells[:2], saved, out) == []
    first = {path.name: path.stat().st_mtime_ns for path in out.glob("*.json")}
    assert set(first) == {"run0.json", "run1.json"}
    console = quiet()
    assert run_sweep(cells, saved, out, console) == []
    second = {path.name: path.stat().st_mtime_ns for path in out.glob("*.json")}
    assert set(second) == {"run0.json", "run1.json", "run2.json"}
    assert first.items() <= second.items()
    assert isinstance(console.file, io.StringIO)
    assert "3 runs, 2 done, 1 to train" in console.file.getvalue()


def test_records_of_another_sweep_are_refused(
    tmp_path: Path, saved: Path, cells: list[Cell], tiny_corpora: Corpora
) -> None:
    sweep.work(sweep.Job(cells[0], saved, tmp_path / "out", "cpu"))
    changed = [replace(cells[0], config=replace(cells[0].config, base_lr=1e-3))]
    with pytest.raises(record.RecordError, match="another configuration"):
        sweep.pending(changed, tiny_corpora, tmp_path / "out")


def test_failed_run_is_reported_and_the_others_go_on(
    tmp_path: Path, saved: Path, cells: list[Cell]
) -> None:
    bad = Cell("bad", replace(cells[0].config, base_lr=float("inf")))
    out = tmp_path / "out"
    assert run_sweep([bad, cells[1]], saved, out) == ["bad"]
    assert [path.name for path in out.glob("*.json")] == ["run1.json"]


def group_vanishes(group: int) -> bool:
    """Workers end a moment after their parent."""
    for _ in range(300):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_interrupted_sweep_leaves_no_half_record(tmp_path: Path, saved: Path) -> None:
    """Ctrl-C while runs train: exit status 130, no record, no draft, no worker left."""
    out = tmp_path / "out"
    out.mkdir()
    (out / sweep.CORPORA_NOTE).write_text(f'{{"folder": "{saved.name}"}}')
    command = [sys.executable, "-m", "proxies.sweep", "--out", str(out), "--workers", "1"]
    process = subprocess.Popen(
        [*command, "--grid", "smoke", "--cache", str(saved.parent), "--tokens", "100000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    assert process.stdout is not None
    assert "6 to train" in process.stdout.readline()
    time.sleep(2)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 130, errors
    assert "run the same command again" in errors
    assert not list(out.glob(".draft-*"))
    assert len(record.read_all(out)) < 6
    assert group_vanishes(process.pid)


def test_lost_corpora_are_named(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / sweep.CORPORA_NOTE).write_text('{"folder": "abc"}')
    with pytest.raises(corpora.CorpusError, match="began with corpora abc"):
        sweep.locate_corpora(out, None, tmp_path / "cache")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--corpora", "missing"], "no such folder of corpora"),
        (["--workers", "0"], "--workers 0"),
        (["--tokens", "0"], "--tokens 0"),
        (["--device", "abacus"], "--device 'abacus'"),
    ],
)
def test_bad_options_end_with_status_2_and_write_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], problem: str
) -> None:
    out = tmp_path / "out"
    assert sweep.main(["--out", str(out), *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert problem in line
    assert not out.exists()


def test_collected_table_is_a_run_table(
    tmp_path: Path, saved: Path, cells: list[Cell], capsys: pytest.CaptureFixture[str]
) -> None:
    out, table = tmp_path / "out", tmp_path / "runs.csv"
    for cell in cells[:2]:
        sweep.work(sweep.Job(cell, saved, out, "cpu"))
    assert collect.main([str(out), "--out", str(table)]) == 0
    runs = read_runs(table)
    assert list(runs["run"].values) == ["run0", "run1"]
    assert list(runs["domain"].values) == ["letters", "math"]
    assert set(runs["benchmark"].values) == {"continue_letters", "continue_math", "arithmetic"}
    entry = record.read_all(out)[0]
    loss = runs["loss"].sel(run="run0", validation="math").item()
    assert loss == pytest.approx(entry["loss_nats_per_token"]["math"], rel=1e-5)
    columns = pd.read_csv(table).columns
    assert {"flops", "seed", "seconds"} <= set(columns)
    assert collect.main([str(out), "--out", str(table)]) == 2
    assert "--force" in capsys.readouterr().err
    assert collect.main([str(out), "--out", str(table), "--force"]) == 0


def test_nothing_to_collect_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert collect.main([str(tmp_path), "--out", str(tmp_path / "x.csv")]) == 2
    assert "no records" in capsys.readouterr().err
    assert not (tmp_path / "x.csv").exists()
