"""How losses answer to the mixture: along one weight, over three, and by elasticities."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bayescamel.mixtures import Mixtures
from bayescamel.plots.axes import legend, panels
from bayescamel.plots.size import by_name
from bayescamel.plots.style import GREY, INK, INTERVAL90, chosen, look, named, styled
from bayescamel.targets import Target

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayescamel.posterior import Posterior

POINTS = 25
"""Weights at which a slice is evaluated."""

MAX_LINES = 6
"""Validation domains in a panel."""

GROWTH = 1.1
"""Factor by which a weight grows when its elasticity is measured."""


@styled
def response_slices(
    posterior: "Posterior",
    target: Target,
    domains: Sequence[str] | None = None,
    *,
    around: Mixtures | None = None,
    validation: Sequence[str] | None = None,
    axes: Any = None,
) -> "Figure":
    """How losses at the target change along the weight of one domain, the others in proportion.

    Parameters
    ----------
    domains
        A panel each; None: the first twelve.
    around
        The mixture that is changed; None: the mean mixture of the runs.
    validation
        A line each; None: the first six.

    Returns
    -------
    Figure
        Change of the expected loss against `around`, per cent, with the 90 % band of the draws
        (what they say of the difference, not of the level). Ticks at the foot are weights that
        were measured; the dotted line is the weight in `around`.
    """
    runs = posterior.runs
    names = chosen(runs["validation"].to_numpy(), validation, "validation domain")[:MAX_LINES]
    shown = chosen(runs["domain"].to_numpy(), domains, "training domain")
    start = by_name(around, posterior).to_numpy()[0]
    known = [str(name) for name in runs["domain"].to_numpy()]
    figure, made = panels(len(shown), axes)
    for axis, domain in zip(made, shown, strict=True):
        k = known.index(domain)
        measured = runs["mixture"].sel(domain=domain).to_numpy()
        weights = np.linspace(0.0, min(1.0, max(1.1 * measured.max(), start[k])), POINTS)
        moved = np.concatenate([[start], [with_weight(start, k, w) for w in weights]])
        loss = posterior.predict(target, moved, kind="curve")["loss"].sel(validation=names)
        change = 100 * (loss.isel(mixture=slice(1, None)) / loss.isel(mixture=0, drop=True) - 1)
        low, high = np.quantile(change, INTERVAL90, axis=(0, 1))
        mean = change.mean(("chain", "draw")).to_numpy()
        for i, name in enumerate(names):
            style = look(i)
            axis.fill_between(weights, low[:, i], high[:, i], color=style.color, alpha=0.18, lw=0)
            axis.plot(
                weights,
                mean[:, i],
                color=style.color,
                ls=style.linestyle,
                lw=1.3,
                label=f"loss on {named(name)}",
            )
        axis.axhline(0, color=GREY, lw=0.6)
        axis.axvline(start[k], color=GREY, lw=0.8, ls=":")
        foot = axis.get_xaxis_transform()
        axis.plot(
            measured, np.zeros(len(measured)), "|", color=INK, ms=6, alpha=0.5, transform=foot
        )
        axis.set_xlabel(f"weight of {named(domain)}")
        usual = weights <= np.quantile(measured, 0.75)
        usual &= weights >= np.quantile(measured, 0.25)
        if usual.any():  # corners of the simplex would flatten all the rest
            most = 1.6 * max(float(np.abs(part[usual]).max()) for part in (low, high))
            axis.set_ylim(max(-100.0, -most, 1.05 * low.min()), min(most, 1.05 * high.max()))
    made[0].set_ylabel("change of loss, %")
    legend(made[:1])
    return figure


def with_weight(mixture: np.ndarray, k: int, weight: float) -> np.ndarray:
    """A mixture with one weight set and the others in proportion; alike where they had none."""
    others = np.delete(mixture, k)
    total = others.sum()
    share = others / total if total > 0 else np.full(len(others), 1 / len(others))
    return np.insert((1 - weight) * share, k, weight)


@styled
def elasticities(
    posterior: "Posterior",
    target: Target,
    *,
    mixture: Mixtures | None = None,
    ax: "Axes | None" = None,
) -> "Figure":
    """Which data helps what: the change of each loss when a training domain's weight grows 10 %.

    Measured on the law's curve, draw by draw, with all other weights lowered in proportion; so it
    is there for every law.

    Parameters
    ----------
    mixture
        Where; None: the mean mixture of the runs.

    Returns
    -------
    Figure
        Blue helps, red hurts, per cent of the loss; below it half the width of the 90 % interval.
        A pale number is one whose 90 % interval holds 0.
    """
    mean, low, high = elasticity(posterior, target, mixture)
    validation, domains = (mean[dim].to_numpy() for dim in ("validation", "domain"))
    figure, (axis,) = panels(1, ax, size=(1.4 + 0.62 * len(domains), 1.0 + 0.42 * len(validation)))
    most = float(np.abs(mean).max()) or 1.0
    image = axis.imshow(mean, cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto")
    for i, j in np.ndindex(mean.shape):
        value, half = float(mean[i, j]), float(high[i, j] - low[i, j]) / 2
        sure = not low[i, j] <= 0 <= high[i, j]
        dark = abs(value) > 0.6 * most
        axis.text(
            j,
            i,
            f"{value:+.2f}\n±{half:.2f}",
            ha="center",
            va="center",
            fontsize=6,
            color="white" if dark else INK,
            alpha=1.0 if sure else 0.45,
        )
    axis.set_xticks(range(len(domains)), [named(n, 14) for n in domains], rotation=30, ha="right")
    axis.set_yticks(range(len(validation)), [named(n, 14) for n in validation])
    axis.set(xlabel="10 % more of this training domain", ylabel="loss on")
    bar = figure.colorbar(image, ax=axis, shrink=0.8)
    bar.set_label("change of the loss, %")
    return figure


def elasticity(
    posterior: "Posterior", target: Target, mixture: Mixtures | None = None
) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """Mean and 90 % bounds of what `elasticities` shows: (validation, domain), per cent."""
    start = by_name(mixture, posterior).to_numpy()[0]
    grown = [with_weight(start, k, min(1.0, w * GROWTH)) for k, w in enumerate(start)]
    loss = posterior.predict(target, np.stack([start, *grown]), kind="curve")["loss"]
    change = 100 * (loss.isel(mixture=slice(1, None)) / loss.isel(mixture=0, drop=True) - 1)
    change = change.rename(mixture="domain").assign_coords(
        domain=[str(name) for name in posterior.runs["domain"].to_numpy()]
    )
    ordered = change.transpose("chain", "draw", "validation", "domain")
    mean = ordered.mean(("chain", "draw"))
    low, high = np.quantile(ordered, INTERVAL90, axis=(0, 1))
    return mean, mean.copy(data=low), mean.copy(data=high)
