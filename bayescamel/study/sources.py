"""Runs that were made elsewhere: a run table, a Weights & Biases export, a folder of records."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from bayescamel.exceptions import RunTableError, StudyError
from bayescamel.runs.table import read_runs
from bayescamel.study.records import Record, as_record

type Attached = tuple[dict[str, Any], Record]
"""Columns of a run (``run_id, n_params, n_active_params, n_tokens, mixture``), and its record."""

WANDB_PREFIXES = {
    "w_": ("w", "mixture", "weights"),
    "loss_": ("loss", "val_loss", "validation_loss"),
    "acc_": ("acc", "accuracy"),
    "score_": ("score",),
}
"""How people log what our columns are called: ``loss/web``, ``val_loss.web`` or ``loss_web``."""


def read_attached(
    source: str | Path | pd.DataFrame,
    domains: tuple[str, ...],
    columns: Mapping[str, str] | None = None,
) -> list[Attached]:
    """Read runs that were made elsewhere.

    Parameters
    ----------
    source
        A run table (`bayescamel.read_runs`; CSV, Parquet or DataFrame), a CSV export of Weights &
        Biases (told by its columns ``Name`` and ``State``; runs that did not finish are left
        out), or a folder of records, one JSON file a run.
    domains
        The study's training domains.
    columns
        Names of ours by names of theirs, where they differ.

    Raises
    ------
    StudyError, RunTableError
        When nothing can be read, or the runs are not over the study's domains, with tokens.
    """
    if not isinstance(source, pd.DataFrame) and Path(source).is_dir():
        return _from_records(Path(source), domains)
    table = source if isinstance(source, pd.DataFrame) else _open(Path(source))
    table = table.rename(columns=dict(columns or {}))
    if {"Name", "State"} <= set(table.columns):
        table = _from_wandb(table)
    return _from_runs(read_runs(table), domains)


def _open(path: Path) -> pd.DataFrame:
    from bayescamel.runs.files import open_table

    return open_table(path)


def _from_wandb(table: pd.DataFrame) -> pd.DataFrame:
    """Our columns from an export of the table of runs."""
    finished = table[table["State"] == "finished"]
    if not len(finished):
        raise RunTableError("the export has no run whose State is 'finished'")
    names = {"Name": "run_id"} | {name: _our_name(str(name)) for name in table if name != "Name"}
    return finished.rename(columns=names).reset_index(drop=True)


def _our_name(name: str) -> str:
    for prefix, theirs in WANDB_PREFIXES.items():
        match = re.fullmatch(rf"(?:{'|'.join(theirs)})[/._](.+)", name)
        if match:
            return prefix + match.group(1)
    return name


def _from_runs(runs: xr.Dataset, domains: tuple[str, ...]) -> list[Attached]:
    if "n_tokens" not in runs:
        raise RunTableError("the runs have no column 'n_tokens', which a study needs: add it")
    _check_domains([str(name) for name in runs["domain"].to_numpy()], domains, "the table")
    return [_from_row(runs.isel(run=row)) for row in range(runs.sizes["run"])]


def _from_row(row: xr.Dataset) -> Attached:
    def named(variable: str, dim: str) -> dict[str, float]:
        if variable not in row:
            return {}
        values = row[variable].dropna(dim)
        return {str(name): float(values.sel({dim: name})) for name in values[dim].to_numpy()}

    active = float(row["n_active_params"]) if "n_active_params" in row else float("nan")
    columns = {
        "run_id": str(row["run"].item()),
        "n_params": float(row["n_params"]),
        "n_active_params": None if active != active else active,
        "n_tokens": float(row["n_tokens"]),
        "mixture": named("mixture", "domain"),
    }
    record = Record(
        loss=named("loss", "validation"),
        accuracy=named("accuracy", "benchmark"),
        score=named("score", "benchmark"),
    )
    return columns, record


def _from_records(folder: Path, domains: tuple[str, ...]) -> list[Attached]:
    paths = sorted(folder.glob("[!.]*.json"))
    if not paths:
        raise StudyError(f"{folder} has no records (*.json)")
    return [_from_record(path, domains) for path in paths]


def _from_record(path: Path, domains: tuple[str, ...]) -> Attached:
    record = as_record(path)
    needed = {"n_params": record.n_params, "n_tokens": record.n_tokens, "mixture": record.mixture}
    for name, value in needed.items():
        if value is None:
            raise StudyError(f"{path}: the record does not tell {name!r}, so it cannot be attached")
    mixture = dict(record.mixture or {})
    _check_domains(list(mixture), domains, str(path), subset=True)
    total = sum(mixture.values())
    if abs(total - 1) > 1e-6 or min(mixture.values()) < 0:
        raise StudyError(
            f"{path}: the weights of its mixture sum to {total:.6g}; they must sum to 1"
        )
    columns = needed | {
        "run_id": record.run_id or path.stem,
        "n_active_params": record.n_active_params,
        "mixture": {name: mixture.get(name, 0.0) for name in domains},
    }
    return columns, record


def _check_domains(
    found: list[str], domains: tuple[str, ...], where: str, subset: bool = False
) -> None:
    for name in found:
        if name not in domains:
            raise StudyError(
                f"{where}: unknown training domain {name!r}; the study's are: {', '.join(domains)}"
            )
    for name in () if subset else domains:
        if name not in found:
            raise StudyError(f"{where}: there is no column w_{name}: add it, 0 where unused")
