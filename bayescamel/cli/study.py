"""``bayescamel study``: make a study, ask it, tell it, look at it."""

import json as jsonlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayescamel.cli.common import (
    ActiveParams,
    Force,
    Json,
    answer,
    guarded,
    quiet_stdout,
    weights,
)
from bayescamel.cli.study_run import our_trainer, run
from bayescamel.exceptions import DesignError, StudyError, TargetError
from bayescamel.output import check_output

if TYPE_CHECKING:
    from bayescamel.designs.space import Size
    from bayescamel.study import Study

study = typer.Typer(
    help="Ask for proxy runs, tell what they measured, until the mixture is decided.",
    no_args_is_help=True,
)
study.command()(run)

Where = Annotated[
    str, typer.Argument(metavar="STUDY", help="study.db, or postgresql://user@host/database.")
]
Name = Annotated[str, typer.Option(help="Of the study, where several share a database.")]
RunId = Annotated[str, typer.Argument(help="The run, as it was asked for.")]


def opened(where: str, name: str) -> "Study":
    """The study; heavy libraries are loaded here."""
    from bayescamel.study import Study

    return Study.open(where, name=name)


@study.command()
@guarded
def create(
    where: Where,
    params: Annotated[float, typer.Option(help="Parameters of the target, non-embedding.")],
    tokens: Annotated[float, typer.Option(help="Training tokens of the target.")],
    budget: Annotated[float, typer.Option(help="FLOPs that the study may spend.")],
    active_params: ActiveParams = None,
    space: Annotated[
        Path | None, typer.Option(help="JSON of the space, instead of what is below.")
    ] = None,
    domains: Annotated[str, typer.Option(help="Training domains: code,math,web.")] = "",
    sizes: Annotated[str, typer.Option(help="Proxy sizes: 1e6,4e6,16e6.")] = "",
    run_tokens: Annotated[str, typer.Option(help="Tokens a proxy: 1e9 or 1e9,2e9.")] = "",
    tokens_per_param: Annotated[str, typer.Option(help="Or tokens a parameter: 20.")] = "",
    bound: Annotated[
        list[str] | None, typer.Option(help="domain=least:most, once a domain.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Runs that may share all but the seed.")] = 1,
    proxies: Annotated[
        bool, typer.Option("--proxies", help="Sizes and costs of this project's own proxies.")
    ] = False,
    objective: Annotated[
        str | None, typer.Option(help="name=weight,… over validation domains; default: all alike.")
    ] = None,
    acquisition: Annotated[str, typer.Option(help="What chooses the runs.")] = "variance",
    start: Annotated[
        int | None, typer.Option(help="Runs before the first fit; default: two a domain.")
    ] = None,
    law: Annotated[str, typer.Option(help="The law to fit.")] = "camel",
    chains: Annotated[int, typer.Option(help="Chains.")] = 4,
    draws: Annotated[int, typer.Option(help="Draws a chain, after warm-up.")] = 500,
    tune: Annotated[int, typer.Option(help="Warm-up steps a chain.")] = 700,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    name: Name = "study",
    json: Json = False,
) -> None:
    """Make a study: what may be trained, for which target, with which budget."""
    from bayescamel.designs.space import Space
    from bayescamel.targets import Target

    if space is not None:
        made = Space.from_dict(_read_space(space))
    else:
        values: dict[str, Any] = {
            "domains": [part for part in domains.split(",") if part],
            "sizes": _sizes(sizes, proxies),
            "n_tokens": _numbers(run_tokens),
            "tokens_per_param": _numbers(tokens_per_param),
            "bounds": _bounds(bound or []),
            "seeds": seeds,
        }
        made = Space.from_dict(values)
    aim = None if objective is None else weights([objective], "objective", TargetError)
    with quiet_stdout():
        from bayescamel.laws import get_law
        from bayescamel.study import FitOptions, Study

        get_law(law)
        created = Study.create(
            where,
            made,
            Target(params, tokens, active_params),
            budget=budget,
            objective=aim,
            acquisition=acquisition,
            start=start,
            fit=FitOptions(law, chains, draws, tune, seed),
            name=name,
        )
    first = created.settings.first_runs
    if json:
        answer({"study": where, "name": name, "first_runs": first, "cheapest": made.cheapest()})
    else:
        typer.echo(f"{where}: made; the first {first} runs are spread over mixtures")


@study.command()
@guarded
def ask(
    where: Where,
    n: Annotated[int, typer.Option("-n", help="How many runs.")] = 1,
    lease: Annotated[
        float, typer.Option(help="Seconds after which a run that was not told is asked for again.")
    ] = 3600.0,
    worker: Annotated[str | None, typer.Option(help="Who asks; default: this process.")] = None,
    name: Name = "study",
    json: Json = False,
) -> None:
    """Say which runs to train next, and lease them to the caller."""
    with quiet_stdout():
        asked = opened(where, name).ask(n, lease=lease, worker=worker)
    if json:
        answer({"candidates": [candidate.to_dict() for candidate in asked]})
        return
    for candidate in asked:
        mixture = " ".join(f"{key}={weight:.4f}" for key, weight in candidate.mixture.items())
        typer.echo(
            f"{candidate.run_id}  {candidate.n_params:g} parameters  "
            f"{candidate.n_tokens:g} tokens  {candidate.flops:.3g} FLOPs  {mixture}"
        )
    if not asked:
        typer.echo("the budget pays for no further run", err=True)


@study.command()
@guarded
def tell(
    where: Where,
    run_id: RunId,
    record: Annotated[Path | None, typer.Option(help="JSON of what was measured.")] = None,
    loss: Annotated[
        list[str] | None, typer.Option(help="Or name=loss, once a validation domain.")
    ] = None,
    correct: Annotated[
        bool, typer.Option("--correct", help="Replace numbers that were told before.")
    ] = False,
    name: Name = "study",
    json: Json = False,
) -> None:
    """Store what a run measured."""
    if (record is None) == (not loss):
        raise StudyError("give either --record or --loss")
    given = record if record is not None else weights(loss or [], "loss", StudyError)
    with quiet_stdout():
        made = opened(where, name)
        new = made.correct(run_id, given) if correct else made.tell(run_id, given)
    if json:
        answer({"run_id": run_id, "new": new})
    else:
        typer.echo(f"{run_id}: {'stored' if new else 'was told already'}")


@study.command()
@guarded
def fail(
    where: Where,
    run_id: RunId,
    reason: Annotated[str, typer.Option(help="Why it failed.")] = "",
    name: Name = "study",
    json: Json = False,
) -> None:
    """Store that a run ended without a measurement."""
    with quiet_stdout():
        new = opened(where, name).fail(run_id, reason)
    if json:
        answer({"run_id": run_id, "new": new})
    else:
        typer.echo(f"{run_id}: {'stored as failed' if new else 'was known to have failed'}")


@study.command()
@guarded
def attach(
    where: Where,
    source: Annotated[
        Path, typer.Argument(help="Run table, Weights & Biases export, or folder of records.")
    ],
    column: Annotated[
        list[str] | None, typer.Option(help="theirs=ours, for columns with other names.")
    ] = None,
    name: Name = "study",
    json: Json = False,
) -> None:
    """Take in runs that were made elsewhere; they cost the budget nothing."""
    columns = {}
    for item in column or []:
        theirs, equals, ours = item.partition("=")
        if not (equals and theirs and ours):
            raise StudyError(f"column {item!r} is not of the form theirs=ours")
        columns[theirs] = ours
    with quiet_stdout():
        new = opened(where, name).attach(source, columns)
    if json:
        answer({"new": new})
    else:
        typer.echo(f"{new} runs attached")


@study.command()
@guarded
def status(where: Where, name: Name = "study", json: Json = False) -> None:
    """Say where the study stands; refits where new runs were told."""
    with quiet_stdout():
        now = opened(where, name).status()
    if json:
        answer(
            {
                "told": now.told,
                "pending": now.pending,
                "failed": now.failed,
                "flops_spent": now.flops_spent,
                "flops_left": now.flops_left,
                "expected_regret": now.expected_regret,
                "best_mixture": now.best_mixture,
            }
        )
        return
    typer.echo(f"{now.told} runs told, {now.pending} pending, {now.failed} failed")
    typer.echo(f"{now.flops_spent:.3g} FLOPs spent, {now.flops_left:.3g} left")
    if now.best_mixture is None:
        typer.echo("too few runs for a recommendation")
        return
    for domain, share in now.best_mixture.items():
        typer.echo(f"  {domain}  {share:.3f}")
    typer.echo(f"expected regret {now.expected_regret:.2g} nats per token")


@study.command()
@guarded
def plan(
    where: Where,
    budget: Annotated[
        float | None, typer.Option(help="FLOPs to split over sizes; default: what is left.")
    ] = None,
    name: Name = "study",
    json: Json = False,
) -> None:
    """Split a budget over sizes, and compare with the splits that people make."""
    with quiet_stdout():
        made = opened(where, name).plan(budget)
    if json:
        table = made.compared.reset_index()
        answer(
            {
                "runs": made.runs.to_dict(orient="records"),
                "error": made.error,
                "interval": list(made.interval),
                "compared": table.to_dict(orient="records"),
            }
        )
        return
    for size in made.runs.to_dict(orient="records"):
        typer.echo(
            f"{size['n_runs']:5d} runs of {size['n_params']:g} parameters, "
            f"{size['flops']:.3g} FLOPs"
        )
    typer.echo("expected relative error of a run's losses at the target (90 %):")
    for split in made.compared.reset_index().to_dict(orient="records"):
        bounds = f"({split['lower90']:.2%} to {split['upper90']:.2%})"
        typer.echo(f"  {split['split']:<14} {split['error']:.2%} {bounds}")


@study.command()
@guarded
def export(
    where: Where,
    out: Annotated[Path, typer.Option(help="Run table to write, .csv or .parquet.")],
    name: Name = "study",
    force: Force = False,
    json: Json = False,
) -> None:
    """Write the runs that were told as a run table."""
    check_output(out, force)
    with quiet_stdout():
        table = opened(where, name).runs()
    if out.suffix == ".parquet":
        table.to_parquet(out, index=False)
    elif out.suffix == ".csv":
        table.to_csv(out, index=False)
    else:
        raise StudyError(f"{out.name}: a run table ends in .csv or .parquet")
    if json:
        answer({"runs": len(table), "out": str(out)})
    else:
        typer.echo(f"{len(table)} runs written to {out}")


def _read_space(path: Path) -> dict[str, Any]:
    try:
        values = jsonlib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DesignError(f"{path}: no space can be read from it: {error}") from error
    if not isinstance(values, dict):
        raise DesignError(f"{path}: a space is a JSON object, not {type(values).__name__}")
    return values


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",") if part]
    except ValueError as error:
        raise DesignError(f"{text!r} is no list of numbers: write 1e6,4e6") from error


def _sizes(text: str, proxies: bool) -> "list[float] | list[Size]":
    if not proxies:
        return _numbers(text)
    return [our_trainer().proxy_size(dial) for dial in _numbers(text)]


def _bounds(items: list[str]) -> dict[str, tuple[float, float]]:
    result = {}
    for item in items:
        domain, _, interval = item.partition("=")
        least, colon, most = interval.partition(":")
        try:
            pair = (float(least or 0), float(most or 1))
        except ValueError:
            colon = ""
        if not (colon and domain):
            raise DesignError(f"bound {item!r} is not of the form domain=least:most")
        result[domain] = pair
    return result
