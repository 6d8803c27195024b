"""The command that trains a run, and one that is at it.

A trainer is a command that reads a candidate (JSON) and writes a record (JSON, see
`bayescamel.study.records`). Ours is ``python -m proxies.launch``; a user's own takes its place as
a template with ``{candidate}``, ``{record}``, ``{device}`` and ``{gpus}``. One that takes several
GPUs is started by torchrun:
``torchrun --standalone --nproc-per-node {gpus} train.py {candidate} {record}``.
"""

import contextlib
import json
import shlex
import shutil
import signal
import string
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bayescamel.exceptions import StudyError
from bayescamel.input import shown
from bayescamel.output import write_whole
from bayescamel.study import keeper
from bayescamel.study.candidate import Candidate

PLACEHOLDERS = {"candidate", "record", "device", "gpus"}
GRACE_SECONDS = 5.0
"""Seconds between asking a trainer to end and killing it."""
TAIL_BYTES = 2**16
"""Bytes at the end of a log in which the last words are looked for."""


@dataclass(frozen=True)
class Kept:
    """A trainer that was started, and the keeper that watches it.

    Parameters
    ----------
    process
        The keeper; its exit status is the trainer's.
    record
        Where the record is when that status is 0.
    log
        What the trainer said.
    """

    process: "subprocess.Popen[bytes]"
    record: Path
    log: Path

    def order(self, order: Mapping[str, Any]) -> None:
        """Say what to start; the pipe stays open, and its end ends the trainer."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it was killed at once: its status tells
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            self.process.stdin.flush()

    def status(self) -> int | None:
        """The exit status; None while it is at it."""
        status = self.process.poll()
        if status is not None:
            self._close()
        if status is not None and status < 0:  # killed, so that it could end nothing
            session = [pid for pid, _, own in keeper.processes() if own == self.process.pid]
            keeper.send(signal.SIGKILL, session)
        return status

    def failure(self) -> str | None:
        """Why an ended one has no record; None where it has one."""
        status = self.process.returncode
        if status == 0 and self.record.exists():
            return None
        why = "no record was written" if status == 0 else f"exit status {status}"
        return f"{why}: {last_words(self.log)[-1]}"

    def cut(self) -> None:
        """Have it end, and all that it started; `end` waits for it."""
        self._close()

    def end(self) -> None:
        """Wait until it and all that it started have ended."""
        self.cut()
        try:
            self.process.wait(3 * GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.status()

    def _close(self) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()


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
        for place in places - PLACEHOLDERS:
            raise StudyError(
                f"the command has a place {{{place}}}; there are: {sorted(PLACEHOLDERS)}"
            )
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

    def start(
        self,
        candidate: Candidate,
        folder: Path,
        device: str,
        environment: Mapping[str, str],
        timeout: float | None,
    ) -> "Kept":
        """Start the command for one run, watched by `bayescamel.study.keeper`.

        Raises
        ------
        StudyError
            When there is no such program.
        OSError, StorageError
            When the folder cannot be written.
        """
        if shutil.which(program := self.command[0], path=environment.get("PATH")) is None:
            here = Path(program).is_file()
            remedy = "check the command and the PATH"
            if here:
                remedy = f"a file of that name is here: write 'python {shown(program)} …' to run it"
            raise StudyError(
                f"the trainer cannot be started: there is no program {shown(program)!r}: {remedy}"
            )
        write_candidate(candidate, folder)
        record = folder / f"{candidate.run_id}.json"
        drafts = folder / "unfinished"
        drafts.mkdir(exist_ok=True)
        # A folder a try: what is left of an earlier one cannot write into this one's record.
        draft = Path(tempfile.mkdtemp(prefix=f"{candidate.run_id}-", dir=drafts)) / record.name
        places = {
            "candidate": str(candidate_file(folder, candidate.run_id)),
            "record": str(draft),
            "device": device,
            "gpus": str(self.gpus_of(candidate)),
        }
        order = {
            "words": [word.format(**places) for word in self.command],
            "draft": str(draft),
            "record": str(record),
            "timeout": timeout,
            "grace": GRACE_SECONDS,
        }
        log = folder / f"{candidate.run_id}.log"
        with log.open("ab") as file:
            # A session of its own: Ctrl-C reaches the loop, which ends the trainers itself.
            process = subprocess.Popen(
                [sys.executable, "-IS", keeper.__file__],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                env=dict(environment),
                start_new_session=True,
            )
        kept = Kept(process, record, log)
        kept.order(order)
        return kept


def candidate_file(folder: Path, run_id: str) -> Path:
    """Where the trainer of a run reads what to train."""
    return folder / f"{run_id}.candidate.json"


def write_candidate(candidate: Candidate, folder: Path) -> None:
    """Write what the trainer reads, and remove what an earlier try left."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{candidate.run_id}.json").unlink(missing_ok=True)
    content = json.dumps(candidate.to_dict(), indent=1).encode()
    write_whole(candidate_file(folder, candidate.run_id), content)


def last_words(log: Path, most: int = 1) -> list[str]:
    """The last lines that a trainer wrote, of a log of any size."""
    if not log.exists():
        return ["it said nothing"]
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        lines = file.read(TAIL_BYTES).decode("utf-8", errors="replace").split("\n")
    said = [shown(line.strip(), 500) for line in lines if line.strip()]
    return said[-most:] or ["it said nothing"]
