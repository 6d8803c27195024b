"""The objective over the shares of three training domains."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayescamel.exceptions import PlotError
from bayescamel.mixtures import Mixtures
from bayescamel.plots.axes import legend, panels
from bayescamel.plots.size import by_name
from bayescamel.plots.style import INK, INTERVAL90, chosen, named, styled
from bayescamel.targets import Target, objective_weights

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayescamel.posterior import Posterior

GRID = 24
"""Steps along an edge of the triangle."""


@styled
def ternary(
    posterior: "Posterior",
    target: Target,
    domains: Sequence[str],
    *,
    around: Mixtures | None = None,
    objective: Mapping[str, float] | None = None,
    ax: "Axes | None" = None,
) -> "Figure":
    """The expected objective over the shares of three training domains, the others held.

    Parameters
    ----------
    domains
        Three.
    around
        Holds the others' weights; None: the mean mixture of the runs.
    objective
        Weight by validation domain; None weighs all alike.

    Returns
    -------
    Figure
        Nats per token; white lines are half the width of the 90 % interval. Points are measured
        mixtures, projected; the star is the least on the triangle.

    Raises
    ------
    PlotError
        When there are not three domains, one is unknown, or they have no weight in `around`.
    """
    known = [str(name) for name in posterior.runs["domain"].to_numpy()]
    three = [known.index(name) for name in chosen(known, domains, "training domain")]
    if len(set(three)) != 3:
        raise PlotError(f"a ternary picture has 3 training domains, not {len(set(three))}")
    start = by_name(around, posterior).to_numpy()[0]
    share = float(start[three].sum())
    if share <= 0:
        raise PlotError("the three training domains have no weight together in this mixture")
    grid = np.array(
        [(i, j, GRID - i - j) for i in range(GRID + 1) for j in range(GRID + 1 - i)]
    ) / float(GRID)
    mixtures = np.repeat(start[None], len(grid), axis=0)
    mixtures[:, three] = share * grid
    loss = posterior.predict(target, mixtures, kind="curve")["loss"]
    weights = objective_weights(objective, posterior.runs["validation"].to_numpy())
    values = loss.to_numpy().reshape(-1, *loss.shape[2:]) @ weights
    mean = values.mean(axis=0)
    low, high = np.quantile(values, INTERVAL90, axis=0)
    figure, (axis,) = panels(1, ax, size=(4.2, 3.6))
    x, y = _flat(grid)
    filled = axis.tricontourf(x, y, mean, levels=14, cmap="cividis_r")
    lines = axis.tricontour(x, y, (high - low) / 2, levels=4, colors="white", linewidths=0.8)
    axis.clabel(lines, fmt="±%.3g", fontsize=6)
    measured = posterior.runs["mixture"].to_numpy()[:, three]
    inside = measured.sum(axis=1) > 0
    measured = measured[inside] / measured[inside].sum(axis=1, keepdims=True)
    axis.scatter(*_flat(measured), s=7, color=INK, label="measured, projected", zorder=3)
    best = int(mean.argmin())
    axis.scatter(x[best], y[best], s=90, marker="*", color="white", ec=INK, zorder=4, label="least")
    for corner, (dx, dy), k in zip(np.eye(3), ((0, -12), (0, -12), (0, 6)), three, strict=True):
        (x_corner,), (y_corner,) = _flat(corner[None])
        axis.annotate(
            f"{named(known[k])} {share:.2f}",
            (float(x_corner), float(y_corner)),
            (dx, dy),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=8,
        )
    axis.set_aspect("equal")
    axis.set_axis_off()
    bar = figure.colorbar(filled, ax=axis, shrink=0.8)
    bar.set_label("objective at the target, nats per token")
    legend([axis])
    return figure


def _flat(shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places in the triangle of shares (point, 3): first left, second right, third above."""
    return shares[:, 1] + shares[:, 2] / 2, shares[:, 2] * np.sqrt(3) / 2
