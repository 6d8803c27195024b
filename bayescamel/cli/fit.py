"""``bayescamel fit``: runs in, posterior file out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayescamel.cli.common import Force, Json, answer, diagnosis, guarded, names, quiet_stdout
from bayescamel.output import check_output

if TYPE_CHECKING:
    from bayescamel.posterior import Posterior


@guarded
def fit(
    runs: Annotated[Path, typer.Argument(help="Run table, .csv or .parquet.")],
    out: Annotated[Path, typer.Option(help="Posterior to write, .nc.")],
    where: Annotated[
        str | None, typer.Option(help="Rows to use: 'step == 30000 and n_params < 3e8'.")
    ] = None,
    losses: Annotated[
        str | None, typer.Option(help="Validation domains to use, separated by commas.")
    ] = None,
    law: Annotated[str, typer.Option(help="The law to fit.")] = "camel",
    chains: Annotated[int, typer.Option(help="Chains.")] = 4,
    draws: Annotated[int, typer.Option(help="Draws a chain, after warm-up.")] = 1000,
    tune: Annotated[int, typer.Option(help="Warm-up steps a chain.")] = 700,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    renormalise: Annotated[
        bool, typer.Option("--renormalise", help="Accept weights off by up to 1 %.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail, and write nothing, without convergence.")
    ] = False,
    force: Force = False,
    json: Json = False,
) -> None:
    """Fit a law to the runs of a table and save its posterior."""
    check_output(out, force)
    with quiet_stdout():
        from bayescamel.runs.table import read_runs

        table = read_runs(runs, where=where, losses=names(losses), renormalise=renormalise)

        from bayescamel.inference.fit import fit as sample

        posterior = sample(
            table, law, chains=chains, draws=draws, tune=tune, seed=seed, strict=strict
        )
        posterior.save(out, force=force)
    for caveat in posterior.caveats:
        typer.echo(f"caveat: {caveat}", err=True)
    if json:
        answer(summary(posterior))
    else:
        typer.echo(f"{posterior.status}\n{table.sizes['run']} runs, law {law}: written to {out}")


def summary(posterior: "Posterior") -> dict[str, object]:
    """What ``--json`` says about a fit."""
    return {
        "law": posterior.law.name,
        "n_runs": posterior.runs.sizes["run"],
        **diagnosis(posterior.status),
    }
