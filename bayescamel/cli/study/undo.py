"""What is in a study, undone: runs dropped, refunded, given back; settings changed; a copy made."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bayescamel.cli import options
from bayescamel.cli.common import guarded, opened, quiet_stdout, respond, weights
from bayescamel.exceptions import StudyError, TargetError

Reason = Annotated[str, typer.Option(help="Why, for the log.")]


@guarded
def drop(
    where: options.StudyPlace,
    run_id: options.RunId,
    reason: Reason,
    refund: Annotated[
        bool, typer.Option("--refund", help="Give its FLOPs back to the budget.")
    ] = False,
    name: options.StudyName = "study",
    json: options.Json = False,
) -> None:
    """Take a run out of what is known; the log keeps it."""
    with quiet_stdout():
        opened(where, name).drop(run_id, reason, refund=refund)
    respond(json, {"run_id": run_id, "dropped": True}, f"{run_id}: dropped")


@guarded
def refund(
    where: options.StudyPlace,
    run_id: options.RunId,
    reason: Reason,
    name: options.StudyName = "study",
    json: options.Json = False,
) -> None:
    """Give the FLOPs of a run that failed back to the budget."""
    with quiet_stdout():
        new = opened(where, name).refund(run_id, reason)
    respond(
        json,
        {"run_id": run_id, "new": new},
        f"{run_id}: {'refunded' if new else 'cost nothing already'}",
    )


@guarded
def release(
    where: options.StudyPlace,
    run_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Default: all that are pending.")
    ] = None,
    name: options.StudyName = "study",
    json: options.Json = False,
) -> None:
    """Give leases back, as of workers that are gone: the next ask hands the runs out again."""
    with quiet_stdout():
        given = opened(where, name).release(run_ids or None)
    respond(json, {"released": given}, f"{len(given)} leases given back")


@guarded
def change(
    where: options.StudyPlace,
    budget: Annotated[float | None, typer.Option(help="FLOPs that the study may spend.")] = None,
    objective: Annotated[
        str | None, typer.Option(help="name=weight,… over validation domains; none: all alike.")
    ] = None,
    acquisition: Annotated[str | None, typer.Option(help="What chooses the runs.")] = None,
    start: Annotated[int | None, typer.Option(help="Runs spread before the first fit.")] = None,
    law: Annotated[str | None, typer.Option(help="The law to fit.")] = None,
    chains: Annotated[int | None, typer.Option(help="Chains.")] = None,
    draws: Annotated[int | None, typer.Option(help="Draws a chain, after warm-up.")] = None,
    tune: Annotated[int | None, typer.Option(help="Warm-up steps a chain.")] = None,
    name: options.StudyName = "study",
    json: options.Json = False,
) -> None:
    """Change settings of a study; the log keeps those before."""
    from bayescamel.study.database import Database
    from bayescamel.study.settings import change_settings
    from bayescamel.study.storage import Storage

    numbers = {"budget": budget, "acquisition": acquisition, "start": start}
    changes: dict[str, Any] = {key: item for key, item in numbers.items() if item is not None}
    if objective is not None:
        none = objective == "none"
        changes["objective"] = None if none else weights([objective], "objective", TargetError)
    fitted = {"law": law, "chains": chains, "draws": draws, "tune": tune}
    if fit := {key: item for key, item in fitted.items() if item is not None}:
        changes["fit"] = fit
    if not changes:
        raise StudyError("there is nothing to change: name a setting")
    # Not by opening the study: its settings may be what has to be mended.
    new = change_settings(Storage(Database(where), name), changes)
    respond(
        json,
        {"changed": sorted(changes) if new else []},
        f"changed: {', '.join(sorted(changes))}" if new else "nothing differs",
    )


@guarded
def backup(
    where: options.StudyPlace,
    out: Annotated[Path, typer.Option(help="SQLite file to write.")],
    name: options.StudyName = "study",
    force: options.Force = False,
    json: options.Json = False,
) -> None:
    """Copy a study in SQLite that is in use: the file alone lacks what its journal has."""
    with quiet_stdout():
        opened(where, name).backup(out, force)
    respond(json, {"out": str(out)}, f"copied to {out}")
