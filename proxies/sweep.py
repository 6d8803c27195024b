"""Train a grid of proxies: ``python -m proxies.sweep --out records``.

A sweep can be stopped at any instant and started again: finished runs are skipped, and a run
that did not finish left nothing behind.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import signal
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bayescamel.exceptions import BayesCamelError
from proxies import corpora as corpora_module
from proxies import grid, record, train
from proxies.corpora import Corpora
from proxies.grid import Cell
from proxies.own_corpora import build_user

CORPORA_NOTE = ".corpora"


@dataclass(frozen=True)
class Job:
    """What a worker process needs for one run."""

    cell: Cell
    corpora: Path
    out: Path
    device: str


def prepare_worker() -> None:
    """One thread a worker; Ctrl-C is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)


def process_pool(workers: int) -> Executor:
    """Fresh processes: neither open files nor a CUDA context are inherited."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=prepare_worker)


def work(job: Job) -> dict[str, float]:
    """Train one run and write its record; returns its losses."""
    corpora = corpora_module.load(job.corpora)
    outcome = train.run(job.cell.config, corpora, job.device)
    entry = record.build(job.cell.run_id, job.cell.config, corpora, outcome, job.device)
    record.write(entry, job.out)
    return outcome.losses


def locate_corpora(out: Path, source: Path | None, cache: Path) -> Path:
    """The folder of saved corpora: the one this sweep began with, else newly built.

    Raises
    ------
    CorpusError
        When the sweep began with corpora that the cache no longer holds.
    """
    note = out / CORPORA_NOTE
    if note.exists():
        folder = cache / str(json.loads(note.read_text(encoding="utf-8"))["folder"])
        if not (folder / corpora_module.MANIFEST).exists():
            raise corpora_module.CorpusError(
                f"this sweep began with corpora {folder.name}, which are gone from {cache}: "
                "restore them or start a new --out"
            )
        return folder
    built = build_user(source) if source else corpora_module.build_builtin()
    folder = corpora_module.save(built, cache)
    out.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps({"folder": folder.name}), encoding="utf-8")
    return folder


def pending(cells: Sequence[Cell], corpora: Corpora, out: Path) -> list[Cell]:
    """Cells without a record.

    Raises
    ------
    RecordError
        When a record has the run_id of a cell but another configuration or other corpora.
    """
    done = {entry["run_id"]: entry["cell"] for entry in record.read_all(out)}
    todo = []
    for cell in cells:
        key = record.cell(cell.config, corpora.fingerprint)
        found = done.get(cell.run_id)
        if found is None:
            todo.append(cell)
        elif found != key:
            raise record.RecordError(
                f"{cell.run_id} in {out.name} was trained with another configuration or other "
                "corpora: choose a new --out"
            )
    return todo


def stop_workers(before: set[BaseProcess]) -> None:
    """End the workers that this sweep started."""
    for process in set(multiprocessing.active_children()) - before:
        process.terminate()


def sweep(
    cells: Sequence[Cell],
    corpora_folder: Path,
    out: Path,
    *,
    workers: int = 2,
    device: str = "cpu",
    console: Console | None = None,
    pool: Callable[[int], Executor] = process_pool,
) -> list[str]:
    """Train what is missing; returns the run_ids that failed.

    A run that diverges is reported and leaves no record; the others go on. On any other error,
    Ctrl-C included, the workers are stopped and the error is passed on.
    """
    console = console or Console()
    corpora = corpora_module.load(corpora_folder)
    out.mkdir(parents=True, exist_ok=True)
    todo = pending(cells, corpora, out)
    console.print(f"{len(cells)} runs, {len(cells) - len(todo)} done, {len(todo)} to train")
    failed: list[str] = []
    before = set(multiprocessing.active_children())
    executor = pool(workers)
    columns = (TextColumn("runs"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    begin = time.perf_counter()
    try:
        with Progress(*columns, console=console) as progress:
            bar = progress.add_task("runs", total=len(todo))
            futures: dict[Future[dict[str, float]], Cell] = {
                executor.submit(work, Job(cell, corpora_folder, out, device)): cell for cell in todo
            }
            waiting = set(futures)
            while waiting:
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in finished:
                    cell = futures[future]
                    error = future.exception()
                    if isinstance(error, BayesCamelError):
                        failed.append(cell.run_id)
                        progress.console.print(f"{cell.run_id} failed: {error}")
                    elif error is not None:
                        raise error
                    else:
                        losses = " ".join(f"{k} {v:.3f}" for k, v in future.result().items())
                        minutes = (time.perf_counter() - begin) / 60
                        progress.console.print(f"{minutes:6.1f} min  {cell.run_id}  {losses}")
                    progress.advance(bar)
        executor.shutdown()
    except BaseException:
        stop_workers(before)
        executor.shutdown(wait=False, cancel_futures=True)
        raise
    return failed


def parser() -> argparse.ArgumentParser:
    """Options of the command line."""
    made = argparse.ArgumentParser(prog="python -m proxies.sweep", description=__doc__)
    made.add_argument("--out", type=Path, required=True, help="folder of the records")
    made.add_argument("--grid", choices=grid.GRIDS, default="first")
    made.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    made.add_argument("--tokens", type=int, help=f"tokens a run (default {grid.TOKENS})")
    made.add_argument("--corpora", type=Path, help="own corpora: <domain>/ or <domain>.jsonl")
    made.add_argument("--cache", type=Path, default=corpora_module.default_cache())
    made.add_argument("--device", default="cpu", help="cpu or cuda")
    return made


def check_options(options: argparse.Namespace) -> None:
    """Refuse what no run can use, before the corpora are built."""
    if options.workers < 1:
        raise BayesCamelError(f"--workers {options.workers}: give 1 or more")
    if options.tokens is not None and options.tokens < 1:
        raise BayesCamelError(f"--tokens {options.tokens}: give 1 or more")
    if options.device not in ("cpu", "cuda"):
        raise BayesCamelError(f"--device {options.device!r}: choose cpu or cuda")
    if options.device == "cuda" and not torch.cuda.is_available():
        raise BayesCamelError("--device cuda: PyTorch finds no CUDA device here")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0: all runs have records; 1: some failed; 2: bad input; 130: interrupted."""
    options = parser().parse_args(arguments)
    try:
        check_options(options)
        folder = locate_corpora(options.out, options.corpora, options.cache)
        cells = grid.build(options.grid, corpora_module.load(folder).names, options.tokens)
        failed = sweep(cells, folder, options.out, workers=options.workers, device=options.device)
    except BayesCamelError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: run the same command again to go on", file=sys.stderr)
        return 130
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
