"""The study on a real Ray cluster of this machine."""

import json
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bayescamel.exceptions import StudyError
from bayescamel.study import Study
from bayescamel.study.candidate import Candidate
from bayescamel.study.loop import Loop
from bayescamel.study.trainers import Trainer
from tests.study.examples import QUICK, SPACE, TARGET

pytestmark = [
    pytest.mark.slow,  # the dev extra has Ray, `make test` does not need it
    # Ray forks to start its own processes, which replace themselves by exec at once; JAX, loaded by
    # other tests of the session, warns of any fork, since a child that went on could deadlock.
    pytest.mark.filterwarnings(r"ignore:os\.fork\(\) was called:RuntimeWarning"),
]

HERE = Path(__file__).parent
CHEAPEST = 120 * 1e6**2


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    import ray

    ray.init(num_cpus=2, num_gpus=2, include_dashboard=False, log_to_driver=False)
    yield ray
    ray.shutdown()


def launcher(folder: Path, *options: str, workers: int = 2, retries: int = 0) -> Any:
    from bayescamel.study.ray_launcher import RayLauncher

    words = shlex.join([sys.executable, str(HERE / "trainer.py")]) + " {candidate} {record} "
    trainer = Trainer.of_template(words + " ".join(options))
    return RayLauncher(trainer, folder / "runs", workers, retries=retries)


def candidate(number: int) -> Candidate:
    return Candidate(f"r{number:04d}", 1e6, None, 2e7, {"code": 0.4, "web": 0.6}, 0, 1.2e14)


def ended(made: Any, seconds: float = 240.0) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := made.finished():
            return found[0]
        time.sleep(0.1)
    raise AssertionError("the task did not end")


def test_study_runs_on_the_cluster(cluster: Any, tmp_path: Path) -> None:
    budget = 2 * CHEAPEST + 2 * 16 * CHEAPEST
    study = Study.create(tmp_path / "study.db", SPACE, TARGET, budget=budget, fit=QUICK, start=50)
    loop = Loop(study, launcher(tmp_path), tmp_path / "runs")
    assert "budget" in loop.run()
    seen = study.snapshot()
    assert len(seen.told()) == 4
    assert seen.pending() == ()


def test_failure_says_why(cluster: Any, tmp_path: Path) -> None:
    made = launcher(tmp_path, "fail=r0001")
    made.start(candidate(1))
    found = ended(made)
    assert found.record is None
    assert "exit status 1: the loss is not a number" in found.reason
    assert made.free() == 2


def test_passing_fault_is_tried_again(cluster: Any, tmp_path: Path) -> None:
    made = launcher(tmp_path, f"once={tmp_path / 'mark'}", retries=1)
    made.start(candidate(1))
    assert ended(made).record is not None


def test_no_cluster_there(cluster: Any, tmp_path: Path) -> None:
    from bayescamel.study.ray_launcher import RayLauncher

    trainer = Trainer.of_template("train.py {candidate} {record}")
    with pytest.raises(StudyError, match=r"no Ray cluster at 127.0.0.1:1: .*refused"):
        RayLauncher(trainer, tmp_path, 1, address="127.0.0.1:1")


def test_a_run_of_two_gpus_goes_through_torchrun_inside_its_task(
    cluster: Any, tmp_path: Path
) -> None:
    """Ray hands out the two GPUs that it was told of; the processes meet by gloo on the CPU."""
    from bayescamel.study.ray_launcher import RayLauncher

    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    script = str(HERE / "parallel_trainer.py")
    words = [*torchrun, "--nproc-per-node={gpus}", script, "{candidate}", "{record}"]
    trainer = Trainer(tuple(words), {1.0: 2})
    made = RayLauncher(trainer, tmp_path / "runs", 2, gpu=True)
    made.start(candidate(1))
    found = ended(made, seconds=180)
    assert found.record is not None, found.reason
    record = json.loads(found.record.read_text())
    assert record["processes"] == 2
    assert record["visible"] == "0,1"
    assert record["loss"]["web"] == 1.5  # the mean over ranks of 1 + rank


def trainers(folder: Path) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        if f"once={folder}".encode() in words:
            found.append(int(path.parent.name))
    return found


def test_stop_ends_tasks_with_their_trainers(cluster: Any, tmp_path: Path) -> None:
    (tmp_path / "mark").touch()
    made = launcher(tmp_path, "sleep=120", f"once={tmp_path / 'mark'}")
    made.start(candidate(1))
    deadline = time.monotonic() + 180
    while not trainers(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    made.stop()
    deadline = time.monotonic() + 180
    while trainers(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert made.free() == 2
