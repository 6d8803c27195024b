"""Losses of the bundled runs against size, coloured by the weight of the own domain.

``python results/proxies/plot_runs.py [--runs runs.csv] [--out losses.png]``
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
import xarray as xr

mpl.use("Agg")

from matplotlib import pyplot as plt

from bayescamel.runs.bundled import load_proxies
from bayescamel.runs.table import read_runs


def draw(runs: xr.Dataset, out: Path) -> None:
    """One panel a validation domain; lines join the runs of one mixture at the full tokens."""
    tokens = runs["n_tokens"]
    full = runs.isel(run=np.flatnonzero(tokens == tokens.max()))
    half = runs.isel(run=np.flatnonzero(tokens < tokens.max()))
    names = [str(name) for name in runs["validation"].to_numpy()]
    figure, axes = plt.subplots(
        1, len(names), figsize=(3.6 * len(names), 3.8), layout="constrained"
    )
    colours = plt.get_cmap("viridis")
    for axis, name in zip(axes, names, strict=True):
        for mixture, group in full.groupby(xr.DataArray(labels(full), dims="run")):
            del mixture
            own = float(group["mixture"].sel(domain=name)[0])
            sizes, losses = mean_by_size(group, name)
            axis.plot(sizes, losses, "-", color=colours(own), lw=0.8, alpha=0.8)
        for part, marker in ((full, "o"), (half, "x")):
            points = axis.scatter(
                part["n_params"],
                part["loss"].sel(validation=name),
                c=part["mixture"].sel(domain=name),
                cmap=colours,
                vmin=0,
                vmax=1,
                s=16,
                marker=marker,
                label="all tokens" if part is full else "half the tokens",
                zorder=3,
            )
        axis.set(xscale="log", yscale="log", title=name, xlabel="non-embedding parameters")
        axis.yaxis.set_major_formatter("{x:.1f}")
        axis.yaxis.set_minor_formatter("{x:.1f}")
    axes[0].set_ylabel("validation loss, nats per byte")
    axes[0].legend(frameon=False, fontsize=8)
    figure.colorbar(points, ax=axes, label="weight of the own domain", shrink=0.9)
    figure.savefig(out, dpi=130)
    plt.close(figure)


def labels(runs: xr.Dataset) -> list[str]:
    """A name for the mixture of every run."""
    return ["/".join(f"{w:.3f}" for w in row) for row in runs["mixture"].to_numpy()]


def mean_by_size(runs: xr.Dataset, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Sizes and mean loss over seeds."""
    series = runs["loss"].sel(validation=name).groupby(runs["n_params"]).mean()
    return series["n_params"].to_numpy(), series.to_numpy()


def main() -> None:
    """Read the options and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, help="a run table instead of the bundled one")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "losses.png")
    options = parser.parse_args()
    draw(read_runs(options.runs) if options.runs else load_proxies(), options.out)


if __name__ == "__main__":
    main()
