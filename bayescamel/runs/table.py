"""The run table: an `xarray.Dataset` with named dimensions, checked when it is read.

A row of the wide table is one trained model, or one checkpoint of it:

===================  =============================================================================
``run_id``           its name
``n_params``         parameters, non-embedding
``n_active_params``  parameters used per token (Mixture-of-Experts; empty or absent: dense)
``n_tokens``         training tokens seen
``w_<domain>``       weight of a training domain in the mixture, summing to 1 over a row
``unique_<domain>``  tokens that exist of a training domain (optional; empty: no end): a run that
                     saw more repeated them
``loss_<domain>``    loss on a validation domain, nats per token
``acc_<benchmark>``  accuracy on a benchmark, 0 to 1
``score_<benchmark>``  smooth score of a benchmark: normalised probability of the right choice
===================  =============================================================================

Other columns are free, and serve to choose rows. An empty cell of a loss, accuracy or score is
a value that was not measured: NaN. Sizes and tokens may be written ``210M``, shares ``11%``.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.exceptions import RunTableError
from bayescamel.input import check_text, shown
from bayescamel.runs.checks import check_fittable as check_fittable
from bayescamel.runs.checks import check_values, refuse, weights_summing_to_one
from bayescamel.runs.columns import BENCHMARK_KINDS, Kind, measured_columns, names_in
from bayescamel.runs.files import as_numbers, read_units
from bayescamel.runs.filter import select_rows
from bayescamel.runs.mapping import Columns
from bayescamel.runs.sizes import paired_names
from bayescamel.runs.sources import Source
from bayescamel.runs.tidy import prepared, told_apart, without_groups
from bayescamel.runs.wide import fingerprint as fingerprint
from bayescamel.runs.wide import free_columns


def read_runs(
    source: Source,
    *,
    where: str | None = None,
    losses: Sequence[str] | None = None,
    columns: Columns | str | Path | None = None,
    history: str | None = None,
    renormalise: bool = False,
) -> xr.Dataset:
    """Read and check a wide table of runs.

    Parameters
    ----------
    source
        A CSV or TSV file, JSON lines (each may be compressed, ``.csv.gz``), Parquet or Feather; a
        folder of records, one JSON file a run; a table of pandas, polars, pyarrow, Hugging Face
        ``datasets`` or MLflow's ``search_runs``; dicts, one a run; or what
        ``wandb.Api().runs(...)`` gives. It has the columns listed in this module's docstring, or
        `columns` says which they are.
    where
        A pandas query over the columns that chooses rows: ``step == 30000 and n_params < 3e8``.
        Rows that it leaves out are not checked.
    losses
        The validation domains to keep, with or without ``loss_``; None keeps all.
    columns
        Our names by theirs, ``{"params": "n_params", "mix/{domain}": "w_{domain}"}``, or a file of
        them: see `bayescamel.runs.mapping`. An export of Weights & Biases or MLflow is read by
        names that leave no doubt (``mix/web``, ``eval/loss/web``) without.
    history
        How the rows of one run become one: ``"last"``, the last finite value of each column. None:
        rows of one run are its checkpoints.
    renormalise
        Scale weights to sum to 1 when they miss it by at most 1 %; 0.1 % is always scaled.

    Returns
    -------
    Dataset with dims ``run, domain, validation`` and, where measured, ``benchmark``
        ``mixture (run, domain)`` and, where some domain's tokens end, ``unique (run, domain)``,
        tokens, infinite without end; ``loss (run, validation)`` in nats per token; ``accuracy`` and
        ``score (run, benchmark)``; coordinates of ``run``: ``n_params``, and where the table has
        them ``n_active_params``, NaN for a dense run, and ``n_tokens``. Checkpoints of one run are
        named ``run@tokens``, such as ``a@1e9``. ``attrs["fingerprint"]`` identifies the content,
        ``attrs["notes"]`` says, a line each, what was scaled, left out, taken for ours or matched.

    Raises
    ------
    RunTableError
        When the file cannot be read or a cell holds what no run can have; it names the run, the
        column and the value of every problem.
    """
    return with_free_columns(
        source,
        where=where,
        losses=losses,
        columns=columns,
        history=history,
        renormalise=renormalise,
    )[0]


def with_free_columns(
    source: Source,
    *,
    where: str | None = None,
    losses: Sequence[str] | None = None,
    columns: Columns | str | Path | None = None,
    history: str | None = None,
    renormalise: bool = False,
) -> tuple[xr.Dataset, pd.DataFrame]:
    """What `read_runs` gives, and of the same rows the free columns that are worth keeping."""
    table, notes = prepared(source, columns, history)
    problems: list[str] = []
    kinds = measured_columns(table, losses, problems)
    names = [name for names in kinds.values() for name in names]
    numbers, text = as_numbers(table[names])
    shares = [name for kind in ("mixture", *BENCHMARK_KINDS) for name in kinds[kind]]
    read_units(table, numbers, text, [*kinds["size"], *kinds["unique"]], shares)
    if where is not None:
        rows = select_rows(table.assign(**numbers), where)
        table, numbers, text = table[rows], numbers[rows], text[rows]
    table, numbers, text = without_groups(table, numbers, text, notes)
    run_ids = _run_ids(table, problems)
    _check_text(table, text, run_ids, problems)
    runs = _as_dataset(run_ids, numbers, kinds)
    check_values(runs, _as_dataset(run_ids, text, kinds, bool), problems)
    if kinds["mixture"] and not (runs["mixture"].isnull() | (runs["mixture"] < 0)).any():
        runs["mixture"] = weights_summing_to_one(runs, renormalise, problems, notes)
    told = told_apart(runs, problems) if "run_id" in table else run_ids
    refuse(problems)
    runs = runs.assign_coords(run=told)
    if "unique" in runs:
        unique = runs["unique"].fillna(np.inf)
        ends = bool(np.isfinite(unique).any())
        runs = runs.assign(unique=unique) if ends else runs.drop_vars("unique")
    notes += _matched(runs)
    facts = {"notes": "\n".join(notes)} if notes else {}
    runs = runs.assign_attrs(fingerprint=fingerprint(runs), **facts)
    return runs, free_columns(table, {"run_id", *names})


def _run_ids(table: pd.DataFrame, problems: list[str]) -> np.ndarray:
    rows = np.array([f"row {i + 1}" for i in table.index], dtype=object)
    if "run_id" not in table:
        return rows
    ids = table["run_id"]
    named = ids.astype(str).str.strip()
    nameless = (ids.isna() | (named == "")).to_numpy()
    if nameless.any():
        count = int(nameless.sum())
        more = f" ({count} rows in all)" * (count > 1)
        problems.append(f"{rows[nameless][0]} below the header has no 'run_id'{more}")
    for row, name in zip(rows[~nameless], named[~nameless], strict=True):
        try:  # NumPy drops a NUL at the end of a text, so that two names may become one
            check_text(name)
        except ValueError as error:
            raise RunTableError(f"{row} below the header: run_id {error}") from error
    return np.where(nameless, rows, named.to_numpy(dtype=object))


def _check_text(
    table: pd.DataFrame, text: pd.DataFrame, run_ids: np.ndarray, problems: list[str]
) -> None:
    wrong = text.to_numpy()
    for place in np.flatnonzero(wrong.any(axis=0)):
        name, rows = str(text.columns[int(place)]), np.flatnonzero(wrong[:, place])
        cell = shown(repr(str(table[name].iloc[rows[0]])))
        more = f" (and {len(rows) - 1} more cells)" * (len(rows) > 1)
        problems.append(
            f"run {shown(repr(run_ids[rows[0]]))}: {shown(repr(name))} holds {cell}, not a "
            f"number{more}"
        )


def _as_dataset(
    run_ids: np.ndarray, cells: pd.DataFrame, columns: dict[str, list[str]], dtype: type = float
) -> xr.Dataset:
    def block(kind: Kind, dim: str) -> xr.DataArray:
        named = np.array(names_in(kind, columns[kind]), dtype=str)
        return xr.DataArray(cells[columns[kind]].to_numpy(dtype), {dim: named}, ("run", dim))

    sizes = {name: ("run", cells[name].to_numpy()) for name in columns["size"]}
    blocks = {"loss": block("loss", "validation")}
    if columns["mixture"]:
        blocks = {"mixture": block("mixture", "domain")} | blocks
    # A benchmark may have an accuracy, a score or both: what it lacks was not measured.
    fill = False if dtype is bool else np.nan
    if columns["unique"]:
        domains = blocks["mixture"]["domain"]
        blocks["unique"] = block("unique", "domain").reindex(domain=domains, fill_value=fill)
    for kind in BENCHMARK_KINDS:
        if columns[kind]:
            blocks[kind] = block(kind, "benchmark")
    aligned = xr.align(*blocks.values(), join="outer", fill_value=fill)
    return xr.Dataset(dict(zip(blocks, aligned, strict=True)), sizes | {"run": run_ids.astype(str)})


def _matched(runs: xr.Dataset) -> list[str]:
    """Say which validation and training domains are one in spite of their names."""
    pairs = paired_names(runs)
    unlike = [f"{shown(v)} = {shown(d)}" for v, d in pairs.items() if v != d]
    if not unlike:
        return []
    return [f"validation domains taken for training domains: {', '.join(unlike)}"]
