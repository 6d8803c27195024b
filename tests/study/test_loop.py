"""The loop with a trainer that answers at once: ends, resumes, survives."""

import io
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from bayescamel.designs.stopping import Stop
from bayescamel.study import Study
from bayescamel.study.launchers import LocalLauncher
from bayescamel.study.loop import Loop, Progress
from bayescamel.study.trainers import Trainer
from bayescamel.study.view import View, picture
from tests.study.examples import QUICK, SPACE, TARGET, measure

TRAINER = Path(__file__).with_name("trainer.py")
CHEAPEST = 120 * 1e6**2
START = 2 * CHEAPEST + 2 * 16 * CHEAPEST
"""Four runs of the start, too few for a posterior: nothing is sampled."""


def create(folder: Path, budget: float = START) -> Study:
    return Study.create(folder / "study.db", SPACE, TARGET, budget=budget, fit=QUICK, start=50)


def launcher(folder: Path, *options: str, workers: int = 2, retries: int = 0) -> LocalLauncher:
    words = shlex.join([sys.executable, str(TRAINER)]) + " {candidate} {record} "
    trainer = Trainer.of_template(words + " ".join(options))
    return LocalLauncher(trainer, folder / "runs", ["cpu"] * workers, retries)


def run(study: Study, folder: Path, *options: str, **more: Any) -> Loop:
    loop = Loop(study, launcher(folder, *options), folder / "runs", **more)
    loop.run()
    return loop


def test_runs_until_the_budget_is_spent(tmp_path: Path) -> None:
    study = create(tmp_path)
    loop = Loop(study, launcher(tmp_path), tmp_path / "runs", worker="me")
    assert "budget" in loop.run()
    assert {event["worker"] for event in study.events()} == {"me"}
    status = study.snapshot()
    assert len(status.told()) == 4
    assert status.pending() == ()
    assert status.told()[0].seconds == 0.1
    assert study.settings.budget - status.spent() < CHEAPEST
    speed = study.speed()
    assert speed is not None
    assert speed.rates.keys() == {"cpu"}


@pytest.mark.parametrize(
    ("stop", "said"),
    [
        (Stop(True, "not worth it", 0.1, 0.0, 1.0, 2.0), "not worth it; go on with --until-budget"),
        (Stop(True, "the budget is spent"), "the budget is spent"),
    ],
)
def test_a_stop_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: Stop, said: str
) -> None:
    monkeypatch.setattr(Study, "should_stop", lambda _study, _n: stop)
    study = create(tmp_path)
    assert Loop(study, launcher(tmp_path), tmp_path / "runs").run() == said


def test_failed_runs_are_told_as_failed_and_others_go_on(tmp_path: Path) -> None:
    study = create(tmp_path)
    loop = run(study, tmp_path, "fail=r0002")
    runs = {run.run_id[:5]: run for run in study.snapshot().runs}
    assert runs["r0002"].state == "failed"
    assert "the loss is not a number" in str(runs["r0002"].reason)
    assert sum(r.state == "told" for r in runs.values()) >= 2
    assert any("r0002" in line and "failed" in line for line in loop.progress.said)


def test_a_record_that_was_not_told_is_told_at_the_start(tmp_path: Path) -> None:
    """As after a kill between the trainer's end and the tell."""
    study = create(tmp_path)
    (candidate,) = study.ask()
    folder = tmp_path / "runs"
    folder.mkdir()
    record = {"loss": measure(candidate.mixture, candidate.n_params)}
    (folder / f"{candidate.run_id}.json").write_text(json.dumps(record))
    run(study, tmp_path)
    kinds = [e["kind"] for e in study.events() if e["run_id"] == candidate.run_id]
    assert kinds == ["asked", "told"]


def test_half_a_record_is_no_failure_of_the_run(tmp_path: Path) -> None:
    study = create(tmp_path)
    (candidate,) = study.ask(lease=3600)
    folder = tmp_path / "runs"
    folder.mkdir()
    (folder / f"{candidate.run_id}.json").write_text('{"loss": {"code"')
    loop = run(study, tmp_path)
    assert [run.run_id for run in study.snapshot().pending()] == [candidate.run_id]
    assert any("trained again" in line for line in loop.progress.said)


def test_leases_are_kept_while_a_refit_takes_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a long refit keeps the loop from collecting is not handed out again."""
    study = create(tmp_path)
    ask = Study.ask

    def slowly(self: Study, *words: Any, **more: Any) -> Any:
        time.sleep(1.5)
        return ask(self, *words, **more)

    monkeypatch.setattr(Study, "ask", slowly)
    run(study, tmp_path, lease=0.9)
    kinds = [event["kind"] for event in study.events()]
    assert kinds.count("told") == 4
    assert "returned" not in kinds


def test_an_error_gives_the_leases_back(tmp_path: Path) -> None:
    study = create(tmp_path)

    def watch(progress: Any) -> None:
        if progress.running:
            raise RuntimeError("the terminal went away")

    with pytest.raises(RuntimeError, match="went away"):
        run(study, tmp_path, "sleep=60", watch=watch)
    seen = study.snapshot()
    assert len(seen.pending()) == len(seen.returned()) == 2


def command(folder: Path, *options: str) -> list[str]:
    trainer = shlex.join([sys.executable, str(TRAINER), "{candidate}", "{record}", *options])
    start = [sys.executable, "-c", "from bayescamel.cli import main; main()"]
    words = [*start, "study", "run", str(folder / "study.db")]
    return [*words, "--workers", "2", "--command", trainer, "--until-budget"]


def trainers(folder: Path) -> list[int]:
    """Processes of this study's trainers."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        mine = str(TRAINER).encode() in words and str(folder).encode() in words
        if mine and b"study\0run" not in words:
            found.append(int(path.parent.name))
    return found


def wait_for(condition: Callable[[], bool], seconds: float = 180.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for trainers in /proc")
@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_ctrl_c_ends_trainers_and_the_same_command_goes_on(tmp_path: Path, number: int) -> None:
    study = create(tmp_path)
    child = subprocess.Popen(
        command(tmp_path, "sleep=60"), stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        wait_for(lambda: len(trainers(tmp_path)) == 2)
        os.killpg(child.pid, number)
        _, said = child.communicate(timeout=240)
    finally:
        child.kill()  # nothing is left where this test fails
    assert child.returncode == 130
    assert said.splitlines()[-1] == "bayescamel: interrupted"
    assert trainers(tmp_path) == []
    seen = study.snapshot()
    assert len(seen.returned()) == 2
    done = subprocess.run([*command(tmp_path), "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["told"], said["pending"]) == (4, 0)
    assert {r.run_id for r in seen.pending()} < {r.run_id for r in study.snapshot().told()}


def test_view_shows_what_goes_on(tmp_path: Path) -> None:
    study = create(tmp_path)
    pictures = []

    def watch(progress: Any) -> None:
        pictures.append(picture(study, study.snapshot(), None, progress))

    run(study, tmp_path, watch=watch)
    console = Console(width=120, record=True, file=io.StringIO())
    for shown in pictures:
        console.print(shown)
    text = console.export_text()
    assert "no posterior yet" in text
    assert "spent" in text
    assert "r0001-1M" in text
    assert "4 told" in text


def test_view_shows_the_recommendation_and_its_uncertainty(tmp_path: Path) -> None:
    study = create(tmp_path)
    dims = {"domain": ["code", "web"], "bound": ["lower90", "upper90"]}
    best = SimpleNamespace(
        expected=2.345,
        values=np.array([2.335, 2.355]),
        regret=0.0012,
        columns=["recommended", "optimum"],
        shares={"code": [0.3, 0.25], "web": [0.7, 0.75]}.get,
        optimum_interval=xr.DataArray([[0.2, 0.41], [0.59, 0.8]], dims=list(dims), coords=dims),
    )
    outlook: Any = SimpleNamespace(
        best=best,
        predictive=SimpleNamespace(domains=("code", "web")),
        doubts=("not converged (rhat)",),
    )
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(picture(study, study.snapshot(), outlook, Progress()))
    text = console.export_text()
    assert "objective at the target 2.3450 ± 0.0100, expected regret 0.0012" in text
    assert "not converged (rhat)" in text
    for words in ("recommended", "0.300", "optimum", "0.750"):
        assert words in text
    assert "0.59-0.80" in text


def test_view_prints_lines_where_there_is_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = create(tmp_path)
    view = View(study, Console(stderr=True))
    with view.showing():
        run(study, tmp_path, watch=view)
    lines = capsys.readouterr().err.splitlines()
    assert len([line for line in lines if line.endswith("told")]) == 4
