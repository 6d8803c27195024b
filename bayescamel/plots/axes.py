"""Figures, panels and axes: where a picture is drawn, its scales and its one legend."""

from collections.abc import Callable, Sequence
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bayescamel.exceptions import PlotError
from bayescamel.plots.style import GREY, RESOLUTION
from bayescamel.runs.sizes import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


TICKS: tuple[tuple[float, tuple[float, ...]], ...] = (
    *((3.0, ()), (20.0, (1.0, 1.5, 2.0, 3.0, 5.0)), (200.0, (1.0, 3.0)), (np.inf, (1.0,))),
)
"""Of a logarithmic axis that spans so much: where each decade has its ticks."""


def panels(
    n: int,
    axes: Any = None,
    *,
    columns: int = 4,
    size: tuple[float, float] = (2.7, 2.3),
) -> "tuple[Figure, list[Axes]]":
    """Axes to draw `n` panels in: those given, or those of a new figure.

    Parameters
    ----------
    axes
        One matplotlib axes or an array of them, at least `n`; None makes a figure.
    columns, size
        Of a new figure: panels beside one another, inches of each.

    Raises
    ------
    PlotError
        When fewer axes are given than there are panels, or there is no panel.
    """
    if n < 1:
        raise PlotError("there is nothing to draw")
    if axes is not None:
        given = list(np.atleast_1d(np.asarray(axes, dtype=object)).flat)
        if len(given) < n:
            raise PlotError(f"the picture has {n} panels and {len(given)} axes were given")
        return given[0].figure, given[:n]
    columns = min(n, columns)
    rows = -(-n // columns)
    inches = (size[0] * columns + 0.3, size[1] * rows + 0.4)
    figure = picture_class()(figsize=inches, layout="constrained")
    made = list(figure.subplots(rows, columns, squeeze=False).flat)
    for spare in made[n:]:
        spare.set_axis_off()
    return figure, made[:n]


@cache
def picture_class() -> "type[Figure]":
    """A figure that a notebook shows whether or not pyplot was loaded, and that nobody closes."""
    from matplotlib.figure import Figure

    class Picture(Figure):
        """A matplotlib figure that shows itself in a notebook."""

        def _repr_png_(self) -> bytes:
            content = BytesIO()
            self.savefig(content, format="png", dpi=RESOLUTION)
            return content.getvalue()

    return Picture


def legend(axes: "Sequence[Axes]") -> None:
    """One legend for all panels, each label once: under a figure of ours, else in the last axes."""
    found: dict[str, Any] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if not found:
        return
    figure, whole = axes[0].figure, axes[0].get_figure(root=True)
    if isinstance(whole, picture_class()):
        columns = max(1, int(whole.get_size_inches()[0] / 1.6))
        figure.legend(
            found.values(), found.keys(), loc="outside lower center", ncols=min(columns, len(found))
        )
    else:
        axes[-1].legend(found.values(), found.keys(), loc="best")


def size_axis(
    axis: "Axes",
    sizes: np.ndarray,
    label: str = "parameters",
    words: Callable[[float], str] = count,
) -> None:
    """A logarithmic axis of parameters with a tick at each size, as far as they can be read."""
    from matplotlib.ticker import NullLocator

    ticks = np.unique(np.asarray(sizes, np.float64))
    if len(ticks) > 1:
        apart = np.log(ticks[-1] / ticks[0]) / 5
        kept = [ticks[-1]]
        for tick in ticks[-2::-1]:
            if np.log(kept[-1] / tick) >= apart:
                kept.append(tick)
        ticks = np.array(kept[::-1])
    axis.set_xscale("log")
    axis.set_xticks(ticks, [words(tick) for tick in ticks])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlabel(label)


def plain_log(axis: "Axes", which: Literal["x", "y"] = "y") -> None:
    """Ticks of a logarithmic axis as plain numbers, fewer a decade where there are more decades."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    scale = axis.xaxis if which == "x" else axis.yaxis
    low, high = scale.get_view_interval()
    subs = next(subs for most, subs in TICKS if high / low <= most)
    scale.set_major_locator(LogLocator(subs=subs) if subs else MaxNLocator(5))
    scale.set_major_formatter(lambda value, _: f"{value:g}")
    scale.set_minor_locator(NullLocator())


def crop(axis: "Axes", curves: np.ndarray, points: np.ndarray) -> None:
    """Limit a loss axis to the curves and nearly all points; say how many lie beyond."""
    known = points[~np.isnan(points)]
    low, high = np.quantile(known, [0.02, 0.94])
    drawn = curves[curves > 0]  # far out a band may reach below 0, where the axis has no place
    low, high = min([low, *drawn]) * 0.96, max([high, *drawn]) * 1.06
    axis.set_ylim(low, high)
    beyond = int(((known < low) | (known > high)).sum())
    if beyond:
        axis.text(
            0.98,
            0.98,
            f"beyond: {beyond}",
            transform=axis.transAxes,
            fontsize=6,
            color=GREY,
            ha="right",
            va="top",
        )
