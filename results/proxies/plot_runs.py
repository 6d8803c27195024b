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
from bayescamel.runs.sizes import active_params, sparse_runs
from bayescamel.runs.table import read_runs
from proxies.grid import MORE_TOKENS, TOKENS_PER_PARAM


def draw(runs: xr.Dataset, out: Path) -> None:
    """One panel a validation domain; lines join the dense runs of one mixture at the fewest tokens.

    More tokens are crosses, sparse models triangles.
    """
    ratio = runs["n_tokens"].to_numpy() / active_params(runs)
    fewest, sparse = ratio < MORE_TOKENS, sparse_runs(runs)
    parts = {
        f"dense, {TOKENS_PER_PARAM} tokens a parameter": (runs.isel(run=fewest & ~sparse), "o"),
        "dense, more tokens": (runs.isel(run=~fewest & ~sparse), "x"),
        "sparse": (runs.isel(run=sparse), "^"),
    }
    names = [str(name) for name in runs["validation"].to_numpy()]
    figure, axes = plt.subplots(
        1, len(names), figsize=(3.4 * len(names), 3.8), layout="constrained"
    )
    colours = plt.get_cmap("viridis")
    for axis, name in zip(axes, names, strict=True):
        dense, _ = next(iter(parts.values()))
        for _, group in dense.groupby(xr.DataArray(labels(dense), dims="run")):
            own = float(group["mixture"].sel(domain=name)[0])
            sizes, losses = mean_by_size(group, name)
            axis.plot(sizes, losses, "-", color=colours(own), lw=0.8, alpha=0.8)
        for label, (part, marker) in parts.items():
            points = axis.scatter(
                active_params(part),
                part["loss"].sel(validation=name),
                c=part["mixture"].sel(domain=name),
                cmap=colours,
                vmin=0,
                vmax=1,
                s=16,
                marker=marker,
                label=label,
                zorder=3,
            )
        axis.set(xscale="log", yscale="log", title=name, xlabel="active parameters")
        axis.yaxis.set_major_formatter("{x:.1f}")
        axis.yaxis.set_minor_formatter("{x:.1f}")
    axes[0].set_ylabel("validation loss, nats per byte")
    handles, words = axes[0].get_legend_handles_labels()
    figure.legend(handles, words, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
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
    parser.add_argument("--runs", type=Path, help="a run table instead of proxies_v2")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "losses.png")
    options = parser.parse_args()
    draw(read_runs(options.runs) if options.runs else load_proxies(), options.out)


if __name__ == "__main__":
    main()
