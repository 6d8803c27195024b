"""``bayescamel backtest-benchmarks``: how well small models would have foretold the large ones."""

from typing import Annotated

import typer

from bayescamel.cli import options
from bayescamel.cli.common import (
    answer,
    guarded,
    names,
    quiet_stdout,
    read_table,
    say,
    tabled,
    write_table,
)
from bayescamel.output import check_output


@guarded
def backtest_benchmarks(
    runs: options.Runs,
    fit_max_params: Annotated[
        float,
        typer.Option(
            parser=options.count, metavar="COUNT", help="The largest size that is fitted: 1B, 1e9."
        ),
    ],
    law: Annotated[
        list[str] | None,
        typer.Option(help="A law; repeat for several. Default: ours and the two peers."),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(help="bayes or point; repeat for both. Default: ours bayes, peers point."),
    ] = None,
    where: options.Rows = None,
    losses: options.Losses = None,
    column: options.Columns = None,
    history: options.Histories = None,
    renormalise: options.Renormalise = False,
    benchmark_table: options.BenchmarkTable = None,
    measures: options.Measured = options.Measures.accuracy,
    end_to_end: Annotated[
        bool, typer.Option("--end-to-end", help="Predict the larger models' losses as well.")
    ] = False,
    chains: options.Chains = 4,
    draws: options.Draws = 500,
    tune: options.Tune = 700,
    seed: options.Seed = 0,
    benchmarks: options.Benchmarks = None,
    out: options.ResultTable = None,
    force: options.Force = False,
    json: options.Json = False,
) -> None:
    """Fit runs up to a size, predict the accuracies of the larger ones, and score that."""
    if out is not None:
        check_output(out, force)
    with quiet_stdout():
        from bayescamel.benchmarks import backtest as module
        from bayescamel.benchmarks.table import choose_benchmarks

        table = read_table(
            runs, column, history, where=where, losses=losses, renormalise=renormalise
        )
        table = choose_benchmarks(table, names(benchmarks))
        usual = dict(module.DEFAULT_METHODS)
        pairs = [
            (name, how) for name in law or usual for how in method or [usual.get(name, "bayes")]
        ]

        def tell(name: str, how: str, status: str) -> None:
            say(f"{name} ({how}): {status or 'fitted'}", err=True)

        def leave(name: str, why: str) -> None:
            say(f"left out: {name}: {why}", err=True)

        result = module.backtest_benchmarks(
            table,
            fit_max_params,
            pairs=pairs,
            benchmarks=benchmark_table,
            measures=measures.value,
            end_to_end=end_to_end,
            on_fit=tell,
            on_left_out=leave,
            chains=chains,
            draws=draws,
            tune=tune,
            seed=seed,
        )
    if out is not None:
        write_table([r.to_dict() for r in result.results], out)
    if json:
        answer(result.to_dict())
        return
    say(tabled(module.HEADER, module.as_rows(result), right=range(2, 6)))
    say(module.LEGEND)
    summary, (name, how) = result.to_dict(), result.leading()
    say(
        f"{name} ({how}): mean absolute error {summary['mean_abs_error']:.4f} on benchmarks above "
        f"chance\ncoverage of the 90 % intervals {summary['coverage90']:.0%} on all"
    )
