"""Turn the records of a sweep into the wide run table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from proxies import record

# Losses to 1e-5 nats: far below the noise between seeds.
DIGITS = 6


def row(entry: dict[str, Any]) -> dict[str, Any]:
    """One line of the table."""
    benchmarks = entry["benchmarks"]
    unique = record.unique_tokens(entry["mixture"], entry["n_tokens"], entry["epochs"])
    return {
        "run_id": entry["run_id"],
        "n_params": entry["n_params"],
        "n_active_params": entry["n_active_params"],
        "n_tokens": entry["n_tokens"],
        "flops": entry["flops"],
        "seed": entry["seed"],
        **{f"w_{name}": weight for name, weight in entry["mixture"].items()},
        **{f"unique_{name}": tokens for name, tokens in unique.items()},
        **{f"loss_{name}": loss for name, loss in entry["loss_nats_per_token"].items()},
        **{f"acc_{name}": result["accuracy"] for name, result in benchmarks.items()},
        **{f"score_{name}": result["score"] for name, result in benchmarks.items()},
        **{f"epochs_{name}": epochs for name, epochs in entry["epochs"].items()},
        **{f"error_{name}": error for name, error in entry["loss_standard_error"].items()},
        "seconds": entry["seconds"],
    }


def collect(folder: Path) -> pd.DataFrame:
    """The wide table, ordered by size, then run_id; dense runs alone have no active parameters.

    Raises
    ------
    RecordError
        When there are no records, or they come from different corpora.
    """
    records = record.read_all(folder)
    if not records:
        raise record.RecordError(f"no records in {folder}: train some with `proxies sweep`")
    if len({str(sorted(entry["corpora"].items())) for entry in records}) > 1:
        raise record.RecordError(f"the records in {folder} come from different corpora")
    table = pd.DataFrame([row(entry) for entry in records])
    if (table["n_active_params"] == table["n_params"]).all():
        table = table.drop(columns="n_active_params")
    return table.sort_values(["n_params", "run_id"], ignore_index=True)


def write(table: pd.DataFrame, path: Path) -> None:
    """Write the table; measurements are rounded, weights are not, so that they sum to 1."""
    rounded = {
        name: [float(f"{value:.{DIGITS}g}") for value in table[name]]
        for name in table.columns
        if not str(name).startswith("w_") and pd.api.types.is_float_dtype(table[name])
    }
    table.assign(**rounded).to_csv(path, index=False)
