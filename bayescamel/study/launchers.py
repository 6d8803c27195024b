"""Where runs are trained: processes here, one a device.

A trainer is a command that reads a candidate (JSON) and writes a record (JSON, see
`bayescamel.study.records`). Ours is ``python -m proxies.launch``; a user's own takes its place as
a template with ``{candidate}``, ``{record}``, ``{device}`` and ``{gpus}``. One that takes several
GPUs is started by torchrun:
``torchrun --standalone --nproc-per-node {gpus} train.py {candidate} {record}``.
"""

import contextlib
import json
import os
import shlex
import signal
import string
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from bayescamel.exceptions import StudyError
from bayescamel.study.candidate import Candidate

PLACES = {"candidate", "record", "device", "gpus"}
GRACE = 5.0
"""Seconds between asking a trainer to end and killing it."""


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
    """

    run_id: str
    record: Path | None
    reason: str = ""


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


@dataclass(frozen=True)
class Trainer:
    """The command that trains a run.

    Parameters
    ----------
    command
        Words with places for ``{candidate}`` and ``{record}`` (files), ``{device}`` and
        ``{gpus}``.
    gpus
        GPUs of a run by its size: least n_params → how many; below all: one.

    Raises
    ------
    StudyError
        When a place is unknown, or there is none for the candidate or the record.
    """

    command: tuple[str, ...]
    gpus: Mapping[float, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            parsed = [part[1] for word in self.command for part in string.Formatter().parse(word)]
        except ValueError as error:
            raise StudyError(f"the command {shlex.join(self.command)!r}: {error}") from error
        places = {place for place in parsed if place is not None}
        for place in places - PLACES:
            raise StudyError(f"the command has a place {{{place}}}; there are: {sorted(PLACES)}")
        for place in {"candidate", "record"} - places:
            raise StudyError(f"the command has no place for the {place}: write {{{place}}}")

    @classmethod
    def of_template(cls, template: str, gpus: Mapping[float, int] | None = None) -> "Trainer":
        """A user's own trainer."""
        try:
            return cls(tuple(shlex.split(template)), gpus or {})
        except ValueError as error:
            raise StudyError(f"the command {template!r} cannot be read: {error}") from error

    @classmethod
    def of_proxies(cls, corpora: Path | None = None) -> "Trainer":
        """Our own, `proxies.launch`, which trains a run on one device."""
        words = [sys.executable, "-m", "proxies.launch", "{candidate}", "{record}"]
        words += ["--device", "{device}"]
        if corpora is not None:
            words += ["--corpora", str(corpora)]
        return cls(tuple(words))

    def gpus_of(self, candidate: Candidate) -> int:
        """How many GPUs a run takes."""
        fitting = [n for least, n in sorted(self.gpus.items()) if candidate.n_params >= least]
        return fitting[-1] if fitting else 1

    def words(self, candidate: Candidate, folder: Path, device: str) -> list[str]:
        """The command for one run."""
        places = {
            "candidate": str(folder / f"{candidate.run_id}.candidate.json"),
            "record": str(folder / f"{candidate.run_id}.json"),
            "device": device,
            "gpus": str(self.gpus_of(candidate)),
        }
        return [word.format(**places) for word in self.command]


def write_candidate(candidate: Candidate, folder: Path) -> None:
    """Write what the trainer reads, and remove what an earlier try left."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{candidate.run_id}.json").unlink(missing_ok=True)
    path = folder / f"{candidate.run_id}.candidate.json"
    path.write_text(json.dumps(candidate.to_dict(), indent=1), encoding="utf-8")


def last_words(log: Path) -> str:
    """The last line that a trainer wrote."""
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.exists() else []
    said = [line.strip() for line in lines if line.strip()]
    return said[-1][:500] if said else "it said nothing"


@dataclass
class _Process:
    process: subprocess.Popen[bytes]
    log: IO[bytes]
    gpus: tuple[str, ...]
    began: float


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
    """

    def __init__(
        self, trainer: Trainer, folder: Path, devices: Sequence[str], retries: int = 0
    ) -> None:
        if not devices:
            raise StudyError("there is no device to train on")
        self._trainer = trainer
        self._folder = folder
        self._idle = list(devices)
        self._retries = retries
        self._tries: dict[str, int] = {}
        self._candidates: dict[str, Candidate] = {}
        self._waiting: list[Candidate] = []
        self._running: dict[str, _Process] = {}

    def free(self) -> int:
        """Idle devices, less those that a waiting run needs."""
        return 0 if self._waiting else len(self._idle)

    def start(self, candidate: Candidate) -> None:
        """Start a run, or let it wait until it has its GPUs."""
        if self._trainer.gpus_of(candidate) > len(self._idle) + sum(
            len(p.gpus) for p in self._running.values()
        ):
            raise StudyError(
                f"run {candidate.run_id!r} needs {self._trainer.gpus_of(candidate)} GPUs, more "
                "than this machine has devices"
            )
        self._candidates[candidate.run_id] = candidate
        self._waiting.append(candidate)
        self._start_waiting()

    def _start_waiting(self) -> None:
        while self._waiting and self._trainer.gpus_of(self._waiting[0]) <= len(self._idle):
            candidate = self._waiting.pop(0)
            gpus = self._trainer.gpus_of(candidate)
            devices = tuple(self._idle.pop(0) for _ in range(gpus))
            self._launch(candidate, devices)

    def _launch(self, candidate: Candidate, devices: tuple[str, ...]) -> None:
        write_candidate(candidate, self._folder)
        kind = devices[0].partition(":")[0]
        numbers = [device.partition(":")[2] for device in devices]
        environment = dict(os.environ)
        if all(numbers):
            visible = environment.get("CUDA_VISIBLE_DEVICES")
            if visible:  # of the GPUs that this process may use, by their order
                numbers = [visible.split(",")[int(number)] for number in numbers]
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(numbers)
        log = (self._folder / f"{candidate.run_id}.log").open("ab")
        words = self._trainer.words(candidate, self._folder, kind)
        try:
            # A session of its own: Ctrl-C reaches the study, which ends the trainers itself.
            process = subprocess.Popen(
                words, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        except OSError as error:
            log.close()
            self._idle += devices
            raise StudyError(f"the trainer cannot be started: {error}") from error
        self._running[candidate.run_id] = _Process(process, log, devices, time.monotonic())

    def finished(self) -> list[Finished]:
        """Runs that ended; one that failed is started again while it has retries left."""
        ended = []
        for run_id, child in list(self._running.items()):
            status = child.process.poll()
            if status is None:
                continue
            child.log.close()
            del self._running[run_id]
            self._idle += child.gpus
            record = self._folder / f"{run_id}.json"
            if status == 0 and record.exists():
                ended.append(Finished(run_id, record))
            elif self._tries.setdefault(run_id, 0) < self._retries:
                self._tries[run_id] += 1
                self._waiting.append(self._candidates[run_id])
            else:
                why = "no record was written" if status == 0 else f"exit status {status}"
                words = last_words(self._folder / f"{run_id}.log")
                ended.append(Finished(run_id, None, f"{why}: {words}"))
        self._start_waiting()
        return ended

    def running(self) -> dict[str, float]:
        """Seconds since its start, by run_id."""
        now = time.monotonic()
        return {run_id: now - child.began for run_id, child in self._running.items()}

    def stop(self) -> None:
        """Ask the trainers to end, and kill those that do not."""
        self._waiting.clear()
        for child in self._running.values():
            _signal(child.process, signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        for child in self._running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):  # it is killed next
                child.process.wait(max(0.0, deadline - time.monotonic()))
            # The group, since a trainer may have children that outlive it.
            _signal(child.process, signal.SIGKILL)
            child.process.wait()
            child.log.close()
        self._running.clear()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return  # it ended by itself, and so did its children
