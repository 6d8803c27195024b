"""Pictures of decisions: where the optimum lies, what it gains, how it moves, what it trades."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bayescamel.plots.axes import legend, panels, plain_log, size_axis
from bayescamel.plots.hovering import Backend, finished, tell
from bayescamel.plots.style import BLUE, GREY, INK, ORANGE, look, named, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayescamel.decisions import OptimalMixture
    from bayescamel.decisions.result import Comparison


@styled
def optimum(best: "OptimalMixture", axes: Any = None, bins: int = 32) -> "Figure":
    """Where the draws' optima lie, weight by weight, and what is recommended.

    Parameters
    ----------
    axes
        One for each training domain.

    Returns
    -------
    Figure
        Histograms of the optimum's weight over the draws; a line at the recommendation and, where
        it is another, at the mixture of least risk; a dotted
        one at the near mixture, a dashed one at the reference where one was given.
    """
    domains = [str(name) for name in best.recommended["domain"].to_numpy()]
    figure, made = panels(len(domains), axes, columns=5, size=(1.9, 1.7))
    marks = [(best.recommended, "recommended", ORANGE, "-")]
    if best.tied:
        marks.append((best.optimum, "optimum", BLUE, "-"))
    for other, colour, line in zip(_others(best), (INK, GREY), (":", "--"), strict=False):
        marks.append((other.mixture, named(other.name, 40), colour, line))
    for axis, name in zip(made, domains, strict=True):
        weights = best.draws.sel(domain=name).to_numpy()
        axis.hist(
            weights,
            bins=bins,
            range=(0, max(0.05, weights.max())),
            color=BLUE,
            alpha=0.55,
            label="optimum, draw by draw",
        )
        for mixture, label, colour, line in marks:
            axis.axvline(float(mixture.sel(domain=name)), color=colour, ls=line, label=label)
        axis.set(yticks=[], xlabel=f"weight of {named(name)}")
        axis.spines["left"].set_visible(False)
    legend(made[:1])
    return figure


@styled
def gain_and_regret(best: "OptimalMixture", axes: Any = None) -> "Figure":
    """By how much the mixture of least risk beats the others, and how much it may yet miss.

    Parameters
    ----------
    axes
        Two.

    Returns
    -------
    Figure
        Left, the gain over the near mixture and over the reference, draw by draw, with its
        probability to be positive. Right, the share of the draws whose regret is below each value.
    """
    figure, (left, right) = panels(2, axes, size=(3.2, 2.4))
    for i, other in enumerate(_others(best)):
        style = look(i)
        left.hist(
            other.gain,
            bins=40,
            color=style.color,
            alpha=0.45,
            histtype="stepfilled",
            ls=style.linestyle,
            ec=style.color,
            label=f"over {named(other.name, 40)}: positive in {other.probability:.0%}",
        )
    left.axvline(0, color=INK, lw=0.8)
    left.set(yticks=[], xlabel=f"gain, {best.unit}", ylabel="draws")
    ordered = np.sort(best.regrets.to_numpy())
    right.step(ordered, np.arange(1, len(ordered) + 1) / len(ordered), color=BLUE, where="post")
    for level, words in ((best.regret, "expected"), (float(best.regret_quantile(0.9)), "90 %")):
        right.axvline(
            level, color=ORANGE, ls="-" if words == "expected" else ":", label=f"regret, {words}"
        )
    right.set(xlabel=f"regret, {best.unit}", ylabel="share of draws below", ylim=(0, 1.02))
    for axis in (left, right):
        axis.locator_params(axis="x", nbins=5)
    legend([left, right])
    return figure


def _others(best: "OptimalMixture") -> "list[Comparison]":
    """The near mixture, and the reference where it is another one."""
    near, reference = best.against_near, best.against_reference
    if reference is None or reference.mixture.equals(near.mixture):
        return [near]
    return [near, reference]


@styled
def path(
    path: xr.Dataset,
    fitted_sizes: np.ndarray | None = None,
    ax: "Axes | None" = None,
    *,
    backend: Backend = "matplotlib",
) -> "Figure | Any":
    """How the best mixture moves with the model's size, with the 90 % band of the draws' optima.

    Parameters
    ----------
    path
        From `bayescamel.optimal_path`.
    fitted_sizes
        Sizes of the runs, marked at the foot: what is right of them is extrapolated.
    backend
        "plotly" gives a figure of that library.
    """
    figure, (axis,) = panels(1, ax, size=(5.2, 3.2))
    sizes = path["size"].to_numpy()
    for i, name in enumerate(path["domain"].to_numpy()):
        one, style = path.sel(domain=name), look(i)
        axis.fill_between(
            sizes, one["lower90"], one["upper90"], color=style.color, alpha=0.15, lw=0
        )
        axis.plot(
            sizes,
            one["optimum"],
            color=style.color,
            ls=style.linestyle,
            marker=style.marker,
            ms=3.5,
            label=named(name),
        )
    shown, words = sizes, "parameters"
    if fitted_sizes is not None:
        fitted = np.unique(fitted_sizes)
        foot = axis.get_xaxis_transform()
        axis.plot(
            fitted, np.zeros(len(fitted)), "^", color=INK, transform=foot, clip_on=False, ms=5
        )
        shown, words = np.concatenate([sizes, fitted]), "parameters (▲ fitted)"
    size_axis(axis, shown, words)
    axis.set(ylabel="weight in the best mixture", ylim=(0, None))
    legend([axis])
    return finished(figure, backend)


@styled
def front(
    front: xr.Dataset,
    names: tuple[str, str] = ("first objective", "second objective"),
    ax: "Axes | None" = None,
    *,
    backend: Backend = "matplotlib",
) -> "Figure | Any":
    """The trade-off of `bayescamel.pareto_front`, with 90 % intervals of both values.

    Parameters
    ----------
    names
        Of the two objectives, with their units.
    backend
        "plotly" gives a figure of that library, whose points say their mixture under the mouse.

    Returns
    -------
    Figure
        A filled point is efficient with a probability of a half or more; the share of the second
        objective stands beside it.
    """
    figure, (axis,) = panels(1, ax, size=(4.4, 3.4))
    value, low, high = (front[key].to_numpy() for key in ("expected", "lower90", "upper90"))
    axis.errorbar(
        value[:, 0],
        value[:, 1],
        xerr=[value[:, 0] - low[:, 0], high[:, 0] - value[:, 0]],
        yerr=[value[:, 1] - low[:, 1], high[:, 1] - value[:, 1]],
        fmt="-",
        color=BLUE,
        lw=1,
        elinewidth=0.6,
        ecolor=GREY,
    )
    sure = front["probability_efficient"].to_numpy() >= 0.5
    domains = [str(name) for name in front["domain"].to_numpy()]
    weights = [
        ", ".join(f"{n} {w:.2f}" for n, w in zip(domains, m, strict=True))
        for m in front["mixture"].to_numpy()
    ]
    for part, face in ((sure, BLUE), (~sure, "white")):
        points = axis.scatter(
            value[part, 0], value[part, 1], s=24, facecolors=face, edgecolors=BLUE, zorder=3
        )
        tell(points, (weights[i] for i in np.flatnonzero(part)))
    for i in (0, len(value) // 2, len(value) - 1):
        axis.annotate(
            f"{float(front['share'][i]):.0%} second",
            tuple(value[i]),
            (6, 6),
            textcoords="offset points",
            fontsize=7,
        )
    axis.set(xlabel=named(names[0], 40), ylabel=named(names[1], 40))
    if low.min() > 0 and (value.max(axis=0) / value.min(axis=0)).max() > 3:
        axis.set(xscale="log", yscale="log")  # the ends are corners, far off in one of the two
        plain_log(axis)
        plain_log(axis, "x")
    return finished(figure, backend)
