"""Turn the records of a sweep into the wide run table.

``python -m proxies.collect records --out runs.csv``
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bayescamel.exceptions import BayesCamelError
from proxies import record

# Losses to 1e-5 nats: far below the noise between seeds.
FLOAT_FORMAT = "%.6g"


def row(entry: dict[str, Any]) -> dict[str, Any]:
    """One line of the table."""
    benchmarks = entry["benchmarks"]
    return {
        "run_id": entry["run_id"],
        "n_params": entry["n_params"],
        "n_tokens": entry["n_tokens"],
        "flops": entry["flops"],
        "seed": entry["seed"],
        **{f"w_{name}": weight for name, weight in entry["mixture"].items()},
        **{f"loss_{name}": loss for name, loss in entry["loss_nats_per_token"].items()},
        **{f"acc_{name}": result["accuracy"] for name, result in benchmarks.items()},
        **{f"score_{name}": result["score"] for name, result in benchmarks.items()},
        "seconds": entry["seconds"],
    }


def collect(folder: Path) -> pd.DataFrame:
    """The wide table, ordered by size, then run_id.

    Raises
    ------
    RecordError
        When there are no records, or they come from different corpora.
    """
    records = record.read_all(folder)
    if not records:
        raise record.RecordError(f"no records in {folder}: train some with proxies.sweep")
    if len({str(sorted(entry["corpora"].items())) for entry in records}) > 1:
        raise record.RecordError(f"the records in {folder} come from different corpora")
    table = pd.DataFrame([row(entry) for entry in records])
    return table.sort_values(["n_params", "run_id"], ignore_index=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0: the table is written; 2: bad input, nothing written."""
    made = argparse.ArgumentParser(prog="python -m proxies.collect", description=__doc__)
    made.add_argument("records", type=Path)
    made.add_argument("--out", type=Path, required=True, help="CSV file to write")
    made.add_argument("--force", action="store_true", help="overwrite an existing file")
    options = made.parse_args(arguments)
    try:
        if options.out.exists() and not options.force:
            raise BayesCamelError(f"{options.out} exists: choose another name or pass --force")
        table = collect(options.records)
    except BayesCamelError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    table.to_csv(options.out, index=False, float_format=FLOAT_FORMAT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
