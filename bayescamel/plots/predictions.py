"""Pictures, with matplotlib; every function returns the figure and shows nothing."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from bayescamel.demo import Demo
    from bayescamel.posterior import Posterior

RESOLUTION = 130
BLUE, ORANGE, GREY = "#3b6ea5", "#d95f02", "#8a8a8a"


def plot_demo(demo: "Demo", path: Path) -> None:
    """Write the demo's picture, `plot_held_out`, as a PNG."""
    figure = plot_held_out(demo.posterior, demo.held_out, demo.predicted, demo.predicted_benchmarks)
    figure.savefig(path, dpi=RESOLUTION)


def plot_held_out(
    posterior: "Posterior",
    held_out: xr.Dataset,
    predicted: xr.Dataset,
    benchmarks: xr.Dataset | None = None,
) -> "Figure":
    """Predicted against observed loss of runs that were held out, and the loss over size.

    Parameters
    ----------
    held_out
        Runs of one size, as `bayescamel.read_runs` gives them.
    predicted
        ``mean, lower90, upper90 (run, validation)`` of each of them.
    benchmarks
        ``mean, lower90, upper90 (run, benchmark)`` of each of them, where they have benchmarks.

    Returns
    -------
    Figure
        Above, one panel a validation domain: losses of the fitted runs over size, the band of the
        law at the mean mixture (90 % of the draws), the held-out runs. Below: predicted with its
        90 % interval against observed, for every held-out run; then the same for accuracies.
    """
    from matplotlib.figure import Figure, SubFigure

    validation = [str(name) for name in held_out["validation"].to_numpy()]
    # Without pyplot: no window system, and nothing to close afterwards.
    rows = 2 if benchmarks is None else 3
    figure = Figure(figsize=(2.9 * len(validation), 2.8 * rows), layout="constrained")
    upper: Figure | SubFigure = figure
    if benchmarks is not None:
        upper, lower = figure.subfigures(2, 1, height_ratios=(2, 1), squeeze=False)[:, 0]
        _accuracies(lower, held_out, benchmarks)
    axes = upper.subplots(2, len(validation), squeeze=False)
    curve = _curve(posterior, float(held_out["n_params"].max()) * 1.3)
    for column, name in enumerate(validation):
        _over_size(axes[0, column], posterior.runs, held_out, curve, name)
        observed = held_out["loss"].sel(validation=name).to_numpy()
        _against_observed(axes[1, column], observed, predicted.sel(validation=name))
        axes[1, column].set_xlabel("observed loss")
    axes[0, 0].set_ylabel("loss, nats per token")
    axes[1, 0].set_ylabel("predicted loss, 90 % interval")
    axes[0, -1].legend(fontsize=7, frameon=False)
    return figure


def _accuracies(figure: "Figure | SubFigure", held_out: xr.Dataset, predicted: xr.Dataset) -> None:
    names = [str(name) for name in predicted["benchmark"].to_numpy()]
    axes = figure.subplots(1, len(names), squeeze=False)[0]
    for axis, name in zip(axes, names, strict=True):
        observed = held_out["accuracy"].sel(benchmark=name).to_numpy()
        _against_observed(axis, observed, predicted.sel(benchmark=name))
        axis.set_title(name.replace("_", " "), fontsize=9)
        axis.set_xlabel("observed accuracy")
    axes[0].set_ylabel("predicted accuracy, 90 %")


def _curve(posterior: "Posterior", largest: float) -> xr.Dataset:
    """Band of the law over size at the mean mixture: mean, lower, upper (n_params, validation)."""
    from bayescamel.targets import Target

    smallest = float(posterior.runs["n_params"].min())
    parts = []
    sizes = np.geomspace(smallest, largest, 40)
    for size in sizes:
        target = Target(float(size), posterior.centre.n_tokens)
        loss = posterior.predict(target)["loss"].isel(mixture=0, drop=True)
        low, high = np.quantile(loss, [0.05, 0.95], axis=(0, 1))
        bounds = {"lower": ("validation", low), "upper": ("validation", high)}
        parts.append(loss.mean(("chain", "draw")).to_dataset(name="mean").assign(bounds))
    return xr.concat(parts, dim=xr.Variable("n_params", sizes))


def _over_size(
    axis: "Axes",
    runs: xr.Dataset,
    held_out: xr.Dataset,
    curve: xr.Dataset,
    name: str,
) -> None:
    band = curve.sel(validation=name)
    sizes = band["n_params"].to_numpy()
    axis.fill_between(sizes, band["lower"], band["upper"], color=BLUE, alpha=0.25, linewidth=0)
    axis.plot(sizes, band["mean"], color=BLUE, linewidth=1.2, label="law, mean mixture")
    for table, colour, label in ((runs, GREY, "fitted runs"), (held_out, ORANGE, "held out")):
        loss = table["loss"].sel(validation=name)
        axis.scatter(table["n_params"], loss, s=9, color=colour, label=label, zorder=3)
    from matplotlib.ticker import EngFormatter, LogLocator, ScalarFormatter

    axis.set_xscale("log")
    ticks = np.unique(np.concatenate([runs["n_params"], held_out["n_params"]]))
    rounded = [EngFormatter(sep="")(float(f"{size:.2g}")) for size in ticks]
    axis.set_xticks(ticks, rounded, fontsize=7)
    axis.set_yscale("log")  # a mixture without a domain can have three times the others' loss
    axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 5.0)))
    axis.yaxis.set_major_formatter(ScalarFormatter())
    axis.minorticks_off()
    axis.set_title(name, fontsize=9)
    axis.set_xlabel("parameters")


def _against_observed(axis: "Axes", observed: np.ndarray, predicted: xr.Dataset) -> None:
    mean, low, high = (predicted[key].to_numpy() for key in ("mean", "lower90", "upper90"))
    axis.errorbar(
        observed, mean, yerr=[mean - low, high - mean], fmt="o", color=ORANGE, markersize=4, lw=1
    )
    ends = [min(np.nanmin(observed), low.min()), max(np.nanmax(observed), high.max())]
    axis.plot(ends, ends, color=GREY, linewidth=0.8, linestyle="--")
