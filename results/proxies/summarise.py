"""Tables of what the runs of proxies_v2 show: ``python results/proxies/summarise.py > summary.md``.

Dense runs and sparse ones at ten tokens a parameter, apart.

With ``--runs runs.csv`` for another run table.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import spearmanr

from bayescamel.runs.bundled import load_proxies
from bayescamel.runs.sizes import active_params, sparse_runs
from bayescamel.runs.table import read_runs
from proxies.grid import MORE_TOKENS


def table(frame: pd.DataFrame, decimals: int) -> str:
    """A Markdown table."""
    rows = [["", *map(str, frame.columns)], ["---"] * (frame.shape[1] + 1)]
    rows += [
        [str(index), *(f"{value:.{decimals}f}" for value in line)]
        for index, line in zip(frame.index, frame.to_numpy(), strict=True)
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def by_size(runs: xr.Dataset, variable: str, columns: str) -> pd.DataFrame:
    """Mean over runs, a row per size."""
    means = runs[variable].groupby(runs["n_params"]).mean("run")
    frame = means.transpose("n_params", columns).to_pandas()
    assert isinstance(frame, pd.DataFrame)
    frame.index = pd.Index([f"{int(size):,}" for size in frame.index])
    return frame


def own_weight(runs: xr.Dataset) -> pd.DataFrame:
    """Spearman correlation of loss and own-domain weight, a row per size."""
    rows = {}
    for size, group in runs.groupby("n_params"):
        rows[f"{int(size):,}"] = {
            str(name): float(
                spearmanr(
                    group["loss"].sel(validation=name), group["mixture"].sel(domain=name)
                ).statistic
            )
            for name in group["validation"].to_numpy()
        }
    return pd.DataFrame(rows).T


def seed_noise(runs: xr.Dataset) -> pd.DataFrame:
    """Standard deviation of log loss in percent over seeds, pooled over mixtures, per size."""
    rows = {}
    for size, group in runs.groupby("n_params"):
        keys = ["/".join(map(str, row)) for row in group["mixture"].to_numpy()]
        logs = xr.apply_ufunc(np.log, group["loss"]).to_pandas().groupby(pd.Index(keys))
        variances = logs.var()[logs.size() > 1]
        if len(variances):
            rows[f"{int(size):,}"] = 100 * np.sqrt(variances.mean())
    return pd.DataFrame(rows).T


def describe(runs: xr.Dataset, among: int) -> None:
    """Print the tables of some runs."""
    even = 1 / runs.sizes["domain"]
    centroid = runs.isel(run=np.flatnonzero((abs(runs["mixture"] - even) < 1e-6).all("domain")))
    print(f"{runs.sizes['run']} of {among} measurements, those at the fewest tokens.\n")
    for title, frame, decimals in (
        ("Loss at the even mixture, nats per byte", by_size(centroid, "loss", "validation"), 3),
        ("Rank correlation of loss and own-domain weight", own_weight(runs), 2),
        ("Seed-to-seed standard deviation of the loss, percent", seed_noise(runs), 2),
        (
            "Accuracy at the even mixture (chance 0.25)",
            by_size(centroid, "accuracy", "benchmark"),
            3,
        ),
        ("Smooth score at the even mixture", by_size(centroid, "score", "benchmark"), 3),
    ):
        if len(frame):
            heading = f"**{title}**, by all non-embedding parameters"
            print(f"{heading}\n\n{table(frame, decimals)}\n")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, help="a run table instead of proxies_v2")
    options = parser.parse_args()
    runs = read_runs(options.runs) if options.runs else load_proxies()
    sparse = sparse_runs(runs)
    fewest = runs["n_tokens"].to_numpy() / active_params(runs) < MORE_TOKENS
    for kind, which in (("dense", ~sparse), ("sparse", sparse)):
        print(f"## {kind.capitalize()}\n")
        describe(runs.isel(run=which & fewest), int(which.sum()))


if __name__ == "__main__":
    main()
