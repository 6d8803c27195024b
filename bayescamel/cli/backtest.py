"""``bayescamel backtest``: how well the laws would have predicted the sizes that are there."""

from pathlib import Path
from typing import Annotated

import typer

from bayescamel.cli.common import Json, answer, guarded, names, quiet_stdout


@guarded
def backtest(
    runs: Annotated[Path, typer.Argument(help="Run table, .csv or .parquet.")],
    law: Annotated[
        list[str] | None, typer.Option(help="A law; repeat for several. Default: all.")
    ] = None,
    where: Annotated[
        str | None, typer.Option(help="Rows to use: 'step == 30000 and n_params < 3e8'.")
    ] = None,
    losses: Annotated[
        str | None, typer.Option(help="Validation domains to use, separated by commas.")
    ] = None,
    method: Annotated[
        list[str] | None, typer.Option(help="bayes or point; repeat for both. Default: both.")
    ] = None,
    chains: Annotated[int, typer.Option(help="Chains.")] = 4,
    draws: Annotated[int, typer.Option(help="Draws a chain, after warm-up.")] = 1000,
    tune: Annotated[int, typer.Option(help="Warm-up steps a chain.")] = 700,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    renormalise: Annotated[
        bool, typer.Option("--renormalise", help="Accept weights off by up to 1 %.")
    ] = False,
    json: Json = False,
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
            typer.echo(
                f"{result.law} ({result.method}) {size}: error {result.scores.mre:.2%}, "
                f"coverage {result.scores.coverage90:.0%}, {result.seconds:.0f} s",
                err=True,
            )

        results = run(
            table,
            law or sorted(LAWS),
            methods=method or METHODS,
            on_result=tell,
            chains=chains,
            draws=draws,
            tune=tune,
            seed=seed,
        )
    if json:
        answer({"horizons": [result.to_dict() for result in results]})
        return
    from rich.console import Console

    from bayescamel.comparison.backtest import as_table

    Console(highlight=False).print(as_table(results))
