"""Facts about benchmarks: chance, number of questions, group, source.

The bundled table holds common ones; a user's table adds to it or replaces rows. The chance level is
the expected accuracy of guessing; ``score_chance`` is the smooth score of a model that knows
nothing, the same as chance for a normalised probability of the right choice, and 0 for a
probability per byte.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.exceptions import BenchmarkError
from bayescamel.input import shown
from bayescamel.runs.columns import bare, listing
from bayescamel.runs.files import as_numbers
from bayescamel.runs.sources import open_table

NUMBERS = ("chance", "questions", "score_chance")


@cache
def known_benchmarks() -> pd.DataFrame:
    """The bundled table, indexed by name: ``chance, questions, group, source``."""
    with as_file(files("bayescamel.benchmarks") / "benchmarks.csv") as path:
        return pd.read_csv(path, index_col="name")


def benchmark_facts(
    names: Iterable[str],
    extra: pd.DataFrame | str | Path | None = None,
    questions: Mapping[str, int] | None = None,
) -> xr.Dataset:
    """Chance, questions and group of some benchmarks.

    Parameters
    ----------
    names
        The benchmarks wanted.
    extra
        A user's table, or its file, with columns ``name``, ``chance``, ``questions`` and optionally
        ``score_chance`` and ``group``; its rows come before the bundled ones.
    questions
        Numbers of questions that evaluation results told, which come before both tables.

    Returns
    -------
    Dataset, dims (benchmark,)
        ``chance``, ``score_chance``, ``questions`` (float64), ``group``, and ``known_as``, the
        name in the tables: that of ``arc_easy_val_rc_5shot`` is ``arc_easy``.

    Raises
    ------
    BenchmarkError
        When a benchmark is in no table, or a number is missing or impossible; it names both.
    """
    table = known_benchmarks().reindex(columns=[*NUMBERS, "group"])
    if extra is not None:
        given = _read(extra)
        table = pd.concat([given, table.drop(index=table.index.intersection(given.index))])
    wanted = [str(name) for name in names]
    stems = {name: stem(name, table.index) for name in wanted}
    unknown = [name for name in wanted if stems[name] is None]
    if unknown:
        raise BenchmarkError(
            f"nothing is known of the benchmark{'s' if len(unknown) > 1 else ''} "
            f"{listing(map(repr, unknown), 5)}: give chance and questions in a table of your own "
            "(--benchmark-table), or leave the columns out (--benchmarks names those to use)"
        )
    rows = table.loc[[stems[name] for name in wanted]].set_axis(wanted)
    if questions:
        told = pd.Series(questions, dtype=np.float64).reindex(wanted)
        rows = rows.assign(questions=rows["questions"].mask(told.notna(), told))
    _check(rows)
    return xr.Dataset(
        {
            "chance": ("benchmark", rows["chance"].to_numpy(np.float64)),
            "score_chance": (
                "benchmark",
                rows["score_chance"].fillna(rows["chance"]).to_numpy(np.float64),
            ),
            "questions": ("benchmark", rows["questions"].to_numpy(np.float64)),
            "group": ("benchmark", rows["group"].fillna("").to_numpy(str)),
            "known_as": ("benchmark", np.array([stems[name] for name in wanted], dtype=str)),
        },
        {"benchmark": np.array(wanted, dtype=str)},
    )


def stem(name: str, known: Iterable[object]) -> str | None:
    """The known benchmark that a name is, or begins with, up to case and dashes; the longest."""
    plain = _plain(name)
    found = [str(k) for k in known if plain == _plain(k) or plain.startswith(f"{_plain(k)}_")]
    return name if name in found else max(found, key=len, default=None)


def _plain(name: object) -> str:
    return str(name).lower().replace("-", "_")


def chosen_names(names: Iterable[str] | None) -> list[str] | None:
    """Benchmarks, whether or not their columns were named; None stays None."""
    return None if names is None else [bare("accuracy", name) for name in names]


def choose_benchmarks(runs: xr.Dataset, names: Iterable[str] | None) -> xr.Dataset:
    """The runs with some of their benchmarks; None keeps all.

    Raises
    ------
    BenchmarkError
        When one is not among them.
    """
    wanted = chosen_names(names)
    if wanted is None:
        return runs
    there = [str(name) for name in runs["benchmark"].to_numpy()] if "benchmark" in runs else []
    for name in wanted:
        if name not in there:
            raise BenchmarkError(
                f"no benchmark {shown(repr(name))} among the columns; there are: {listing(there)}"
            )
    return runs.sel(benchmark=wanted)


def _read(source: pd.DataFrame | str | Path) -> pd.DataFrame:
    table = open_table(source)
    for column in ("name", "chance", "questions"):
        if column not in table:
            raise BenchmarkError(
                f"the table of benchmarks has no column {column!r}: {listing(table.columns)}"
            )
    names = table["name"].astype(str).str.strip()
    if names.duplicated().any():
        raise BenchmarkError(
            f"the table of benchmarks has {names[names.duplicated()].iloc[0]!r} twice: keep one"
        )
    numbers, text = as_numbers(table.reindex(columns=list(NUMBERS)))
    for column in NUMBERS:
        if text[column].any():
            name = names[text[column]].iloc[0]
            raise BenchmarkError(f"benchmark {name!r}: {column} is not a number")
    groups = table["group"] if "group" in table else pd.Series("", index=table.index)
    return numbers.assign(group=groups).set_index(names)


def _check(rows: pd.DataFrame) -> None:
    scored = rows["score_chance"].fillna(rows["chance"])
    bad = {
        "chance": ~rows["chance"].between(0, 1, inclusive="left"),
        "score_chance": ~scored.between(0, 1, inclusive="left"),
        "questions": ~(rows["questions"] >= 1),
    }
    for column, wrong in bad.items():
        if wrong.any():
            name = rows.index[wrong][0]
            raise BenchmarkError(
                f"benchmark {name!r}: {column} = {rows.loc[name, column]:g} is impossible; chance "
                "is a share below 1, and there is at least one question"
            )
