"""Names of columns: theirs turned into ours, by hand, by pattern, or by a file that is kept.

``{"params": "n_params", "mix/{domain}": "w_{domain}", "ppl/{x}": "ppl_{x}", "w_web": 1}``: a name;
a pattern, whose part in braces stands for anything; a perplexity, read as its logarithm; and a
number, which becomes a column of ours where the table has none; a size as ``"12M"`` too.
"""

import contextlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from bayescamel.exceptions import RunTableError
from bayescamel.input import parse_count, read_text, shown
from bayescamel.output import write_whole
from bayescamel.runs.columns import PREFIXES, SIZES, listing
from bayescamel.runs.files import as_numbers

type Columns = Mapping[str, str | float]
"""Ours by theirs; see this module's docstring."""

PERPLEXITY = "ppl_"
"""How a column begins whose logarithm is a loss."""

_PART = re.compile(r"\{(\w+)\}")


def read_mapping(columns: Columns | str | Path | None) -> dict[str, str | float]:
    """A mapping, or that in a file which `write_mapping` wrote.

    Raises
    ------
    RunTableError
        When the file is no TOML with a table ``columns`` of names and numbers.
    """
    if columns is None:
        return {}
    if isinstance(columns, Mapping):
        given = dict(columns)
    else:
        path = Path(columns)
        try:
            given = tomllib.loads(read_text(path, "mapping", RunTableError))["columns"]
        except (tomllib.TOMLDecodeError, KeyError) as error:
            raise RunTableError(
                f"{shown(path)} is no mapping of columns: write [columns] and, below it, "
                f'"theirs" = "ours" ({shown(error, 100)})'
            ) from error
    for theirs, ours in given.items():
        if theirs in SIZES and isinstance(ours, str):
            with contextlib.suppress(ValueError):  # it is the name of a column
                given[theirs] = parse_count(ours)
        if isinstance(ours, bool) or not isinstance(ours, str | float | int) or ours == "":
            raise RunTableError(
                f"column {shown(repr(theirs))}: {shown(repr(ours))} is no name of a column, such "
                "as n_params, w_web or loss_web, and no number"
            )
    return given


def write_mapping(columns: Columns, path: Path) -> None:
    """Write a mapping as ``runs.toml``."""
    lines = [f"{json.dumps(theirs)} = {json.dumps(ours)}" for theirs, ours in columns.items()]
    text = "\n".join(["# Their columns by ours; --column takes this file.", "[columns]", *lines])
    write_whole(path, f"{text}\n".encode())


def parse_mapping(items: Iterable[str]) -> dict[str, str | float]:
    """A mapping from texts of the form theirs=ours, ours=number, or the name of a file.

    Raises
    ------
    RunTableError
        When one is none of these.
    """
    found: dict[str, str | float] = {}
    for item in items:
        theirs, equals, ours = (part.strip() for part in item.rpartition("="))
        if not equals and item.endswith(".toml"):
            found |= read_mapping(Path(item))
        elif not (theirs and ours):
            raise RunTableError(
                f"column {shown(repr(item))} is not of the form theirs=ours, and no .toml file"
            )
        else:
            try:
                found[theirs] = float(ours)
            except ValueError:
                found[theirs] = ours
    return read_mapping(found)


def names_of_runs(columns: Columns) -> list[str]:
    """Their columns that name runs, which are read as text."""
    return ["run_id", "Name", *(theirs for theirs, ours in columns.items() if ours == "run_id")]


def rename(table: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Give a table our names.

    Raises
    ------
    RunTableError
        When a name or pattern fits no column, or two columns get one name; all of it at once.
    """
    ours: dict[str, str] = {}
    problems = []
    constants = {name: value for name, value in columns.items() if not isinstance(value, str)}
    for theirs, name in columns.items():
        if isinstance(name, str):
            found = _matches(theirs, name, table.columns)
            if not found:
                problems.append(f"no column {shown(repr(theirs))}")
            # A column that is named stands before a pattern that fits it too.
            ours |= {t: o for t, o in found.items() if "{" not in theirs or t not in columns}
    taken = [name for name in table.columns if name not in ours]
    for name in sorted({*ours.values(), *constants}):
        same = [theirs for theirs, mine in ours.items() if mine == name]
        same += [name] * (name in taken or (name in constants and name in table))
        if len(same) > 1 or (name in constants and same):
            problems.append(f"{listing(map(repr, same))} would be {shown(repr(name))}: keep one")
    if problems:
        there = f"; the table has {listing(table.columns)}" if "no column" in str(problems) else ""
        raise RunTableError(f"{'; '.join(problems)}{there}")
    return _losses(table.rename(columns=ours).assign(**constants), ours.values())


def _matches(theirs: str, ours: str, names: Sequence[str] | pd.Index) -> dict[str, str]:
    if not _PART.search(theirs):
        return {theirs: ours} if theirs in names else {}
    pieces = _PART.split(theirs)  # text, part, text, part, …
    pattern = "".join(
        f"(?P<{piece}>.+)" if i % 2 else re.escape(piece) for i, piece in enumerate(pieces)
    )
    try:
        found = {name: re.fullmatch(pattern, name) for name in names}
        return {
            name: _PART.sub(lambda part: match[part[1]], ours)  # noqa: B023
            for name, match in found.items()
            if match and not name.endswith(TWINS)
        }
    except (re.error, IndexError) as error:
        raise RunTableError(
            f"the pattern {shown(repr(theirs))} = {shown(repr(ours))}: each part in braces stands "
            "once on the left, and those on the right are among them"
        ) from error


TWINS = ("__MIN", "__MAX")
"""Ends of the names that charts of Weights & Biases give to extremes within a bin."""


def without_twins(table: pd.DataFrame, named: Columns) -> tuple[pd.DataFrame, list[str]]:
    """Drop the extremes, other than named ones, of columns that are there; and say so."""
    twins = [
        name
        for name in table.columns
        if name.endswith(TWINS) and name[: -len(TWINS[0])] in table.columns and name not in named
    ]
    if not twins:
        return table, []
    return table.drop(columns=twins), [f"left out extremes of other columns: {listing(twins)}"]


def _losses(table: pd.DataFrame, ours: Iterable[str]) -> pd.DataFrame:
    """Perplexities, which were named as such, as losses."""
    names = [name for name in ours if name.startswith(PERPLEXITY)]
    if not names:
        return table
    numbers, text = as_numbers(table[names])
    for name in names:
        low = text[name] | (numbers[name] <= 1)
        if low.any():
            row = int(low.to_numpy().argmax())
            raise RunTableError(
                f"row {row + 1}: {shown(repr(name))} holds {shown(repr(table[name].iloc[row]))}, "
                "and a perplexity is a number above 1"
            )
    logs = {PREFIXES["loss"] + name[len(PERPLEXITY) :]: np.log(numbers[name]) for name in names}
    return table.drop(columns=names).assign(**logs)
