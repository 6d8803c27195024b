"""From a table as people have it to one row a run, under our names.

What is left out, renamed or told apart on the way is said in notes.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.input import shown
from bayescamel.runs.importers.propose import certain
from bayescamel.runs.importers.wandb import came_to_end, is_export, one_row_each
from bayescamel.runs.mapping import Columns, names_of_runs, read_mapping, rename, without_twins
from bayescamel.runs.sources import Source, open_table


def prepared(
    source: Source,
    columns: Columns | str | Path | None = None,
    history: str | None = None,
) -> tuple[pd.DataFrame, list[str]]:
    """A table of runs under our names, one row a run that came to its end, and notes of that."""
    mapping = read_mapping(columns)
    table = open_table(source, names_of_runs(mapping), steps=history is not None)
    table, notes = without_twins(table, mapping)  # under their names: a base may be renamed
    if mapping:
        table = rename(table, mapping)
    if history is not None:
        table = one_row_each(table, history)
    if is_export(table):
        table, ended = came_to_end(table)
        found = certain(table)
        taken = set(mapping.values()) | set(table.columns)
        found = {theirs: ours for theirs, ours in found.items() if ours not in taken}
        if found:
            pairs = ", ".join(f"{shown(t)} = {shown(ours)}" for t, ours in found.items())
            notes.append(f"columns taken for ours: {pairs}")
            table = table.rename(columns=found)
        notes += ended
    return table, notes


def without_groups(
    table: pd.DataFrame, numbers: pd.DataFrame, text: pd.DataFrame, notes: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Leave out rows without any number: blank lines and headings of a spreadsheet."""
    filled = (numbers.notna() | text).any(axis=1)
    if filled.all() or not filled.any():
        return table, numbers, text
    gone = table[~filled]
    titles = gone["run_id"].dropna().astype(str) if "run_id" in gone else pd.Series(dtype=str)
    said = f": {', '.join(shown(title) for title in titles[:5])}" if len(titles) else ""
    notes.append(f"left out {len(gone)} rows without any number{said}")
    return table[filled], numbers[filled], text[filled]


def told_apart(runs: xr.Dataset, problems: list[str]) -> list[str]:
    """Name checkpoints of one run ``run@tokens``; any other repeated name is a problem."""
    ids = runs["run"].to_series().reset_index(drop=True)
    repeated = ids.duplicated(keep=False)
    if not repeated.any():
        return list(ids)
    wrong = [
        problem
        for run_id, rows in ids[repeated].groupby(ids[repeated]).groups.items()
        if (problem := _no_checkpoints(str(run_id), runs.isel(run=rows)))
    ]
    if wrong:
        problems.append(wrong[0] + f" ({len(wrong)} names in all)" * (len(wrong) > 1))
        return list(ids)
    tokens = runs["n_tokens"].to_numpy()
    return [
        f"{run_id}@{_shortest(count)}" if twice else run_id
        for run_id, count, twice in zip(ids, tokens, repeated, strict=True)
    ]


def _no_checkpoints(run_id: str, checkpoints: xr.Dataset) -> str | None:
    """Why rows of one name are no checkpoints of one run; None where they are."""
    count = checkpoints.sizes["run"]
    quoted = shown(repr(run_id))
    remedy = (
        "give every run its own run_id, or, where each row is a step of its history, read the last "
        "value of each column: history='last' (--history last)"
    )
    if "n_tokens" not in checkpoints:
        return (
            f"run_id {quoted} occurs {count} times and no 'n_tokens' column tells checkpoints "
            f"apart: {remedy}"
        )
    tokens = checkpoints["n_tokens"].to_series()
    if tokens.duplicated().any():
        twice = _shortest(tokens[tokens.duplicated()].iloc[0])
        return f"run_id {quoted} occurs more than once at n_tokens = {twice}: {remedy}"
    for name in ("n_params", "n_active_params", "mixture"):
        if name in checkpoints and len(np.unique(checkpoints[name], axis=0)) > 1:
            return (
                f"run_id {quoted} occurs {count} times with different {name!r}, so these are no "
                "checkpoints of one run: give every run its own run_id"
            )
    return None


def _shortest(count: float) -> str:
    """Write a count so that it reads well and no other count looks the same: 1e9."""
    return np.format_float_scientific(count, trim="-", exp_digits=1).replace("e+", "e")
