"""Runs that were held out: their losses over size, and predicted against observed."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from bayescamel.plots.axes import panels
from bayescamel.plots.files import save
from bayescamel.plots.size import loss_over_size
from bayescamel.plots.style import GREY, ORANGE, named, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayescamel.demo import Demo
    from bayescamel.posterior import Posterior


def plot_demo(demo: "Demo", path: Path) -> None:
    """Write the demo's picture, `held_out`, as a PNG."""
    figure = held_out(demo.posterior, demo.held_out, demo.predicted, demo.predicted_benchmarks)
    save(figure, path)


@styled
def held_out(
    posterior: "Posterior",
    held_out: xr.Dataset,
    predicted: xr.Dataset,
    benchmarks: xr.Dataset | None = None,
) -> "Figure":
    """Predicted against observed loss of runs that were held out, and the loss over size.

    Parameters
    ----------
    held_out
        Runs of larger models, as `bayescamel.read_runs` gives them.
    predicted
        ``mean, lower90, upper90 (run, validation)`` of each of them.
    benchmarks
        ``mean, lower90, upper90 (run, benchmark)`` of each of them, where they have benchmarks.

    Returns
    -------
    Figure
        Above, `loss_over_size` at the mean mixture. Below: predicted with its 90 % interval
        against observed, for every held-out run; then the same for accuracies.
    """
    validation = [str(name) for name in held_out["validation"].to_numpy()]
    n = len(validation)
    rows = 2 if benchmarks is None else 3
    figure, _ = panels(1, size=(2.9 * n, 2.7 * rows))
    figure.clear()
    blocks = figure.subfigures(rows, 1, squeeze=False)[:, 0]
    upper, middle = (block.subplots(1, n, squeeze=False)[0] for block in blocks[:2])
    loss_over_size(posterior, held_out=held_out, validation=validation, axes=upper)
    for axis, name in zip(middle, validation, strict=True):
        observed = held_out["loss"].sel(validation=name).to_numpy()
        _against_observed(axis, observed, predicted.sel(validation=name))
        axis.set_xlabel("observed loss, nats per token")
    middle[0].set_ylabel("predicted loss, 90 % interval")
    if benchmarks is not None:
        names = [str(name) for name in benchmarks["benchmark"].to_numpy()]
        lower = blocks[2].subplots(1, len(names), squeeze=False)[0]
        for axis, name in zip(lower, names, strict=True):
            observed = held_out["accuracy"].sel(benchmark=name).to_numpy()
            _against_observed(axis, observed, benchmarks.sel(benchmark=name))
            axis.set(title=named(name), xlabel="observed accuracy")
        lower[0].set_ylabel("predicted accuracy, 90 %")
    return figure


def _against_observed(axis: "Axes", observed: np.ndarray, predicted: xr.Dataset) -> None:
    mean, low, high = (predicted[key].to_numpy() for key in ("mean", "lower90", "upper90"))
    axis.errorbar(
        observed, mean, yerr=[mean - low, high - mean], fmt="o", color=ORANGE, markersize=4, lw=1
    )
    ends = [min(np.nanmin(observed), low.min()), max(np.nanmax(observed), high.max())]
    axis.plot(ends, ends, color=GREY, linewidth=0.8, linestyle="--")
