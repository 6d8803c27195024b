"""Where runs are trained: processes here, one a device."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bayescamel.exceptions import StorageError, StudyError
from bayescamel.study.candidate import Candidate
from bayescamel.study.trainers import Kept, Trainer

BACKOFF = 5.0
"""Seconds before a run that failed is tried again; each further time twice as many."""


@dataclass(frozen=True)
class Finished:
    """A run that ended.

    Parameters
    ----------
    run_id
        Which.
    record
        Where its record is; None when it failed.
    reason
        Why it failed, in the trainer's last words.
    seconds
        How long its last try took.
    log
        What the trainer said, where that is known.
    """

    run_id: str
    record: Path | None
    reason: str = ""
    seconds: float = 0.0
    log: Path | None = None


class Launcher(Protocol):
    """Trains candidates somewhere."""

    def free(self) -> int:
        """How many more runs may be started now."""

    def start(self, candidate: Candidate) -> None:
        """Start a run."""

    def finished(self) -> list[Finished]:
        """Runs that ended since the last call."""

    def running(self) -> dict[str, float]:
        """Seconds since its start, by run_id."""

    def stop(self) -> None:
        """End all runs that were started and have not ended."""


@dataclass
class _Running:
    kept: Kept
    devices: tuple[str, ...]
    began: float


@dataclass(frozen=True)
class _Waiting:
    candidate: Candidate
    since: float
    """Not before this time, by the monotonic clock."""


class LocalLauncher:
    """Processes on this machine, one a device.

    Parameters
    ----------
    trainer
        The command.
    folder
        Of candidates, records and logs.
    devices
        ``("cpu", "cpu")``: two processes on the CPU; ``("cuda:0", "cuda:1")``: two GPUs, each
        seen by one process alone.
    retries
        How often a run that failed is started again.
    timeout
        Seconds after which a run is ended; None: never.
    backoff
        Seconds before a run that failed is started again, twice as many each further time.
    """

    def __init__(
        self,
        trainer: Trainer,
        folder: Path,
        devices: Sequence[str],
        retries: int = 0,
        *,
        timeout: float | None = None,
        backoff: float = BACKOFF,
    ) -> None:
        if not devices:
            raise StudyError("there is no device to train on")
        self._trainer = trainer
        self._folder = folder
        self._count = len(devices)
        self._idle = list(devices)
        self._retries = retries
        self._timeout = timeout
        self._backoff = backoff
        self._tries: dict[str, int] = {}
        self._candidates: dict[str, Candidate] = {}
        self._waiting: list[_Waiting] = []
        self._running: dict[str, _Running] = {}
        self._ended: list[Finished] = []

    def free(self) -> int:
        """Idle devices, less those that a waiting run needs."""
        return 0 if self._due() else len(self._idle)

    def start(self, candidate: Candidate) -> None:
        """Start a run, or let it wait until it has its GPUs.

        Raises
        ------
        StudyError
            When this machine has too few devices for it, or there is no such program.
        """
        if self._trainer.gpus_of(candidate) > self._count:
            raise StudyError(
                f"run {candidate.run_id!r} needs {self._trainer.gpus_of(candidate)} GPUs, more "
                "than this machine has devices"
            )
        self._candidates[candidate.run_id] = candidate
        self._waiting.append(_Waiting(candidate, time.monotonic()))
        self._start_waiting()

    def _due(self) -> list[_Waiting]:
        now = time.monotonic()
        return [waiting for waiting in self._waiting if waiting.since <= now]

    def _start_waiting(self) -> None:
        for waiting in self._due():
            gpus = self._trainer.gpus_of(waiting.candidate)
            if gpus > len(self._idle):
                return
            self._waiting.remove(waiting)
            devices = tuple(self._idle.pop(0) for _ in range(gpus))
            try:
                self._launch(waiting.candidate, devices)
            except (OSError, StorageError) as error:  # as of a full disk
                self._idle += devices
                self._fail(waiting.candidate.run_id, str(error), 0.0)
            except StudyError:
                self._idle += devices
                raise

    def _launch(self, candidate: Candidate, devices: tuple[str, ...]) -> None:
        kind = devices[0].partition(":")[0]
        numbers = [device.partition(":")[2] for device in devices]
        environment = dict(os.environ)
        if all(numbers):
            visible = environment.get("CUDA_VISIBLE_DEVICES")
            if visible:  # of the GPUs that this process may use, by their order
                numbers = [visible.split(",")[int(number)] for number in numbers]
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(numbers)
        kept = self._trainer.start(candidate, self._folder, kind, environment, self._timeout)
        self._running[candidate.run_id] = _Running(kept, devices, time.monotonic())

    def _fail(self, run_id: str, reason: str, seconds: float) -> None:
        """Try it again later, or tell that it failed."""
        tries = self._tries[run_id] = self._tries.get(run_id, 0) + 1
        if tries <= self._retries:
            since = time.monotonic() + self._backoff * 2 ** (tries - 1)
            self._waiting.append(_Waiting(self._candidates[run_id], since))
        else:
            log = self._folder / f"{run_id}.log"
            self._ended.append(Finished(run_id, None, reason, seconds, log))

    def finished(self) -> list[Finished]:
        """Runs that ended; one that failed is started again while it has retries left."""
        for run_id, child in list(self._running.items()):
            if child.kept.status() is None:
                continue
            del self._running[run_id]
            self._idle += child.devices
            seconds = time.monotonic() - child.began
            if (reason := child.kept.failure()) is None:
                self._ended.append(Finished(run_id, child.kept.record, "", seconds))
            else:
                self._fail(run_id, reason, seconds)
        self._start_waiting()
        ended, self._ended = self._ended, []
        return ended

    def running(self) -> dict[str, float]:
        """Seconds since its start, by run_id."""
        now = time.monotonic()
        return {run_id: now - child.began for run_id, child in self._running.items()}

    def stop(self) -> None:
        """Ask the trainers to end, and kill those that do not."""
        self._waiting.clear()
        for child in self._running.values():
            child.kept.cut()
        for child in self._running.values():
            child.kept.end()
        self._running.clear()
