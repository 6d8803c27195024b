"""``bayescamel backtest``: how well the laws would have predicted the sizes that are there."""

from typing import Annotated

import typer

from bayescamel.cli import options
from bayescamel.cli.common import (
    answer,
    guarded,
    quiet_stdout,
    read_table,
    say,
    tabled,
    write_table,
)
from bayescamel.inference.sampler import Sampler
from bayescamel.output import check_output


@guarded
def backtest(
    runs: options.Runs,
    law: Annotated[
        list[str] | None, typer.Option(help="A law; repeat for several. Default: all.")
    ] = None,
    where: options.Rows = None,
    losses: options.Losses = None,
    column: options.Columns = None,
    history: options.Histories = None,
    method: Annotated[
        list[str] | None, typer.Option(help="bayes or point; repeat for both. Default: both.")
    ] = None,
    chains: options.Chains = 4,
    draws: options.Draws = 1000,
    tune: options.Tune = 700,
    seed: options.Seed = 0,
    renormalise: options.Renormalise = False,
    out: options.ResultTable = None,
    force: options.Force = False,
    json: options.Json = False,
) -> None:
    """Fit the smaller sizes, predict each larger one, and score the predictions."""
    if out is not None:
        check_output(out, force)
    with quiet_stdout():
        from bayescamel.laws import LAWS

        table = read_table(
            runs, column, history, where=where, losses=losses, renormalise=renormalise
        )

        from bayescamel.comparison.backtest import METHODS, Result, horizons, without_unfitted
        from bayescamel.comparison.backtest import backtest as run

        horizons(table)  # refuses too few sizes before the first fit
        table, left_out = without_unfitted(table)
        for why in left_out:
            say(f"left out: {why}", err=True)

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
    if out is not None:
        write_table([_flat(result.to_dict()) for result in results], out)
    if json:
        answer({"horizons": [result.to_dict() for result in results], "left_out": left_out})
        return
    from bayescamel.comparison.backtest import HEADER, LEGEND, as_rows

    say(tabled(HEADER, as_rows(results), right=range(2, 7)))
    say(LEGEND)


def _flat(row: dict[str, object]) -> dict[str, object]:
    """A list as one cell."""
    return {
        name: " ".join(map(str, value)) if isinstance(value, list) else value
        for name, value in row.items()
    }
