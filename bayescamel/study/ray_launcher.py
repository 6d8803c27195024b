"""Training on a Ray cluster: one task a run, with its GPUs, on whichever node has them.

The task runs the same command as `LocalLauncher` does, in a folder of its own on its node, and
sends the record back. A node that is lost is Ray's to replace: the task is tried again elsewhere.
"""

import os
import shutil
import socket
import tempfile
import time
from pathlib import Path
from typing import Any

from bayescamel.exceptions import StorageError, StudyError
from bayescamel.output import write_whole
from bayescamel.study.candidate import Candidate
from bayescamel.study.launchers import Finished
from bayescamel.study.trainers import Trainer

POLL_SECONDS = 0.2
"""Seconds between looks at the trainer."""


class RayLauncher:
    """Ray tasks.

    Parameters
    ----------
    trainer
        The command; on every node it must find what it needs.
    folder
        Where records are kept on this machine.
    workers
        Tasks at a time.
    address
        Of a cluster: ``auto`` on one of its nodes, or ``host:6379``; None: one on this machine.
    gpu
        Whether a run takes GPUs or CPUs, as many as the trainer says.
    retries
        How often a task is tried again whose node or process was lost, or whose trainer failed.
    timeout
        Seconds after which a trainer is ended; None: never.

    Raises
    ------
    StudyError
        When Ray is not installed or the cluster cannot be reached.
    """

    def __init__(
        self,
        trainer: Trainer,
        folder: Path,
        workers: int,
        *,
        address: str | None = None,
        gpu: bool = False,
        retries: int = 2,
        timeout: float | None = None,
    ) -> None:
        try:
            import ray
        except ImportError as error:
            raise StudyError("the Ray launcher needs Ray: pip install 'bayescamel[ray]'") from error
        self._ray = ray
        _check_reachable(address)
        if not ray.is_initialized():
            try:
                ray.init(address=address, log_to_driver=False, include_dashboard=False)
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise StudyError(
                    f"no Ray cluster at {address or 'this machine'}: {error}"
                ) from error
        self._trainer = trainer
        self._folder = folder
        self._workers = workers
        self._gpu = gpu
        self._retries = retries
        self._timeout = timeout
        self._train = ray.remote(_train)
        self._tasks: dict[str, tuple[Any, float]] = {}

    def free(self) -> int:
        """Tasks that may still be started."""
        return self._workers - len(self._tasks)

    def start(self, candidate: Candidate) -> None:
        """Submit a task."""
        devices = self._trainer.gpus_of(candidate)
        options = {
            "num_cpus": 1 if self._gpu else devices,
            "num_gpus": devices if self._gpu else 0,
            "max_retries": self._retries,
            "retry_exceptions": True,
            "name": candidate.run_id,
        }
        task = self._train.options(**options).remote(
            self._trainer, candidate.to_dict(), "cuda" if self._gpu else "cpu", self._timeout
        )
        self._tasks[candidate.run_id] = (task, time.monotonic())

    def finished(self) -> list[Finished]:
        """Tasks that ended; their records are written to the folder."""
        ended = []
        for run_id, (task, began) in list(self._tasks.items()):
            ready, _left = self._ray.wait([task], timeout=0)
            if not ready:
                continue
            del self._tasks[run_id]
            seconds = time.monotonic() - began
            path = self._folder / f"{run_id}.json"
            try:
                record = self._ray.get(task)
                self._folder.mkdir(parents=True, exist_ok=True)
                write_whole(path, record)
            except (self._ray.exceptions.RayError, OSError, StorageError) as error:
                reason = str(getattr(error, "cause", None) or error).strip().split("\n")[-1]
                ended.append(Finished(run_id, None, reason, seconds))
                continue
            ended.append(Finished(run_id, path, "", seconds))
        return ended

    def running(self) -> dict[str, float]:
        """Seconds since they were submitted, by run_id."""
        now = time.monotonic()
        return {run_id: now - began for run_id, (_, began) in self._tasks.items()}

    def stop(self) -> None:
        """Cancel all tasks; Ray ends their processes with the children."""
        for task, _ in self._tasks.values():
            self._ray.cancel(task, force=True)
        self._tasks.clear()


def _check_reachable(address: str | None) -> None:
    """Look first: Ray itself tries for minutes."""
    host, colon, port = (address or "").rpartition(":")
    if not colon or "//" in host:
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, ValueError) as error:
        raise StudyError(f"no Ray cluster at {address}: {error}") from error


class TrainerError(Exception):
    """A trainer that ended without a record."""


def _train(trainer: Trainer, values: dict[str, Any], device: str, timeout: float | None) -> bytes:
    """Run the command on the node where this task is; returns the record."""
    candidate = Candidate(**values)
    folder = Path(tempfile.mkdtemp(prefix="bayescamel-"))
    try:
        # Ray has set CUDA_VISIBLE_DEVICES to the GPUs of this task.
        kept = trainer.start(candidate, folder, device, os.environ, timeout)
        while kept.status() is None:
            time.sleep(POLL_SECONDS)
        if (reason := kept.failure()) is not None:
            raise TrainerError(reason)
        return kept.record.read_bytes()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
