"""Runs as a wide table again, and what identifies their content."""

import hashlib
from collections.abc import Collection

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.input import MAX_NAME
from bayescamel.runs.columns import SIZES, Kind, columns
from bayescamel.runs.importers.wandb import state_column

WIDE: tuple[tuple[Kind, str], ...] = (
    ("mixture", "domain"),
    ("unique", "domain"),
    ("loss", "validation"),
    ("accuracy", "benchmark"),
    ("score", "benchmark"),
)
"""Variables of the run table, and the dim whose names their columns have."""


def fingerprint(runs: xr.Dataset) -> str:
    """Identify the content of a run table, whatever the order of its runs and columns.

    Returns
    -------
    str
        SHA-256 over the names and the float64 values, in hexadecimal.
    """
    named = [str(dim) for dim in runs.dims]
    ordered = runs.sortby(named) if named else runs
    digest = hashlib.sha256()
    sizes = [name for name in SIZES if name in ordered.coords]
    for name in sorted(map(str, [*ordered.data_vars, *sizes, *named])):
        digest.update(f"{name}:{ordered[name].dims}\n".encode())
        if name in named:
            digest.update("\n".join(map(str, ordered[name].to_numpy())).encode())
        else:
            # One NaN and one zero, since each has several bit patterns.
            values = ordered[name].to_numpy().astype("<f8") + 0.0
            digest.update(np.where(np.isnan(values), np.nan, values).tobytes())
    return digest.hexdigest()


def free_columns(table: pd.DataFrame, ours: Collection[str]) -> pd.DataFrame:
    """The columns but ours that hold numbers or short text, by which rows can be chosen.

    Empty ones are left out, and the state of a tracker's export: it has been judged.
    """
    state = state_column(table)

    def kept(name: str) -> bool:
        if name == state or name in ours or (cells := table[name].dropna()).empty:
            return False
        if pd.api.types.is_string_dtype(cells):
            return bool(cells.str.len().max() <= MAX_NAME)
        return pd.api.types.is_numeric_dtype(cells)

    return table[[name for name in table.columns if kept(name)]].reset_index(drop=True)


def wide_table(runs: xr.Dataset) -> pd.DataFrame:
    """The way back: one row a run, under the names that `read_runs` reads.

    Returns
    -------
    DataFrame
        ``run_id``, sizes, ``w_*``, ``loss_*`` and, where there are any, ``unique_*``, ``acc_*`` and
        ``score_*``.
        Checkpoints keep the names that tell them apart.
    """
    sizes = {name: runs[name].to_numpy() for name in SIZES if name in runs}
    parts = [pd.DataFrame({"run_id": runs["run"].to_numpy().astype(object)} | sizes)]
    for kind, dim in WIDE:
        if kind in runs:
            names = columns(kind, runs[dim].to_numpy())
            part = pd.DataFrame(runs[kind].transpose("run", dim).to_numpy(), columns=names)
            part = part.where(part < np.inf) if kind == "unique" else part
            # Of a benchmark the accuracy or the score may be what was measured.
            optional = dim == "benchmark" or kind == "unique"
            parts.append(part.dropna(axis=1, how="all") if optional else part)
    return pd.concat(parts, axis=1)
