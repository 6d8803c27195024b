"""Pictures of decisions, with matplotlib; every function returns the figure and shows nothing."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bayescamel.decisions import OptimalMixture


def optimum(best: "OptimalMixture", bins: int = 40) -> "Figure":
    """Where the draws' optima lie, weight by weight, and what is recommended.

    Returns
    -------
    Figure
        One panel a training domain: histogram of the optimum's weight; a line at the
        recommendation, a dotted line at the near mixture.
    """
    from matplotlib.figure import Figure

    domains = [str(name) for name in best.mixture["domain"].to_numpy()]
    columns = min(6, len(domains))
    rows = -(-len(domains) // columns)
    figure = Figure(figsize=(2.2 * columns, 1.9 * rows + 0.4), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis, name in zip(axes.flat, domains, strict=False):
        weights = best.draws.sel(domain=name).to_numpy()
        axis.hist(weights, bins=bins, range=(0, max(0.05, weights.max())), color="C0", alpha=0.6)
        axis.axvline(float(best.mixture.sel(domain=name)), color="C1", label="recommended")
        near = best.against_near
        axis.axvline(float(near.mixture.sel(domain=name)), color="grey", ls=":", label=near.name)
        axis.set(title=name, yticks=[], xlabel="weight")
    for axis in axes.flat[len(domains) :]:
        axis.set_visible(False)
    axes[0, 0].legend(fontsize=6, frameon=False)
    return figure


def path(path: xr.Dataset, fitted_sizes: np.ndarray | None = None) -> "Figure":
    """How the best mixture moves with the model's size.

    Parameters
    ----------
    path
        From `bayescamel.decisions.optimal_path`.
    fitted_sizes
        Sizes of the runs, marked at the foot: what is right of them is extrapolated.

    Returns
    -------
    Figure
        A line a training domain, with the 90 % band of the draws' optima.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axis = figure.subplots()
    sizes = path["size"].to_numpy()
    for i, name in enumerate(path["domain"].to_numpy()):
        one = path.sel(domain=name)
        colour = f"C{i % 10}"
        axis.fill_between(sizes, one["lower90"], one["upper90"], color=colour, alpha=0.2, lw=0)
        axis.plot(sizes, one["mixture"], color=colour, marker="o", ms=3, label=str(name))
    if fitted_sizes is not None:
        foot = axis.get_xaxis_transform()
        axis.plot(
            fitted_sizes, np.zeros(len(fitted_sizes)), "k^", transform=foot, clip_on=False, ms=5
        )
    axis.set(xscale="log", xlabel="parameters (▲ fitted)", ylabel="weight in the best mixture")
    axis.legend(fontsize=8, frameon=False)
    return figure


def front(front: xr.Dataset, names: tuple[str, str] = ("first", "second")) -> "Figure":
    """The trade-off of `bayescamel.decisions.pareto_front`, with 90 % intervals of both values."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.0, 4.0), layout="constrained")
    axis = figure.subplots()
    value, low, high = (front[key].to_numpy() for key in ("expected", "lower90", "upper90"))
    axis.errorbar(
        value[:, 0],
        value[:, 1],
        xerr=[value[:, 0] - low[:, 0], high[:, 0] - value[:, 0]],
        yerr=[value[:, 1] - low[:, 1], high[:, 1] - value[:, 1]],
        fmt="o-",
        ms=4,
        lw=1,
        elinewidth=0.6,
    )
    axis.set(xlabel=names[0], ylabel=names[1])
    return figure
