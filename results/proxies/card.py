"""The measured part of a data card, from the records that a bundled table was made of.

    proxies report records --out bayescamel/data/proxies_v2.csv
    python results/proxies/card.py --records records > measured.md

Prints models, text, mixtures, noise between seeds, cost and environment; what the runs are for and
what to beware of is for a person to write around it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from proxies import collect, record, straight


def markdown(rows: list[dict[str, Any]]) -> str:
    """A table whose columns are the keys of the first row."""
    heads = list(rows[0])
    lines = [heads, ["---"] * len(heads), *([str(row[key]) for key in heads] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def models(records: list[dict[str, Any]], table: pd.DataFrame) -> str:
    """A row a shape: counts, shape, rule, and which runs it has."""
    by_id = {entry["run_id"]: entry for entry in records}
    active = table.get("n_active_params", table["n_params"])
    table = table.assign(tokens_per_param=table["n_tokens"] / active)
    rows = []
    for (size, used), group in table.groupby([table["n_params"], active]):
        entry = by_id[group["run_id"].iloc[0]]
        shape, rule = entry["config"]["model"], entry["config"]["rule"]
        ratios = group["tokens_per_param"].round().astype(int)
        rows.append(
            {
                "n_params": f"{size:,}",
                "active": f"{used:,}",
                "depth": shape["depth"],
                "width": shape["width"],
                "experts": shape["n_experts"] or "",
                "batch": rule["batch"],
                "matrix rate": f"{rule['matrix_rate']:.2g}",
                "mixtures": len(group.groupby(straight.columns(table, "w_"))),
                "seeds": group["seed"].nunique(),
                "tokens a parameter": ", ".join(map(str, sorted(set(ratios)))),
                "measurements": len(group),
            }
        )
    return markdown(rows)


def seeds(table: pd.DataFrame) -> str:
    """Standard deviation of the log loss between seeds, percent, by size."""
    losses = straight.columns(table, "loss_")
    keys = straight.columns(table, "w_", "epochs_")
    rows = []
    for (size, tokens), group in table.groupby(["n_params", "n_tokens"]):
        same = [part for _, part in group.round(dict.fromkeys(keys, 3)).groupby(keys)]
        several = [part[losses].transform("log").var() for part in same if len(part) > 1]
        if several:
            noise = 100 * np.sqrt(pd.concat(several, axis=1).mean(axis=1))
            shown = {name.removeprefix("loss_"): f"{noise[name]:.2f}" for name in losses}
            rows.append({"n_params": f"{size:,}", "n_tokens": f"{tokens:,}"} | shown)
    return markdown(rows) if rows else "No two runs differ in their seed alone."


def facts(records: list[dict[str, Any]]) -> list[str]:
    """Cost, speed, gradients, loads, commit, versions, devices: a line each."""

    def several(values: list[Any]) -> str:
        return ", ".join(sorted({str(value) for value in values}))

    # Branches cost what the record says beyond the trunk that they share.
    shared = {entry["cell"]: 0.0 for entry in records}
    for entry in records:
        shared[entry["cell"]] = max(shared[entry["cell"]], entry["flops"])
    clipped = [entry["gradients"]["clipped_share"] for entry in records]
    skipped = sum(entry["gradients"]["skipped_steps"] > 0 for entry in records)
    dead = [entry["expert_loads"].get("dead_share", 0.0) for entry in records]
    errors = [
        error / entry["loss_nats_per_token"][name]
        for entry in records
        for name, error in entry["loss_standard_error"].items()
        if error is not None
    ]
    return [
        f"{len(records)} measurements of {len(shared)} runs; {sum(shared.values()):.3g} FLOPs "
        "of trunks, branches not counted",
        f"training {sum(entry['train_seconds'] for entry in records) / 3600:.1f} hours of a core",
        f"steps clipped: {np.median(clipped):.0%} at the median; runs with steps left out: "
        f"{skipped}; experts without load: {max(dead):.1%} at most",
        f"standard error of a loss over documents: {100 * np.median(errors):.1f} % at the median, "
        f"{100 * max(errors):.1f} % at most",
        f"commit {several([entry['commit'] for entry in records])}",
        f"versions {several([entry['versions'] for entry in records])}",
        f"device {several([entry['device_name'] for entry in records])}, compiled: "
        f"{np.mean([entry['compiled'] for entry in records]):.0%}",
    ]


def main() -> None:
    """Print the sections."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=Path, required=True)
    options = parser.parse_args()
    records = record.read_all(options.records)
    table = collect.collect(options.records)
    print(
        f"**Models.**\n\n{models(records, table)}\n\n**Noise between seeds, %.**\n\n{seeds(table)}"
    )
    text = [{"domain": name, "sha256": mark} for name, mark in records[0]["corpora"].items()]
    print(f"\n**Text.**\n\n{markdown(text)}\n")
    print("\n".join(f"- {line}" for line in facts(records)))


if __name__ == "__main__":
    main()
