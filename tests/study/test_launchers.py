"""Trainers in processes here; the loop around them is tested in test_loop."""

import json
import os
import shlex
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bayescamel.exceptions import StudyError
from bayescamel.study.candidate import Candidate
from bayescamel.study.launchers import LocalLauncher
from bayescamel.study.trainers import Trainer, last_words

TRAINER = Path(__file__).with_name("trainer.py")
PARALLEL = Path(__file__).with_name("parallel_trainer.py")


def template(*options: str) -> str:
    return shlex.join([sys.executable, str(TRAINER)]) + " {candidate} {record} " + " ".join(options)


def candidate(number: int, n_params: float = 1e6) -> Candidate:
    mixture = {"code": 0.4, "web": 0.6}
    return Candidate(f"r{number:04d}", n_params, None, 2e7, mixture, 0, 1.2e14)


def ended(launcher: Any, count: int = 1, seconds: float = 15.0) -> list[Any]:
    found = []
    for _ in range(round(20 * seconds)):
        found += launcher.finished()
        if len(found) >= count:
            return found
        time.sleep(0.05)
    raise AssertionError(f"only {found} ended")


def test_runs_share_the_devices(tmp_path: Path) -> None:
    launcher = LocalLauncher(Trainer.of_template(template()), tmp_path, ["cpu", "cpu"])
    assert launcher.free() == 2
    for number in (1, 2):
        launcher.start(candidate(number))
    assert launcher.free() == 0
    assert set(launcher.running()) == {"r0001", "r0002"}
    found = ended(launcher, 2)
    assert {f.run_id for f in found} == {"r0001", "r0002"}
    assert json.loads(found[0].record.read_text())["loss"]
    assert launcher.free() == 2


def test_failures_say_why(tmp_path: Path) -> None:
    launcher = LocalLauncher(Trainer.of_template(template("fail=r0001")), tmp_path, ["cpu"])
    launcher.start(candidate(1))
    (failed,) = ended(launcher)
    assert failed.record is None
    assert failed.reason == "exit status 1: the loss is not a number"


def test_no_record_is_a_failure(tmp_path: Path) -> None:
    launcher = LocalLauncher(Trainer.of_template(template("silent")), tmp_path, ["cpu"])
    (tmp_path / "r0001.json").write_text("{}")  # of an earlier try
    launcher.start(candidate(1))
    (failed,) = ended(launcher)
    assert failed.record is None
    assert "no record" in failed.reason


def test_a_passing_fault_is_tried_again(tmp_path: Path) -> None:
    trainer = Trainer.of_template(template(f"once={tmp_path / 'mark'}"))
    launcher = LocalLauncher(trainer, tmp_path, ["cpu"], retries=1, backoff=0.1)
    launcher.start(candidate(1))
    (found,) = ended(launcher)
    assert found.record is not None
    (tmp_path / "mark").unlink()
    launcher = LocalLauncher(trainer, tmp_path, ["cpu"], retries=0)
    launcher.start(candidate(2))
    (found,) = ended(launcher)
    assert "a passing fault" in found.reason


def test_each_further_try_waits_twice_as_long(tmp_path: Path) -> None:
    trainer = Trainer.of_template(template("fail=r"))
    launcher = LocalLauncher(trainer, tmp_path, ["cpu"], retries=2, backoff=0.5)
    began = time.monotonic()
    launcher.start(candidate(1))
    (found,) = ended(launcher)
    assert found.record is None
    assert time.monotonic() - began > 0.5 + 1.0
    assert found.log is not None
    assert found.log.read_text().count("the loss is not a number") == 3


def test_the_last_words_of_an_endless_log_are_read_from_its_end(tmp_path: Path) -> None:
    log = tmp_path / "r1.log"
    with log.open("wb") as file:
        file.truncate(2**40)  # holes: it takes no room, and reading it whole would take a day
        file.seek(0, 2)
        file.write(b"\nthe loss\x1b[2J is \xff\nnot a number\n")
    assert last_words(log, 2) == [r"the loss\x1b[2J is �", "not a number"]


def test_stop_leaves_no_process(tmp_path: Path) -> None:
    launcher = LocalLauncher(Trainer.of_template(template("sleep=60")), tmp_path, ["cpu", "cpu"])
    for number in (1, 2):
        launcher.start(candidate(number))
    children = [child.kept.process.pid for child in launcher._running.values()]
    launcher.stop()
    for pid in children:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, signal.SIG_DFL)
    assert launcher.running() == {}


def test_gpus_by_size(tmp_path: Path) -> None:
    """A run of two GPUs waits for both, and sees these and no others."""
    code = (
        "import os, sys; "
        "seen = [os.environ['CUDA_VISIBLE_DEVICES'], *sys.argv[3:]]; "
        "open(sys.argv[2], 'w').write(repr(seen))"
    )
    words = (sys.executable, "-c", code, "{candidate}", "{record}", "{device}", "{gpus}")
    launcher = LocalLauncher(Trainer(words, {4e6: 2}), tmp_path, ["cuda:0", "cuda:1"])
    launcher.start(candidate(1))
    launcher.start(candidate(2, n_params=8e6))
    assert set(launcher.running()) == {"r0001"}
    assert launcher.free() == 0
    ended(launcher, 2)
    assert (tmp_path / "r0001.json").read_text() == repr(["0", "cuda", "1"])
    assert (tmp_path / "r0002.json").read_text() in (
        repr(["1,0", "cuda", "2"]),
        repr(["0,1", "cuda", "2"]),
    )
    with pytest.raises(StudyError, match="needs 3 GPUs"):
        LocalLauncher(Trainer(words, {1.0: 3}), tmp_path, ["cuda:0"]).start(candidate(3))


def test_only_visible_gpus_are_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    code = "import os, sys; open(sys.argv[2], 'w').write(os.environ['CUDA_VISIBLE_DEVICES'])"
    words = (sys.executable, "-c", code, "{candidate}", "{record}")
    launcher = LocalLauncher(Trainer(words), tmp_path, ["cuda:1"])
    launcher.start(candidate(1))
    ended(launcher)
    assert (tmp_path / "r0001.json").read_text() == "7"


@pytest.mark.slow
def test_a_run_of_several_processes_goes_through_torchrun(tmp_path: Path) -> None:
    """Two processes of one run meet through torch.distributed, and one writes the record."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    words = [*torchrun, "--nproc-per-node={gpus}", str(PARALLEL), "{candidate}", "{record}"]
    launcher = LocalLauncher(Trainer(tuple(words), {1.0: 2}), tmp_path, ["cpu", "cpu"])
    launcher.start(candidate(1))
    assert launcher.free() == 0
    (found,) = ended(launcher, seconds=120)
    assert found.record is not None, found.reason
    record = json.loads(found.record.read_text())
    assert record["processes"] == 2
    assert record["loss"]["web"] == 1.5  # the mean over ranks of 1 + rank


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("train.py {candidate}", "no place for the record"),
        ("train.py {record}", "no place for the candidate"),
        ("train.py {candidate} {record} {size}", r"a place \{size\}"),
        ("train.py {candidate} {record", "command"),
        ("train.py '{candidate} {record}", "cannot be read"),
    ],
)
def test_commands_that_cannot_be(words: str, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        Trainer.of_template(words)


def test_missing_program_is_named(tmp_path: Path) -> None:
    trainer = Trainer.of_template("no-such-program {candidate} {record}")
    launcher = LocalLauncher(trainer, tmp_path, ["cpu"])
    with pytest.raises(StudyError, match="no-such-program': check the command and the PATH"):
        launcher.start(candidate(1))
    assert launcher.free() == 1


def test_a_script_of_the_folder_is_no_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text("print()")
    trainer = Trainer.of_template("train.py {candidate} {record}")
    with pytest.raises(StudyError, match=r"of that name is here: write 'python train\.py …'"):
        LocalLauncher(trainer, tmp_path, ["cpu"]).start(candidate(1))
