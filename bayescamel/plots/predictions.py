"""Pictures, with matplotlib; every function returns the figure and shows nothing."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from bayescamel.draws.summary import summarise
from bayescamel.targets import Target

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from bayescamel.demo import Demo
    from bayescamel.posterior import Posterior

RESOLUTION = 130
BLUE, ORANGE, GREY = "#3b6ea5", "#d95f02", "#8a8a8a"


def plot_demo(demo: "Demo", path: Path) -> None:
    """Write the demo's picture, `held_out`, as a PNG."""
    figure = held_out(demo.posterior, demo.held_out, demo.predicted, demo.predicted_benchmarks)
    figure.savefig(path, dpi=RESOLUTION)


def loss_over_size(posterior: "Posterior", largest: float | None = None) -> "Figure":
    """Measured losses over size, and the law's band at the runs' mean mixture and tokens.

    Parameters
    ----------
    largest
        The size up to which the band goes; None: thrice the largest of the runs.

    Returns
    -------
    Figure
        One panel a validation domain; the band holds 90 % of the draws.
    """
    from matplotlib.figure import Figure

    names = [str(name) for name in posterior.runs["validation"].to_numpy()]
    figure = Figure(figsize=(2.9 * len(names), 2.8), layout="constrained")
    curve = _curve(posterior, largest or 3 * float(posterior.runs["n_params"].max()))
    for axis, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        _over_size(axis, (posterior.runs,), curve, name)
    figure.axes[0].set_ylabel("loss, nats per token")
    figure.axes[-1].legend(fontsize=7, frameon=False)
    return figure


def held_out(
    posterior: "Posterior",
    runs: xr.Dataset,
    predicted: xr.Dataset,
    benchmarks: xr.Dataset | None = None,
) -> "Figure":
    """Predicted against observed loss of runs that were held out, and the loss over size.

    Parameters
    ----------
    runs
        Runs of one size that were not fitted, as `bayescamel.read_runs` gives them.
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

    validation = [str(name) for name in runs["validation"].to_numpy()]
    # Without pyplot: no window system, and nothing to close afterwards.
    rows = 2 if benchmarks is None else 3
    figure = Figure(figsize=(2.9 * len(validation), 2.8 * rows), layout="constrained")
    upper: Figure | SubFigure = figure
    if benchmarks is not None:
        upper, lower = figure.subfigures(2, 1, height_ratios=(2, 1), squeeze=False)[:, 0]
        _accuracies(lower, runs, benchmarks)
    axes = upper.subplots(2, len(validation), squeeze=False)
    curve = _curve(posterior, float(runs["n_params"].max()) * 1.3)
    for column, name in enumerate(validation):
        _over_size(axes[0, column], (posterior.runs, runs), curve, name)
        observed = runs["loss"].sel(validation=name).to_numpy()
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
    """Band of the law at the mean mixture: ``mean, lower90, upper90 (n_params, validation)``."""
    smallest = float(posterior.runs["n_params"].min())
    parts = []
    sizes = np.geomspace(smallest, largest, 40)
    for size in sizes:
        target = Target(float(size), posterior.centre.n_tokens)
        parts.append(summarise(posterior.predict(target)["loss"].isel(mixture=0, drop=True)))
    return xr.concat(parts, dim=xr.Variable("n_params", sizes))


def _over_size(axis: "Axes", tables: tuple[xr.Dataset, ...], curve: xr.Dataset, name: str) -> None:
    """Losses on a domain over size: the fitted runs', those of held-out ones, and the law's."""
    band = curve.sel(validation=name)
    sizes = band["n_params"].to_numpy()
    axis.fill_between(sizes, band["lower90"], band["upper90"], color=BLUE, alpha=0.25, linewidth=0)
    axis.plot(sizes, band["mean"], color=BLUE, linewidth=1.2, label="law, mean mixture")
    looks = ((GREY, "fitted runs"), (ORANGE, "held out"))
    for table, (colour, label) in zip(tables, looks, strict=False):
        loss = table["loss"].sel(validation=name)
        axis.scatter(table["n_params"], loss, s=9, color=colour, label=label, zorder=3)
    from matplotlib.ticker import EngFormatter, LogLocator, ScalarFormatter

    axis.set_xscale("log")
    ticks = np.unique(np.concatenate([table["n_params"] for table in tables]))
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
