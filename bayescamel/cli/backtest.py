"""``bayescamel backtest``: how well the laws would have predicted the sizes that are there."""

from typing import Annotated

import typer

from bayescamel.cli import options
from bayescamel.cli.common import answer, guarded, names, quiet_stdout, say
from bayescamel.inference.sampler import Sampler


@guarded
def backtest(
    runs: options.Runs,
    law: Annotated[
        list[str] | None, typer.Option(help="A law; repeat for several. Default: all.")
    ] = None,
    where: options.Rows = None,
    losses: options.Losses = None,
    method: Annotated[
        list[str] | None, typer.Option(help="bayes or point; repeat for both. Default: both.")
    ] = None,
    chains: options.Chains = 4,
    draws: options.Draws = 1000,
    tune: options.Tune = 700,
    seed: options.Seed = 0,
    renormalise: options.Renormalise = False,
    json: options.Json = False,
) -> None:
    """Fit the smaller sizes, predict each larger one, and score the predictions."""
    with quiet_stdout():
        from bayescamel.laws import LAWS
        from bayescamel.runs.table import read_runs

        table = read_runs(runs, where=where, losses=names(losses), renormalise=renormalise)

        from bayescamel.comparison.backtest import METHODS, Result, horizons
        from bayescamel.comparison.backtest import backtest as run

        horizons(table)  # refuses too few sizes before the first fit

        def tell(result: Result) -> None:
            size = f"{result.horizon.fitted_sizes[-1]:.3g} → {result.horizon.held_out_size:.3g}"
            say(
                f"{result.law} ({result.method}) {size}: error {result.scores.mre:.2%}, "
                f"coverage {result.scores.coverage90:.0%}, {result.seconds:.0f} s",
                err=True,
            )

        results = run(
            table,
            law or sorted(LAWS),
            methods=method or METHODS,
            on_result=tell,
            sampler=Sampler(chains, draws, tune, seed),
        )
    if json:
        answer({"horizons": [result.to_dict() for result in results]})
        return
    from rich.console import Console

    from bayescamel.comparison.backtest import as_table

    Console(highlight=False).print(as_table(results))
