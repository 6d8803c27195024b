"""Pictures of the step from loss to benchmark."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bayescamel.plots.axes import legend, panels
from bayescamel.plots.style import BLUE, GREY, INK, INTERVAL90, chosen, named, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayescamel.benchmarks import BenchmarkPosterior

POINTS = 40
"""Losses at which a curve is evaluated."""

AHEAD = 0.5
"""How far a curve goes on below the smallest fitted loss, as a share of the fitted range."""


@styled
def benchmark_curves(
    fitted: "BenchmarkPosterior", benchmarks: Sequence[str] | None = None, axes: Any = None
) -> "Figure":
    """Accuracy over the loss that each benchmark listens to, with chance and the fitted runs.

    Parameters
    ----------
    benchmarks
        A panel each; None: the first twelve.

    Returns
    -------
    Figure
        The line is the posterior mean of the curve with its 90 % band as all losses fall together
        from the largest to the smallest that was measured, and by half of that further (grey).
        Points are runs, at their own losses. Dashed: chance. The axis runs from bad to good.
    """
    names = chosen(fitted.facts["benchmark"].to_numpy(), benchmarks, "benchmark")
    weights = listening_weights(fitted)[0]
    measured = fitted.runs["loss"].sel(validation=weights["validation"])
    high, low = measured.max("run"), measured.min("run")
    # Losses stay positive, however steep the fall that was measured.
    steps = np.geomspace(1.0, 1.0 + AHEAD, POINTS)
    falls = np.concatenate([np.linspace(0, 1, POINTS), steps[1:]])
    ratio = np.log(low / high)
    losses = high * np.exp(xr.DataArray(falls, dims="mixture") * ratio)
    losses = losses.transpose("mixture", "validation").assign_coords(mixture=np.arange(len(falls)))
    curves = fitted.predict_at(losses)
    measure = "accuracy" if "accuracy" in curves else "score"
    figure, made = panels(len(names), axes)
    for axis, name in zip(made, names, strict=True):
        heard = weights.sel(benchmark=name)
        x = (losses * heard).sum("validation").to_numpy()
        drawn = curves[measure].sel(benchmark=name)
        below, above = np.quantile(drawn, INTERVAL90, axis=(0, 1))
        axis.axvspan(x[POINTS - 1], x[-1], color=GREY, alpha=0.15, lw=0)
        axis.fill_between(x, below, above, color=BLUE, alpha=0.2, lw=0, label="90 % band")
        axis.plot(x, drawn.mean(("chain", "draw")), color=BLUE, lw=1.3, label="expected")
        seen = fitted.runs[measure].sel(benchmark=name)
        axis.scatter(
            (measured * heard).sum("validation"), seen, s=9, color=INK, label="fitted runs"
        )
        chance = fitted.facts["chance" if measure == "accuracy" else "score_chance"]
        axis.axhline(float(chance.sel(benchmark=name)), color=GREY, ls="--", lw=0.9, label="chance")
        moving = bool(fitted.facts["above_chance"].sel(benchmark=name))
        axis.set_title(named(name) + ("" if moving else " (at chance)"))
        axis.set_xlabel("loss it listens to, nats per token")
        axis.invert_xaxis()
    made[0].set_ylabel(measure)
    legend(made[:1])
    return figure


@styled
def listening(fitted: "BenchmarkPosterior", ax: "Axes | None" = None) -> "Figure":
    """Which losses a benchmark listens to: weights with half their 90 % interval."""
    mean, half = listening_weights(fitted)
    benchmarks, validation = (mean[dim].to_numpy() for dim in ("benchmark", "validation"))
    figure, (axis,) = panels(
        1, ax, size=(1.6 + 0.7 * len(validation), 0.9 + 0.38 * len(benchmarks))
    )
    image = axis.imshow(mean, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for i, j in np.ndindex(mean.shape):
        value = float(mean[i, j])
        axis.text(
            j,
            i,
            f"{value:.2f} ±{float(half[i, j]):.2f}",
            ha="center",
            va="center",
            fontsize=6,
            color="white" if value > 0.6 else INK,
        )
    axis.set_xticks(
        range(len(validation)), [named(n, 14) for n in validation], rotation=30, ha="right"
    )
    axis.set_yticks(range(len(benchmarks)), [named(n) for n in benchmarks])
    axis.set_xlabel("loss on")
    figure.colorbar(image, ax=axis, shrink=0.8).set_label("weight")
    return figure


def listening_weights(fitted: "BenchmarkPosterior") -> tuple[xr.DataArray, xr.DataArray]:
    """Mean of the weights on losses, and half their 90 % interval: (benchmark, validation)."""
    weights = fitted.tree["posterior"]["listening"].transpose(
        "chain", "draw", "benchmark", "validation"
    )
    mean = weights.mean(("chain", "draw"))
    low, high = np.quantile(weights, INTERVAL90, axis=(0, 1))
    return mean, mean.copy(data=(high - low) / 2)
