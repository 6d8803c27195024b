"""A part of the table of reliability: odd input, ended loops, killed workers, load."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[2] / "results" / "reliability"
pytestmark = pytest.mark.slow


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"reliability_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_odd_input_is_taken_and_right_or_refused_by_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(FOLDER)  # as of a script
    fuzz = script("fuzz")
    cases = {"tables": 150, "filters": 100, "posteriors": 50, "records": 30, "settings": 30}
    for count in fuzz.run(cases):
        assert set(count.ends) <= {"taken", "refused"}, count.row()
        assert count.ends["taken"], count.row()
        assert count.ends["refused"], count.row()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_every_signal_leaves_no_process_and_no_unfinished_record() -> None:
    faults = script("faults")
    for name, numbers in faults.SIGNALS.items():
        found = faults.end_a_loop(numbers, 0.2)
        assert {key for key in found if found[key]} == {"loops"}, (name, found)


def test_killed_workers_lose_and_double_nothing(tmp_path: Path) -> None:
    faults = script("faults")
    row = faults.workers(f"sqlite:///{tmp_path}/study.db", 20)
    kills, acknowledged, *faulty = map(int, row.split(" | ")[1:])
    assert (kills, faulty) == (20, [0, 0, 0])
    assert acknowledged > 20


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace, which cuts calls off, is away")
def test_workers_cut_off_at_their_first_system_calls_lose_nothing() -> None:
    # By itself: it forks, which JAX warns of once it has run in a process.
    done = subprocess.run(
        [sys.executable, FOLDER / "faults.py", "--loops", "0", "--kills", "0", "--calls", "4"],
        capture_output=True,
        text=True,
        check=True,
    )
    kills, acknowledged, *faulty = map(int, done.stdout.splitlines()[-1].split(" | ")[1:])
    assert kills >= 12
    assert faulty == [0, 0, 0]
    assert acknowledged


def test_asks_are_quick_beside_thousands_of_runs() -> None:
    """CPU seconds, since a machine may be busy with other things."""
    done = subprocess.run(
        [sys.executable, FOLDER / "load.py", "--runs", "5000", "--seconds", "2"],
        cwd=FOLDER.parents[1],
        env={"PYTHONPATH": str(FOLDER.parents[1]), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    rows = re.finditer(r"^(.+?) \| [\d.]+ \| ([\d.]+)$", done.stdout, re.MULTILINE)
    cpu = {row[1]: float(row[2]) for row in rows}
    assert cpu["attach 5000"] < 3
    assert cpu["ask in the start phase"] < 0.5
