"""Runs of a study: asked for, told, failed, and taken in from elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from bayescamel.cli import options
from bayescamel.cli.common import (
    answer,
    guarded,
    known,
    opened,
    quiet_stdout,
    respond,
    say,
    weights,
)
from bayescamel.exceptions import StudyError


@guarded
def ask(
    where: options.StudyPlace,
    n: Annotated[int, typer.Option("-n", help="How many runs.")] = 1,
    lease: Annotated[
        float, typer.Option(help="Seconds after which a run that was not told is asked for again.")
    ] = 3600.0,
    worker: options.Worker = None,
    name: options.StudyName = "study",
    json: options.Json = False,
) -> None:
    """Say which runs to train next, and lease them to the caller."""
    with quiet_stdout():
        study = opened(where, name)
        asked = study.ask(n, lease=lease, worker=worker)
    if json:
        answer({"candidates": [candidate.to_dict() for candidate in asked], **known(study)})
        return
    for candidate in asked:
        mixture = " ".join(f"{key}={weight:.4f}" for key, weight in candidate.mixture.items())
        say(
            f"{candidate.run_id}  {candidate.n_params:g} parameters  "
            f"{candidate.n_tokens:g} tokens  {candidate.flops:.3g} FLOPs  {mixture}"
        )
    if not asked:
        say("the budget pays for no further run", err=True)


@guarded
def tell(
    where: options.StudyPlace,
    run_id: options.RunId,
    record: Annotated[Path | None, typer.Option(help="JSON of what was measured.")] = None,
    loss: Annotated[
        list[str] | None, typer.Option(help="Or name=loss, once a validation domain.")
    ] = None,
    correct: Annotated[
        bool, typer.Option("--correct", help="Replace numbers that were told before.")
    ] = False,
    name: options.StudyName = "study",
    json: options.Json = False,
) -> None:
    """Store what a run measured."""
    if (record is None) == (not loss):
        raise StudyError("give either --record or --loss")
    given = {"loss": weights(loss or [], "loss", StudyError)} if record is None else record
    with quiet_stdout():
        made = opened(where, name)
        new = made.correct(run_id, given) if correct else made.tell(run_id, given)
    respond(
        json, {"run_id": run_id, "new": new}, f"{run_id}: {'stored' if new else 'was told already'}"
    )


@guarded
def fail(
    where: options.StudyPlace,
    run_id: options.RunId,
    reason: Annotated[str, typer.Option(help="Why it failed.")] = "",
    flops: Annotated[
        float | None, typer.Option(help="What it spent; default: all that it was asked for.")
    ] = None,
    name: options.StudyName = "study",
    json: options.Json = False,
) -> None:
    """Store that a run ended without a measurement."""
    with quiet_stdout():
        new = opened(where, name).fail(run_id, reason, flops=flops)
    respond(
        json,
        {"run_id": run_id, "new": new},
        f"{run_id}: {'stored as failed' if new else 'was known to have failed'}",
    )


@guarded
def attach(
    where: options.StudyPlace,
    source: Annotated[
        Path, typer.Argument(help="Run table, Weights & Biases export, or folder of records.")
    ],
    column: options.Columns = None,
    history: options.Histories = None,
    name: options.StudyName = "study",
    json: options.Json = False,
) -> None:
    """Take in runs that were made elsewhere; they cost the budget nothing."""
    with quiet_stdout():
        from bayescamel.runs.mapping import parse_mapping

        new = opened(where, name).attach(source, parse_mapping(column or []), history)
    respond(json, {"new": new}, f"{new} runs attached")
