"""Remedies name options that exist: whatever ``--option`` a message speaks of."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import typer

import bayescamel
from bayescamel.cli import app

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
OF_OTHERS = {"--nproc-per-node", "--standalone", "--table"}
"""Of torchrun and pg_dump."""
FOR_OTHERS = {"pdf.py"}
"""Files that run a browser."""


def strings(folder: Path) -> Iterator[tuple[str, str]]:
    """File and text of every string that is no docstring."""
    for path in sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text())
        alone = {
            id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)
        }  # docstrings
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or id(node) in alone:
                continue
            if isinstance(node.value, str):
                yield path.name, node.value


def options(command: object) -> Iterator[str]:
    """All options of a command and of those below it."""
    for parameter in getattr(command, "params", ()):
        yield from parameter.opts
    for below in getattr(command, "commands", {}).values():
        yield from options(below)


def test_every_option_that_is_named_exists() -> None:
    known = {*options(typer.main.get_command(app)), "--help", *OF_OTHERS}
    folder = Path(bayescamel.__file__).parent
    named = {
        (file, name)
        for file, text in strings(folder)
        for name in OPTION.findall(text)
        if file not in FOR_OTHERS
    }
    assert len(named) > 30  # they are found at all
    assert {pair for pair in named if pair[1] not in known} == set()
