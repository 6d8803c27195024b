"""The command line: one file a command.

Answers go to standard output, everything else to standard error. Bad input ends with one line and
exit status 2, an interrupt with one line and 130.
"""

from typing import Annotated

import typer

from bayescamel import __version__
from bayescamel.cli.backtest import backtest
from bayescamel.cli.backtest_benchmarks import backtest_benchmarks
from bayescamel.cli.demo import demo
from bayescamel.cli.fit import fit
from bayescamel.cli.fit_benchmarks import fit_benchmarks
from bayescamel.cli.import_runs import import_runs
from bayescamel.cli.lists import acquisitions, example, laws
from bayescamel.cli.mix import mix
from bayescamel.cli.plot import plot
from bayescamel.cli.predict import predict
from bayescamel.cli.report import report
from bayescamel.cli.study import study

app = typer.Typer(
    help="Bayesian capacity-aware data-mixture scaling laws.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (
    demo,
    fit,
    predict,
    mix,
    backtest,
    fit_benchmarks,
    backtest_benchmarks,
    plot,
    report,
    laws,
    acquisitions,
    example,
):
    app.command()(command)
app.command("import")(import_runs)
app.add_typer(study, name="study")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    del version  # its callback has acted on it


def main() -> None:
    """Run the command line."""
    app()
