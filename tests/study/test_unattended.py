"""A study that is left alone: what the loop believes, what it survives, what it leaves behind."""

import io
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from rich.console import Console

from bayescamel.exceptions import StudyError
from bayescamel.study import Study
from bayescamel.study.candidate import Candidate
from bayescamel.study.holders import is_gone, this_process
from bayescamel.study.launchers import Finished, LocalLauncher
from bayescamel.study.loop import Loop, Progress
from bayescamel.study.trainers import GRACE_SECONDS
from bayescamel.study.view import View
from tests.study.examples import measure
from tests.study.test_loop import CHEAPEST, command, create, launcher, run, trainers, wait_for

needs_proc = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")


def processes(folder: Path) -> list[int]:
    """All that a study started: what has its folder on its command line, or keeps such."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes()
            working = os.readlink(path / "cwd")
        except OSError:
            continue  # it has just ended
        here = str(folder).encode() in words or (b"keeper.py" in words and working == str(folder))
        if here and b"study\0run" not in words:
            found.append(int(path.name))
    return found


# What counts as a record.


def test_a_record_counts_when_the_trainer_ended_well(tmp_path: Path) -> None:
    """One that wrote and then failed is not told, and costs its seconds."""
    study = create(tmp_path)
    with pytest.raises(StudyError, match="the trainer seems broken"):
        run(study, tmp_path, "broken")
    seen = study.snapshot()
    assert seen.told() == ()
    assert len([r for r in seen.runs if r.state == "failed"]) >= 3
    assert not list((tmp_path / "runs").glob("r????-*[MkB].json"))


def test_an_unfinished_record_is_never_told(tmp_path: Path) -> None:
    """A second loop starts while the first one's trainer still rewrites its record."""
    study = create(tmp_path)
    first = Loop(study, launcher(tmp_path, "interim=3"), tmp_path / "runs")
    thread = threading.Thread(target=first.run)
    thread.start()
    wait_for(lambda: len(list((tmp_path / "runs").glob("unfinished/*/*.json"))) == 2, 20)
    second = Study.open(tmp_path / "study.db")
    Loop(second, launcher(tmp_path, "interim=0.5"), tmp_path / "runs").run()
    thread.join()
    seen = study.snapshot()
    assert len(seen.told()) == 4
    for r in seen.told():
        assert r.measured is not None
        assert dict(r.measured["loss"]) == measure(r.mixture, r.n_params)
    kinds = [event["kind"] for event in study.events()]
    assert kinds.count("told") == 4
    assert kinds.count("failed") == 0


def test_a_record_of_another_study_in_the_folder_is_not_told(tmp_path: Path) -> None:
    old = create(tmp_path)
    run(old, tmp_path)
    for path in tmp_path.glob("study.db*"):
        path.unlink()
    study = create(tmp_path, budget=2 * CHEAPEST)
    (candidate,) = study.ask(lease=0.001)
    stale = tmp_path / "runs" / f"{candidate.run_id}.candidate.json"
    values = json.loads(stale.read_text())
    stale.write_text(json.dumps(values | {"mixture": {"code": 0.123, "web": 0.877}}))
    loop = run(study, tmp_path)
    assert any("another study" in line for line in loop.progress.said)
    events = [e["kind"] for e in study.events() if e["run_id"] == candidate.run_id]
    assert events == ["asked", "returned", "told"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"loss":{"code":' + "9" * 400 + "}}", "400 digits"),
        ("[" * 100_000, "nested too deep"),
        ('{"loss":{"code":' + "[" * 500 + "]" * 500 + "}}", "nested too deep"),
        (r'{"loss":{"code\ud800":3.0}}', "lone surrogate"),
        (r'{"loss":{"code":3.0},"device":"a\u0000"}', "NUL"),
        ('{"loss":{"code":3.0,"code":2.0}}', "occurs twice"),
        ('{"loss":{"code":NaN}}', "no loss"),
        ('{"loss":', "Expecting value"),
        ('{"epoch":3,"lr":0.001}', "no validation domain"),
        ('{"loss":{"code":3.0},"flops":1e30}', "factor of 3"),
        ('{"loss":{"code":3.0},"mixture":{"code":NaN,"web":1}}', "of another run"),
        ('{"loss":{"code":3.0},"n_active_params":9e9}', "of another run"),
    ],
)
def test_a_record_that_cannot_be_is_a_failed_run(tmp_path: Path, text: str, reason: str) -> None:
    """And no end of the loop, at this start or the next."""
    study = create(tmp_path, budget=CHEAPEST)

    class Launcher:
        """Ends one run with the record."""

        started: str | None = None

        def free(self) -> int:
            return 1

        def start(self, candidate: Candidate) -> None:
            self.started = candidate.run_id

        def finished(self) -> list[Finished]:
            if self.started is None:
                return []
            path = tmp_path / f"{self.started}.json"
            path.write_text(text)
            self.started = None
            return [Finished(path.stem, path)]

        def running(self) -> dict[str, float]:
            return {}

        def stop(self) -> None:
            pass

    loop = Loop(study, Launcher(), tmp_path)
    assert "budget" in loop.run()
    (stored,) = study.snapshot().runs
    assert stored.state == "failed"
    assert reason in str(stored.reason)
    assert "budget" in Loop(study, Launcher(), tmp_path).run()


def test_last_words_that_no_database_can_hold(tmp_path: Path) -> None:
    study = create(tmp_path)
    (candidate,) = study.ask()
    study.fail(candidate.run_id, "a\0b\ud800c\x1b[2J")
    assert study.snapshot().runs[0].reason == r"a\x00b\ud800c\x1b[2J"


def test_told_elsewhere_and_failed_here(tmp_path: Path) -> None:
    study = create(tmp_path)

    def watch(progress: Progress) -> None:
        for run_id in list(progress.running):
            stored = next(r for r in study.snapshot().runs if r.run_id == run_id)
            if stored.state == "pending":
                study.tell(run_id, measure(stored.mixture, stored.n_params))

    loop = run(study, tmp_path, "sleep=0.5", "fail=r", watch=watch)
    assert len(study.snapshot().told()) == 4
    assert any("failed here, which changes nothing" in line for line in loop.progress.said)


# A trainer that is broken.


def test_a_broken_trainer_ends_the_loop_and_costs_its_seconds(tmp_path: Path) -> None:
    study = create(tmp_path, budget=1000 * CHEAPEST)
    with pytest.raises(StudyError, match=r"\d runs in a row failed") as raised:
        run(study, tmp_path, "fail=r")
    assert "the loss is not a number" in str(raised.value)
    assert str(tmp_path / "runs") in str(raised.value)
    seen = study.snapshot()
    failed = [r for r in seen.runs if r.state == "failed"]
    assert 3 <= len(failed) <= 4
    assert seen.spent() < 0.2 * sum(float(r.flops or 0) for r in failed)
    # Nothing is held, and a trainer that was mended goes on.
    assert len(seen.returned()) == len(seen.pending())
    loop = Loop(Study.open(tmp_path / "study.db"), launcher(tmp_path), tmp_path / "runs")
    loop._study.change(budget=seen.spent() + 3 * CHEAPEST)
    assert "budget" in loop.run()
    assert study.snapshot().told()


def test_failures_between_runs_that_are_told_end_nothing(tmp_path: Path) -> None:
    study = create(tmp_path)
    run(study, tmp_path, "fail=r0002")
    assert len(study.snapshot().told()) >= 3


def test_a_run_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    study = create(tmp_path, budget=CHEAPEST)
    trainer = launcher(tmp_path, "sleep=60")._trainer
    timed = LocalLauncher(trainer, tmp_path / "runs", ["cpu"], timeout=0.5)
    Loop(study, timed, tmp_path / "runs").run()
    (failed,) = study.snapshot().runs
    assert "timeout" in str(failed.reason)
    assert failed.cost is not None
    assert 0 < failed.cost < CHEAPEST


def test_a_disk_that_is_full_fails_the_run(tmp_path: Path) -> None:
    """The folder of records cannot be made: three runs fail by one line each."""
    study = create(tmp_path)
    (tmp_path / "runs").write_text("a file, where the folder should be")
    with pytest.raises(StudyError, match=r"\d runs in a row failed"):
        run(study, tmp_path)
    assert all("File exists" in str(r.reason) for r in study.snapshot().runs if r.state == "failed")


# What is left behind.


@needs_proc
def test_children_of_an_ended_trainer_are_ended(tmp_path: Path) -> None:
    study = create(tmp_path, budget=CHEAPEST)
    run(study, tmp_path, "child")
    assert len(study.snapshot().told()) == 1
    assert processes(tmp_path) == []


@needs_proc
@pytest.mark.parametrize(
    "numbers",
    [
        [signal.SIGKILL],
        pytest.param([signal.SIGHUP], marks=pytest.mark.slow),
        pytest.param([signal.SIGQUIT], marks=pytest.mark.slow),
        pytest.param([signal.SIGSEGV], marks=pytest.mark.slow),
        pytest.param([signal.SIGINT, signal.SIGINT], marks=pytest.mark.slow),
    ],
)
def test_no_process_outlives_the_loop(tmp_path: Path, numbers: list[signal.Signals]) -> None:
    """Its trainers' stubborn children included; the same command goes on at once."""
    study = create(tmp_path)
    child = subprocess.Popen(
        command(tmp_path, "child", "sleep=60"),
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        wait_for(lambda: len(trainers(tmp_path)) == 2)
        time.sleep(0.5)
        for number in numbers:
            os.killpg(child.pid, number)
            time.sleep(0.3)
        child.wait(60)
    finally:
        child.kill()
    wait_for(lambda: processes(tmp_path) == [], GRACE_SECONDS + 5)
    assert len(study.snapshot().returned()) == 2
    run(study, tmp_path)
    assert len(study.snapshot().told()) == 4


@needs_proc
def test_a_keeper_that_is_killed_takes_its_trainer_along(tmp_path: Path) -> None:
    made = launcher(tmp_path, "child", "sleep=60")
    study = create(tmp_path)
    made.start(study.ask()[0])
    wait_for(lambda: len(trainers(tmp_path)) == 1, 20)
    (running,) = made._running.values()
    running.kept.process.kill()
    wait_for(lambda: trainers(tmp_path) == [], 10)
    wait_for(lambda: made.finished() != [], 10)


# Leases.


def test_the_lease_of_a_dead_process_of_this_machine_is_given_back() -> None:
    alive = this_process()
    assert alive is not None
    assert not is_gone(alive)
    other = subprocess.run(
        ["python3", "-c", "import os; print(os.getpid())"], capture_output=True, text=True
    )
    here, _, _ = alive.rpartition("|")
    here = here.rpartition("|")[0]
    assert is_gone(f"{here}|{other.stdout.strip()}|123")
    assert is_gone(f"{alive}0")  # the pid again, of a process that started later
    assert not is_gone(f"elsewhere|{other.stdout.strip()}|123")
    assert not is_gone(None)
    assert not is_gone("")


def test_runs_that_others_hold_are_named_and_waited_for(tmp_path: Path) -> None:
    study = create(tmp_path)
    held = Study.open(tmp_path / "study.db").ask(2, worker="cluster-7")
    loop = Loop(study, launcher(tmp_path), tmp_path / "runs")
    reason = loop.run()
    assert "2 runs are pending with cluster-7 until" in reason
    assert held[0].run_id in reason
    waiting = Loop(study, launcher(tmp_path), tmp_path / "runs", wait=True)
    thread = threading.Thread(target=waiting.run)
    thread.start()
    time.sleep(1)
    assert thread.is_alive()
    study.release([held[0].run_id])
    study.tell(held[1].run_id, measure(held[1].mixture, held[1].n_params))
    thread.join(30)
    assert not thread.is_alive()
    assert study.snapshot().pending() == ()


# What is seen.


def test_the_view_draws_by_itself_and_shows_markup_as_text(tmp_path: Path) -> None:
    study = create(tmp_path)
    console = Console(file=io.StringIO(), force_terminal=True, width=200, record=True)
    view = View(study, console)
    loop = Loop(study, launcher(tmp_path), tmp_path / "runs", watch=view)
    with view.showing():
        loop._say("web[en] \x1b[31mred[/]")
        loop._fitting("iteration 7 of 9")
        # A fit, during which the loop calls nothing.
        wait_for(lambda: "fitting: iteration 7 of 9" in console.export_text(clear=False), 30)
        seen = console.export_text(clear=False)
    assert r"web[en] \x1b[31mred[/]" in seen
