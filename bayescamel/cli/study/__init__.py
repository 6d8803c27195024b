"""``bayescamel study``: make a study, ask it, tell it, look at it."""

import typer

from bayescamel.cli.study.create import create
from bayescamel.cli.study.run import run
from bayescamel.cli.study.runs import ask, attach, fail, tell
from bayescamel.cli.study.state import export, plan, status
from bayescamel.cli.study.undo import backup, change, drop, refund, release

study = typer.Typer(
    help="Ask for proxy runs, tell what they measured, until the mixture is decided.",
    no_args_is_help=True,
)
for command in (
    *(run, create, ask, tell, fail, attach, status, plan, export),
    *(drop, refund, release, change, backup),
):
    study.command()(command)
