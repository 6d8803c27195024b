"""``bayescamel report``: the page for those who decide."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from bayescamel.cli import options
from bayescamel.cli.common import answer, guarded, opened, quiet_stdout, say, weights
from bayescamel.exceptions import TargetError
from bayescamel.output import check_output


@guarded
def report(
    file: Annotated[str, typer.Argument(help="posterior.nc, or a study: study.db or its URL.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page to write, .html.")],
    params: options.MaybeParams = None,
    tokens: options.Tokens = None,
    active_params: options.ActiveParams = None,
    objective: Annotated[
        str | None,
        typer.Option(
            help="name=weight,… over validation domains, or over --benchmarks; default: all alike."
        ),
    ] = None,
    runs: Annotated[
        Path | None, typer.Option(help="Runs that were not fitted, to hold the answer against.")
    ] = None,
    benchmarks: Annotated[
        Path | None, typer.Option(help="What `bayescamel fit-benchmarks` wrote.")
    ] = None,
    backtest: Annotated[
        bool, typer.Option("--backtest", help="Fit smaller sizes, judge at larger: some minutes.")
    ] = False,
    pdf: Annotated[
        Path | None, typer.Option(help="Print the page there too, where a browser is there.")
    ] = None,
    name: options.StudyName = "study",
    seed: options.Seed = 0,
    force: options.Force = False,
    json: options.Json = False,
) -> None:
    """Write one page that opens from disk: what to train, how sure, and what it rests on."""
    from bayescamel.targets import Target

    check_output(out, force)
    target = None if params is None else Target(params, tokens, active_params)
    aim = None if objective is None else weights([objective], "objective", TargetError)
    with quiet_stdout():
        from bayescamel.benchmarks import BenchmarkPosterior
        from bayescamel.comparison.backtest import backtest as judge
        from bayescamel.posterior import Posterior
        from bayescamel.reports import report as write
        from bayescamel.reports.pdf import check_pdf
        from bayescamel.runs.table import read_runs

        if pdf is not None:
            check_pdf(pdf, force)  # before a backtest of minutes
        others = None if runs is None else read_runs(runs)

        source = Posterior.load(file) if file.endswith(".nc") else opened(file, name)
        posterior = source if isinstance(source, Posterior) else source.posterior()
        write(
            source,
            target,
            out,
            objective=aim,
            benchmarks=None if benchmarks is None else BenchmarkPosterior.load(benchmarks),
            runs=others,
            pdf=pdf,
            backtest=judge(posterior.runs, [posterior.law.name], seed=seed) if backtest else None,
            command=shlex.join(["bayescamel", *sys.argv[1:]]),
            force=force,
            seed=seed,
        )
    if json:
        answer({"out": str(out), **({} if pdf is None else {"pdf": str(pdf)})})
    else:
        say(f"page: {out}" + ("" if pdf is None else f"\nPDF: {pdf}"))
