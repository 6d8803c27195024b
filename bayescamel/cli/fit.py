"""``bayescamel fit``: runs in, posterior file out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayescamel.cli import options
from bayescamel.cli.common import (
    answer,
    check_converged,
    diagnosis,
    doubts_in_answer,
    guarded,
    quiet_stdout,
    read_table,
    say,
    worth,
)
from bayescamel.inference.sampler import Sampler
from bayescamel.output import check_output

if TYPE_CHECKING:
    from bayescamel.posterior import Posterior


@guarded
def fit(
    runs: options.Runs,
    out: Annotated[Path, typer.Option(help="Posterior to write, .nc.")],
    where: options.Rows = None,
    losses: options.Losses = None,
    column: options.Columns = None,
    history: options.Histories = None,
    law: options.LawName = "camel",
    chains: options.Chains = 4,
    draws: options.Draws = 1000,
    tune: options.Tune = 700,
    seed: options.Seed = 0,
    renormalise: options.Renormalise = False,
    strict: options.Strict = False,
    allow_unconverged: options.AllowUnconverged = False,
    force: options.Force = False,
    json: options.Json = False,
) -> None:
    """Fit a law to the runs of a table and save its posterior."""
    check_output(out, force)
    with quiet_stdout():
        table = read_table(
            runs, column, history, where=where, losses=losses, renormalise=renormalise
        )

        from bayescamel.inference.fit import fit as sample

        sampler = Sampler(chains, draws, tune, seed)
        with doubts_in_answer(json):
            posterior = sample(table, law, sampler=sampler, strict=strict)
        posterior.save(out, force=force)
    for caveat in posterior.caveats:
        say(f"caveat: {caveat}", err=True)
    if json:
        answer(summary(posterior))
    else:
        say(f"{posterior.status}\n{table.sizes['run']} runs, law {law}: written to {out}")
    check_converged(posterior, allow_unconverged)


def summary(posterior: "Posterior") -> dict[str, object]:
    """What ``--json`` says about a fit."""
    return {
        "law": posterior.law.name,
        "n_runs": posterior.runs.sizes["run"],
        **worth(posterior),
        **diagnosis(posterior.status),
    }
