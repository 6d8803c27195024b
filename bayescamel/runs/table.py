"""The run table: an `xarray.Dataset` with named dimensions, checked when it is read.

A row of the wide table is one trained model, or one checkpoint of it:

===================  =============================================================================
``run_id``           its name
``n_params``         parameters, non-embedding
``n_active_params``  parameters used per token (Mixture-of-Experts; empty or absent: dense)
``n_tokens``         training tokens seen
``w_<domain>``       weight of a training domain in the mixture, summing to 1 over a row
``loss_<domain>``    loss on a validation domain, nats per token
``acc_<benchmark>``  accuracy on a benchmark, 0 to 1
``score_<benchmark>``  smooth score of a benchmark: normalised probability of the right choice
===================  =============================================================================

Other columns are free, and serve to choose rows. An empty cell of a loss, accuracy or score is
a value that was not measured: NaN.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.exceptions import RunTableError
from bayescamel.input import check_text, shown
from bayescamel.runs.checks import check_fittable as check_fittable
from bayescamel.runs.checks import check_values, weights_summing_to_one
from bayescamel.runs.columns import BENCHMARK_KINDS, Kind, measured_columns, names_in
from bayescamel.runs.files import as_numbers, open_table
from bayescamel.runs.filter import select_rows


def read_runs(
    source: str | Path | pd.DataFrame,
    *,
    where: str | None = None,
    losses: Sequence[str] | None = None,
    renormalise: bool = False,
) -> xr.Dataset:
    """Read and check a wide table of runs.

    Parameters
    ----------
    source
        A CSV or Parquet file, or a DataFrame, with the columns listed in this module's docstring.
    where
        A pandas query over the columns that chooses rows: ``step == 30000 and n_params < 3e8``.
        Rows that it leaves out are not checked.
    losses
        The validation domains to keep, with or without ``loss_``; None keeps all.
    renormalise
        Scale weights to sum to 1 when they miss it by at most 1 %.

    Returns
    -------
    Dataset with dims ``run, domain, validation`` and, where measured, ``benchmark``
        ``n_params (run)``; ``n_active_params (run)``, NaN for a dense run, and ``n_tokens (run)``
        when the table has them; ``mixture (run, domain)``; ``loss (run, validation)`` in nats per
        token; ``accuracy`` and ``score (run, benchmark)``. Checkpoints of one run are named
        ``run@tokens``, such as ``a@1e9``. ``attrs["fingerprint"]`` identifies the content.

    Raises
    ------
    RunTableError
        When the file cannot be read or a cell holds what no run can have; it names the run, the
        column and the value.
    """
    table = open_table(source)
    columns = measured_columns(table, losses)
    numbers, text = as_numbers(table[[name for names in columns.values() for name in names]])
    if where is not None:
        rows = select_rows(table.assign(**numbers), where)
        table, numbers, text = table[rows], numbers[rows], text[rows]
    run_ids = _run_ids(table)
    wrong = text.to_numpy()
    if wrong.any():
        place = int(wrong.any(axis=0).argmax())
        column, row = str(text.columns[place]), int(wrong[:, place].argmax())
        cell = shown(repr(str(table[column].iloc[row])))
        raise RunTableError(
            f"run {shown(repr(run_ids[row]))}: {shown(repr(column))} holds {cell}, not a number"
        )
    runs = _as_dataset(run_ids, numbers, columns)
    check_values(runs)
    runs["mixture"] = weights_summing_to_one(runs, renormalise)
    runs = runs.assign_coords(run=_told_apart(runs))
    return runs.assign_attrs(fingerprint=fingerprint(runs))


def _run_ids(table: pd.DataFrame) -> np.ndarray:
    ids = table["run_id"]
    nameless = ids.isna() | (ids.astype(str).str.strip() == "")
    if nameless.any():
        row = int(nameless.index[nameless][0])
        raise RunTableError(f"row {row + 1} below the header has no 'run_id'")
    stripped = ids.astype(str).str.strip().to_numpy(dtype=object)
    for row, run_id in enumerate(stripped):
        try:  # NumPy drops a NUL at the end of a text, so that two names may become one
            check_text(run_id)
        except ValueError as error:
            raise RunTableError(f"row {row + 1} below the header: run_id {error}") from error
    return stripped


def _as_dataset(
    run_ids: np.ndarray, numbers: pd.DataFrame, columns: dict[str, list[str]]
) -> xr.Dataset:
    def block(kind: Kind, dim: str) -> xr.DataArray:
        names = columns[kind]
        return xr.DataArray(numbers[names].to_numpy(), {dim: names_in(kind, names)}, ("run", dim))

    variables = {name: ("run", numbers[name].to_numpy()) for name in columns["size"]}
    blocks = {"mixture": block("mixture", "domain"), "loss": block("loss", "validation")}
    for kind in BENCHMARK_KINDS:
        if columns[kind]:
            blocks[kind] = block(kind, "benchmark")
    # A benchmark may have an accuracy, a score or both: what it lacks was not measured.
    aligned = xr.align(*blocks.values(), join="outer")
    return xr.Dataset(
        variables | dict(zip(blocks, aligned, strict=True)), {"run": run_ids.astype(str)}
    )


def _told_apart(runs: xr.Dataset) -> list[str]:
    """Name checkpoints of one run ``run@tokens``; refuse any other repeated name."""
    ids = runs["run"].to_series().reset_index(drop=True)
    repeated = ids.duplicated(keep=False)
    if not repeated.any():
        return list(ids)
    for run_id, rows in ids[repeated].groupby(ids[repeated]).groups.items():
        _check_checkpoints(str(run_id), runs.isel(run=rows))
    tokens = runs["n_tokens"].to_numpy()
    return [
        f"{run_id}@{_shortest(count)}" if twice else run_id
        for run_id, count, twice in zip(ids, tokens, repeated, strict=True)
    ]


def _check_checkpoints(run_id: str, checkpoints: xr.Dataset) -> None:
    count = checkpoints.sizes["run"]
    if "n_tokens" not in checkpoints:
        raise RunTableError(
            f"run_id {shown(repr(run_id))} occurs {count} times and no 'n_tokens' column tells "
            "checkpoints apart: give every run its own run_id"
        )
    tokens = checkpoints["n_tokens"].to_series()
    if tokens.duplicated().any():
        twice = _shortest(tokens[tokens.duplicated()].iloc[0])
        raise RunTableError(
            f"run_id {shown(repr(run_id))} occurs more than once at n_tokens = {twice}: give every "
            "run its own run_id"
        )
    for name in ("n_params", "n_active_params", "mixture"):
        if name in checkpoints and len(np.unique(checkpoints[name], axis=0)) > 1:
            raise RunTableError(
                f"run_id {shown(repr(run_id))} occurs {count} times with different {name!r}, so "
                "these are no checkpoints of one run: give every run its own run_id"
            )


def _shortest(count: float) -> str:
    """Write a count so that it reads well and no other count looks the same: 1e9."""
    return np.format_float_scientific(count, trim="-", exp_digits=1).replace("e+", "e")


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
    for name in sorted(map(str, [*ordered.data_vars, *named])):
        digest.update(f"{name}:{ordered[name].dims}\n".encode())
        if name in named:
            digest.update("\n".join(map(str, ordered[name].to_numpy())).encode())
        else:
            # One NaN and one zero, since each has several bit patterns.
            values = ordered[name].to_numpy().astype("<f8") + 0.0
            digest.update(np.where(np.isnan(values), np.nan, values).tobytes())
    return digest.hexdigest()
