"""Train a grid of proxies, one process a run, a worker a core or a GPU.

A sweep can be stopped at any instant and started again: finished runs are skipped, others go on
from their checkpoints. When the sweep itself is killed, its workers see it and end.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bayescamel.exceptions import BayesCamelError
from proxies import checkpoint, guards, record, tasks, train
from proxies import corpora as corpora_module
from proxies.corpora import Corpora
from proxies.devices import Runtime, use_one_core
from proxies.files import write_atomically
from proxies.grid import Cell
from proxies.text.build import CorpusError
from proxies.text.tokenisers import Tokeniser

CORPORA_NOTE = ".corpora"
CHECKPOINTS = ".checkpoints"
GRACE = 20.0
"""Seconds that a worker has to write its checkpoint before it is killed."""


@dataclass(frozen=True)
class Job:
    """What a worker process needs for one run."""

    cell: Cell
    corpora: Path
    out: Path
    runtime: Runtime


def work(job: Job) -> dict[str, float]:
    """Train one run and write its records; returns the losses of the last."""
    corpora = corpora_module.load(job.corpora)
    path = job.out / CHECKPOINTS / f"{job.cell.run_id}.pt"
    measured = train.run(job.cell.config, corpora, job.runtime, path)
    for run_id, item in zip(job.cell.record_ids, measured, strict=True):
        record.write(record.build(run_id, job.cell.config, corpora, item, job.runtime), job.out)
    checkpoint.discard(path)
    return measured[-1].losses


def worker(job: Job, parent: int, answer: Connection) -> None:
    """Do one job in a process of its own, and say how it went."""
    guards.stop_on_signals(parent)
    if job.runtime.kind == "cpu":
        use_one_core()
    try:
        answer.send(work(job))
    except guards.Stopped:
        answer.send("stopped")
    except BayesCamelError as error:
        answer.send(str(error))


@dataclass
class Running:
    """A worker at work."""

    cell: Cell
    process: SpawnProcess
    answer: Connection
    slot: Runtime

    def outcome(self) -> dict[str, float] | str:
        """Its losses, or why it has none."""
        self.process.join()
        try:
            said: dict[str, float] | str = self.answer.recv()
        except EOFError:
            code = self.process.exitcode
            if code == -signal.SIGKILL:
                return "it was killed, as the system does when memory runs out: fewer --workers"
            return f"its process ended with status {code}: see what it wrote above"
        return said


def start(job: Job) -> Running:
    """Start a worker: a fresh process, which inherits neither open files nor a CUDA context."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=worker, args=(job, os.getpid(), sender), daemon=True)
    process.start()
    sender.close()
    return Running(job.cell, process, receiver, job.runtime)


def stop(running: Sequence[Running]) -> None:
    """Let workers write their checkpoints and end; kill those that do not."""
    for one in running:
        one.process.terminate()
    deadline = time.monotonic() + GRACE
    for one in running:
        one.process.join(max(0.0, deadline - time.monotonic()))
        if one.process.is_alive():
            one.process.kill()
            one.process.join()


def locate_corpora(
    out: Path, source: Path | None, cache: Path, tokeniser: Tokeniser | None = None
) -> Path:
    """The folder of saved corpora: the one this sweep began with, else found or built.

    Parameters
    ----------
    source
        Saved corpora, or a user's own text; None: the five domains of the bundled runs.

    Raises
    ------
    CorpusError
        When the sweep began with corpora that are gone, or that are not those of ``source``.
    """
    note = out / CORPORA_NOTE
    given = None if source is None else str(source.resolve())
    if note.exists():
        noted = json.loads(note.read_text(encoding="utf-8"))
        folder = Path(noted["folder"])
        if given not in (None, noted["folder"], noted.get("source")):
            raise CorpusError(
                f"{given} is not the text of the runs in {out}, which began with "
                f"{noted.get('source', folder)}: give that, or a new folder of records"
            )
        if not (folder / corpora_module.MANIFEST).exists():
            raise CorpusError(
                f"this sweep began with corpora {folder.name}, which are gone from "
                f"{folder.parent}: restore them or start a new --out"
            )
        return folder
    if source is not None and (source / corpora_module.MANIFEST).exists():
        folder = source.resolve()
    elif source is not None:
        folder = corpora_module.build_user(source, cache, tokeniser=tokeniser)
    else:
        folder = corpora_module.build_builtin(cache)
    text = json.dumps({"folder": str(folder)} | ({"source": given} if given else {}))
    write_atomically(note, lambda file: file.write(text.encode()))
    return folder


def pending(cells: Sequence[Cell], corpora: Corpora, out: Path) -> list[Cell]:
    """Cells that lack a record.

    Raises
    ------
    RecordError
        When a record has the name of a cell's but another configuration or other corpora.
    """
    done = {entry["run_id"]: entry["cell"] for entry in record.read_all(out)}
    todo = []
    for cell in cells:
        key = cell.config.key(corpora.fingerprint)
        found = [done.get(run_id) for run_id in cell.record_ids]
        if any(entry not in (None, key) for entry in found):
            raise record.RecordError(
                f"{cell.run_id} in {out.name} was trained with another configuration or other "
                "corpora: choose a new --out"
            )
        if None in found:
            todo.append(cell)
    return todo


def sweep(
    cells: Sequence[Cell],
    corpora_folder: Path,
    out: Path,
    slots: Sequence[Runtime],
    console: Console | None = None,
) -> list[str]:
    """Train what is missing, a worker for each of ``slots``; returns the run_ids that failed.

    A run that diverges or is killed is reported and leaves no record; the others go on. On any
    other error, Ctrl-C and SIGTERM included, the workers are stopped and the error is passed on.
    """
    console = console or Console()
    corpora = corpora_module.load(corpora_folder)
    out.mkdir(parents=True, exist_ok=True)
    todo = pending(cells, corpora, out)
    console.print(f"{len(cells)} runs, {len(cells) - len(todo)} done, {len(todo)} to train")
    for n in sorted({cell.config.n_questions for cell in todo}):
        tasks.questions(corpora, n)  # built once, before the workers ask for them
    failed: list[str] = []
    free = list(slots)
    running: list[Running] = []
    columns = (TextColumn("runs"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    begin = time.perf_counter()
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with Progress(*columns, console=console) as progress:
            bar = progress.add_task("runs", total=len(todo))
            while todo or running:
                while todo and free:
                    running.append(start(Job(todo.pop(0), corpora_folder, out, free.pop(0))))
                ended = wait([one.process.sentinel for one in running])
                for one in [one for one in running if one.process.sentinel in ended]:
                    outcome = one.outcome()
                    minutes = f"{(time.perf_counter() - begin) / 60:6.1f} min  {one.cell.run_id}  "
                    if isinstance(outcome, str):
                        failed.append(one.cell.run_id)
                        progress.console.print(f"{minutes}failed: {outcome}")
                    else:
                        losses = " ".join(f"{k} {v:.3f}" for k, v in outcome.items())
                        progress.console.print(minutes + losses)
                    running.remove(one)
                    free.append(one.slot)
                    progress.advance(bar)
    finally:
        stop(running)
        signal.signal(signal.SIGTERM, before)
    return failed


def _interrupt(number: int, frame: object) -> NoReturn:
    del number, frame
    raise KeyboardInterrupt
