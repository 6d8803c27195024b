"""How far to trust a posterior: backtests, calibration, residuals, priors."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescamel.exceptions import PlotError
from bayescamel.plots.axes import legend, panels, size_axis
from bayescamel.plots.hovering import Backend, finished, tell
from bayescamel.plots.style import BLUE, GREY, INK, ORANGE, PALE, look, named, styled
from bayescamel.targets import Target

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bayescamel.comparison.backtest import Result
    from bayescamel.posterior import Posterior

LEVELS = np.linspace(0.05, 0.95, 19)
"""Central intervals whose coverage is counted."""

BINS = 10
"""Of the probability integral transform's histogram."""


@styled
def calibration(results: "Sequence[Result]", axes: Any = None) -> "Figure":
    """Whether intervals held: coverage by level, and the probability integral transform.

    Parameters
    ----------
    results
        Of `bayescamel.comparison.backtest.backtest`; laws and methods are drawn apart, horizons
        together.
    axes
        Two.

    Returns
    -------
    Figure
        Left: a line on the diagonal holds what it promises, below it is too sure. Right: values
        of u = P(predicted loss ≤ observed); flat is calibrated, a heap at the ends is too sure,
        one heap beside the middle is off. The grey band holds 90 % of the counts that as many
        calibrated and independent values give; losses of one run are not independent, so lines
        may leave it somewhat more often.
    """
    groups: dict[str, list[np.ndarray]] = {}
    for result in results:
        values = result.pit[~np.isnan(result.pit)]
        groups.setdefault(f"{result.law}, {result.method}", []).append(values)
    if not groups:
        raise PlotError("no backtest was given")
    figure, (left, right) = panels(2, axes, size=(3.1, 2.7))
    most = max(sum(map(len, parts)) for parts in groups.values())
    sd = np.sqrt(LEVELS * (1 - LEVELS) / most)
    left.fill_between(LEVELS, LEVELS - 1.645 * sd, LEVELS + 1.645 * sd, color=PALE, alpha=0.6, lw=0)
    left.plot([0, 1], [0, 1], color=INK, lw=0.8)
    flat, spread = 1.0, 1.645 * np.sqrt((BINS - 1) / most)
    right.axhspan(flat - spread, flat + spread, color=PALE, alpha=0.6, lw=0)
    for i, (label, parts) in enumerate(groups.items()):
        u, style = np.concatenate(parts), look(i)
        covered = [(np.abs(u - 0.5) <= level / 2).mean() for level in LEVELS]
        left.plot(
            LEVELS,
            covered,
            color=style.color,
            ls=style.linestyle,
            marker=style.marker,
            ms=2.5,
            label=f"{named(label, 30)} ({len(u)} losses)",
        )
        heights = np.histogram(u, BINS, (0, 1))[0] * BINS / len(u)
        right.stairs(
            heights, np.linspace(0, 1, BINS + 1), color=style.color, ls=style.linestyle, lw=1.3
        )
    left.set(xlabel="central interval", ylabel="share of losses inside", xlim=(0, 1), ylim=(0, 1))
    legend([left])
    right.set(xlabel="u = P(predicted ≤ observed)", ylabel="density", xlim=(0, 1), ylim=(0, None))
    return figure


@styled
def horizons(results: "Sequence[Result]", axes: Any = None) -> "Figure":
    """Laws compared by horizon: relative error and coverage over how far out they predict.

    Small marks are horizons, the line goes through the mean of those of one distance.

    Parameters
    ----------
    results
        Of `bayescamel.comparison.backtest.backtest`.
    axes
        Two.
    """
    if not results:
        raise PlotError("no backtest was given")
    figure, (left, right) = panels(2, axes, size=(3.2, 2.7))
    labels = list(dict.fromkeys((result.law, result.method) for result in results))
    for i, (law, method) in enumerate(labels):
        mine = [r for r in results if (r.law, r.method) == (law, method)]
        x, style = np.array([r.horizon.distance for r in mine]), look(i)
        alike = np.log(x).round(1)  # horizons of one distance, to a tenth of a factor of e
        for axis, values in (
            (left, np.array([100 * r.scores.mre for r in mine])),
            (right, np.array([100 * r.scores.coverage90 for r in mine])),
        ):
            axis.plot(x, values, style.marker, color=style.color, ms=3, alpha=0.6)
            means = [(x[alike == d].mean(), values[alike == d].mean()) for d in np.unique(alike)]
            axis.plot(
                *np.transpose(means),
                color=style.color,
                ls=style.linestyle,
                lw=1.0,
                marker=style.marker,
                ms=5,
                label=f"{named(law)}, {named(method)}",
            )
    right.axhline(90, color=INK, lw=0.8)
    for axis, words in ((left, "mean relative error, %"), (right, "90 % intervals that held, %")):
        size_axis(
            axis,
            np.array([r.horizon.distance for r in results]),
            "held-out size over the largest fitted",
            lambda distance: f"{distance:.2g}×",
        )
        axis.set_ylabel(words)
    left.set_ylim(0, None)
    right.set_ylim(0, 104)
    legend([left])
    return figure


@styled
def residuals(
    posterior: "Posterior",
    axes: Any = None,
    name_worst: int = 5,
    *,
    backend: Backend = "matplotlib",
) -> "Figure | Any":
    """What the law's curve misses of its runs, by size and by validation domain.

    Parameters
    ----------
    axes
        Two.
    name_worst
        How many of the runs that lie furthest off are named.
    backend
        "plotly" gives a figure of that library, whose points say their run under the mouse.

    Returns
    -------
    Figure
        Observed loss over the curve's, per cent. Left by size, each run at the median of its
        losses with its range; runs that lie off in most losses are named. Right by validation
        domain: all runs, with the median and the middle half.
    """
    runs = posterior.runs
    observed = runs["loss"].to_numpy()
    off = 100 * (observed / curve_means(posterior) - 1)
    figure, (left, right) = panels(2, axes, size=(4.0, 2.8))
    sizes = runs["n_params"].to_numpy()
    middle = np.nanmedian(off, axis=1)
    rng = np.random.default_rng(0)
    x = sizes * np.exp(0.06 * rng.uniform(-1, 1, len(sizes)))
    left.vlines(x, np.nanmin(off, axis=1), np.nanmax(off, axis=1), color=PALE, lw=0.7)
    tell(left.scatter(x, middle, s=8, color=BLUE, zorder=3), runs["run"].to_numpy())
    worst = np.argsort(-np.abs(middle))[:name_worst]
    worst = worst[np.argsort(middle[worst])]
    for place, i in zip(np.linspace(0.08, 0.92, len(worst)), worst, strict=True):
        left.annotate(
            named(runs["run"].to_numpy()[i], 20),
            (x[i], middle[i]),
            (1.02, place),
            textcoords=left.transAxes,
            fontsize=6,
            color=ORANGE,
            va="center",
            arrowprops={"arrowstyle": "-", "color": ORANGE, "lw": 0.4},
        )
    left.set_ylabel("observed over the curve, %")
    size_axis(left, sizes)
    names = [named(name, 14) for name in runs["validation"].to_numpy()]
    for i in range(len(names)):
        known = ~np.isnan(off[:, i])
        values = off[known, i]
        points = right.scatter(
            i + 0.25 * rng.uniform(-1, 1, len(values)), values, s=4, color=GREY, alpha=0.6
        )
        tell(points, runs["run"].to_numpy()[known])
        quartiles = np.quantile(values, [0.25, 0.5, 0.75])
        right.vlines(i, quartiles[0], quartiles[2], color=ORANGE, lw=4, alpha=0.7)
        right.plot(i, quartiles[1], "o", color=INK, ms=3)
    right.set_xticks(range(len(names)), names, rotation=30, ha="right")
    right.set_xlabel("loss on")
    for axis in (left, right):
        axis.axhline(0, color=INK, lw=0.7)
    return finished(figure, backend)


def curve_means(posterior: "Posterior") -> np.ndarray:
    """The law's expected loss of each fitted run, (run, validation), nats per token."""
    runs = posterior.runs
    models = np.stack(
        [
            runs[name].to_numpy() if name in runs else np.full(runs.sizes["run"], np.nan)
            for name in ("n_params", "n_tokens", "n_active_params")
        ],
        axis=1,
    )
    result = np.empty(runs["loss"].shape)
    for model in np.unique(models, axis=0):
        mine = ((models == model) | (np.isnan(models) & np.isnan(model))).all(axis=1)
        params, tokens, active = (None if np.isnan(v) else float(v) for v in model)
        target = Target(float(params or 0.0), tokens, active)
        loss = posterior.predict(target, runs["mixture"].isel(run=mine), kind="curve")["loss"]
        result[mine] = loss.mean(("chain", "draw")).to_numpy()
    return result
