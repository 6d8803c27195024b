"""Runs that were made elsewhere: a run table, a Weights & Biases export, a folder of records."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.exceptions import RunTableError, StudyError
from bayescamel.input import shown
from bayescamel.runs.columns import column
from bayescamel.runs.mapping import Columns
from bayescamel.runs.sizes import Sizes
from bayescamel.runs.sources import Source
from bayescamel.runs.table import read_runs
from bayescamel.study.records import KINDS, Record, as_record

type Attached = tuple[dict[str, Any], Record]
"""Columns of a run (``run_id, n_params, n_active_params, n_tokens, mixture``), and its record."""


def read_attached(
    source: Source,
    domains: tuple[str, ...],
    columns: Columns | str | Path | None = None,
    history: str | None = None,
) -> list[Attached]:
    """Read runs that were made elsewhere.

    Parameters
    ----------
    source
        What `bayescamel.read_runs` reads, or a folder of records, one JSON file a run.
    domains
        The study's training domains.
    columns, history
        As in `bayescamel.read_runs`.

    Raises
    ------
    StudyError, RunTableError
        When nothing can be read, or the runs are not over the study's domains, with tokens.
    """
    if isinstance(source, str | Path) and Path(source).is_dir():
        return _from_records(Path(source), domains)
    return _from_runs(read_runs(source, columns=columns, history=history), domains)


def _from_runs(
    runs: xr.Dataset, domains: tuple[str, ...], took: Sequence[Record] | None = None
) -> list[Attached]:
    """Runs as rows; `took` are their records, which know more than a table."""
    if "n_tokens" not in runs:
        raise RunTableError("the runs have no column 'n_tokens', which a study needs: add it")
    _check_domains([str(name) for name in runs["domain"].to_numpy()], domains, "the table")
    if Sizes.of(runs).unique is not None:
        raise RunTableError(
            "some runs saw more tokens of a domain than its 'unique_*' column has, and a study "
            "does not keep that they were repeated: leave such runs out"
        )
    mixture = _named(runs, "mixture", "domain")
    nothing: list[dict[str, float]] = [{}] * runs.sizes["run"]
    loss = _named(runs, "loss", "validation")
    accuracy, score = (
        _named(runs, kind, "benchmark") if kind in runs else nothing
        for kind in ("accuracy", "score")
    )
    names = ("n_params", "n_active_params", "n_tokens")
    sizes = {name: runs[name].to_numpy() for name in names if name in runs}
    rows: list[Attached] = []
    for row, run_id in enumerate(runs["run"].to_numpy()):
        columns: dict[str, Any] = {"run_id": str(run_id), "n_active_params": None}
        for name, values in sizes.items():
            columns[name] = None if np.isnan(values[row]) else float(values[row])
        columns["mixture"] = mixture[row]
        record = Record(loss[row], accuracy[row], score[row])
        if took is not None:
            record = replace(record, seconds=took[row].seconds, device=took[row].device)
        rows.append((columns, record))
    return rows


def _named(runs: xr.Dataset, variable: str, dim: str) -> list[dict[str, float]]:
    """What is known of a variable, by name, one object a run."""
    names = [str(name) for name in runs[dim].to_numpy()]
    return [
        {name: value for name, value in zip(names, row, strict=True) if value == value}
        for row in runs[variable].transpose("run", dim).to_numpy().tolist()
    ]


def _from_records(folder: Path, domains: tuple[str, ...]) -> list[Attached]:
    paths = sorted(folder.glob("[!.]*.json"))
    if not paths:
        raise StudyError(f"{shown(folder)} has no records (*.json)")
    records = [as_record(path, ()) for path in paths]
    rows = [_as_row(record, path, domains) for record, path in zip(records, paths, strict=True)]
    return _from_runs(read_runs(pd.DataFrame(rows)), domains, records)


def _as_row(record: Record, path: Path, domains: tuple[str, ...]) -> dict[str, Any]:
    """A record as a row of a wide run table, so that both pass the same checks."""
    needed = {"n_params": record.n_params, "n_tokens": record.n_tokens, "mixture": record.mixture}
    for name, value in needed.items():
        if value is None:
            raise StudyError(
                f"{shown(path)}: the record does not tell {name!r}, so it cannot be attached"
            )
    mixture = dict(record.mixture or {})
    _check_domains(list(mixture), domains, shown(path), subset=True)
    row = {"run_id": record.run_id or path.stem, "n_params": record.n_params}
    row |= {"n_active_params": record.n_active_params, "n_tokens": record.n_tokens}
    row |= {column("mixture", name): mixture.get(name, 0.0) for name in domains}
    for kind in KINDS:
        row |= {column(kind, name): value for name, value in getattr(record, kind).items()}
    return row


def _check_domains(
    found: list[str], domains: tuple[str, ...], where: str, subset: bool = False
) -> None:
    for name in found:
        if name not in domains:
            raise StudyError(
                f"{where}: unknown training domain {shown(name)!r}; the study's are: "
                f"{', '.join(domains)}"
            )
    for name in () if subset else domains:
        if name not in found:
            raise StudyError(
                f"{where}: there is no column {column('mixture', name)}: add it, 0 where unused"
            )
