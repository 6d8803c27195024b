"""What a study knows: its status, a plan for its budget, its runs as a table."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bayescamel.cli import options
from bayescamel.cli.common import answer, guarded, known, opened, quiet_stdout, respond, say
from bayescamel.exceptions import StudyError
from bayescamel.input import shown
from bayescamel.output import check_output, write_whole


@guarded
def status(
    where: options.StudyPlace, name: options.StudyName = "study", json: options.Json = False
) -> None:
    """Say where the study stands; refits where new runs were told."""
    with quiet_stdout():
        now = opened(where, name).status()
    if json:
        answer(asdict(now))
        return
    say(str(now))
    for caveat in now.caveats:
        say(f"caveat: {caveat}", err=True)


@guarded
def plan(
    where: options.StudyPlace,
    budget: Annotated[
        float | None, typer.Option(help="FLOPs to split over sizes; default: what is left.")
    ] = None,
    name: options.StudyName = "study",
    json: options.Json = False,
) -> None:
    """Split a budget over sizes, and compare with the splits that people make."""
    with quiet_stdout():
        study = opened(where, name)
        made = study.plan(budget)
    if json:
        table = made.compared.reset_index()
        answer(
            {
                "runs": made.runs.to_dict(orient="records"),
                "error": made.error,
                "interval": list(made.interval),
                "compared": table.to_dict(orient="records"),
                **known(study),
            }
        )
        return
    for size in made.runs[made.runs["n_runs"] > 0].to_dict(orient="records"):
        runs = "run" if size["n_runs"] == 1 else "runs"
        say(
            f"{size['n_runs']:5d} {runs} of {size['n_params']:.3g} parameters on "
            f"{size['n_tokens']:.3g} tokens, {size['flops']:.3g} FLOPs"
        )
    say("expected relative error of a run's losses at the target (90 %):")
    for split in made.compared.reset_index().to_dict(orient="records"):
        bounds = f"({split['lower90']:.2%} to {split['upper90']:.2%})"
        say(f"  {split['split']:<14} {split['error']:.2%} {bounds}")


@guarded
def export(
    where: options.StudyPlace,
    out: Annotated[Path, typer.Option(help="Run table to write, .csv or .parquet.")],
    name: options.StudyName = "study",
    force: options.Force = False,
    json: options.Json = False,
) -> None:
    """Write the runs that were told as a run table."""
    check_output(out, force)
    if out.suffix not in (".csv", ".parquet"):
        raise StudyError(f"{shown(out.name)}: a run table ends in .csv or .parquet")
    with quiet_stdout():
        table = opened(where, name).runs()
    write_whole(
        out,
        table.to_parquet(index=False)
        if out.suffix == ".parquet"
        else table.to_csv(index=False).encode(),
    )
    respond(json, {"runs": len(table), "out": str(out)}, f"{len(table)} runs written to {out}")
