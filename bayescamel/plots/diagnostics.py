"""How the chains moved: ArviZ's own pictures of the quantities that mixed worst.

They are ArviZ's functions on draws that are chosen here; on all of them, or on others, they are
called as ever: ``arviz.plot_trace(posterior.tree, var_names=["alpha"])``.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bayescamel.exceptions import PlotError
from bayescamel.plots.style import named

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bayescamel.posterior import Posterior

N_WORST = 4
"""Quantities in a picture."""


def trace(posterior: "Posterior", n: int = N_WORST) -> "Figure":
    """The chains' draws in their order, of the `n` quantities of largest R-hat."""
    import arviz as az

    return _figure(az.plot_trace(worst(posterior, n)))


def rank(posterior: "Posterior", n: int = N_WORST) -> "Figure":
    """Whether ranks are uniform in each chain, of the `n` quantities of largest R-hat."""
    import arviz as az

    return _figure(az.plot_rank(worst(posterior, n)))


def energy(posterior: "Posterior") -> "Figure":
    """The energy's distribution against that of its changes, with each chain's E-BFMI."""
    import arviz as az

    _check_sampled(posterior)
    return _figure(az.plot_energy(posterior.tree))


def worst_pairs(posterior: "Posterior", n: int = N_WORST) -> "Figure":
    """The `n` quantities of largest R-hat against one another, divergences marked."""
    import arviz as az

    figure = _figure(az.plot_pair(worst(posterior, n), visuals={"divergence": True}))
    for axis in figure.axes:
        if axis.axison:
            axis.locator_params(nbins=4)
    return figure


def worst(posterior: "Posterior", n: int = N_WORST) -> xr.DataTree:
    """The `n` quantities of largest R-hat, each a variable, as a tree that ArviZ reads.

    Raises
    ------
    PlotError
        When the posterior is a point fit, or `n` is below 2.
    """
    _check_sampled(posterior)
    if n < 2:
        raise PlotError(f"diagnostics are of 2 quantities or more, not {n}")
    import arviz_stats as az

    draws = posterior.tree["posterior"].to_dataset()
    # Ranks of a logarithm are those of what it is of: one of the two is enough.
    draws = draws.drop_vars([f"log_{name}" for name in draws.data_vars], errors="ignore")
    found: list[tuple[float, str, xr.DataArray]] = []
    for name, rhat in az.rhat(draws).data_vars.items():
        for index in np.ndindex(rhat.shape):
            place = dict(zip(rhat.dims, index, strict=True))
            element = draws[name].isel(place)
            labels = [named(element[dim].item(), 14).strip() for dim in rhat.dims]
            title = f"{name}[{', '.join(labels)}]" if labels else str(name)
            found.append((float(rhat.isel(place)), title.replace("/", "∕"), element))
    found = sorted((one for one in found if np.isfinite(one[0])), key=lambda one: -one[0])[:n]
    chosen = {
        f"{title}\nR-hat {value:.3f}": element.reset_coords(drop=True)
        for value, title, element in found
    }
    groups = {"posterior": xr.Dataset(chosen)}
    return xr.DataTree.from_dict(
        groups | {"sample_stats": posterior.tree["sample_stats"].to_dataset()}
    )


def _check_sampled(posterior: "Posterior") -> None:
    if posterior.is_point_fit:
        raise PlotError("a point fit has no chains to look at")


def _figure(collection: Any) -> "Figure":
    """ArviZ's picture as a figure, which a notebook shows once."""
    from matplotlib import pyplot as plt

    figure: Figure = collection.viz["figure"].item()
    figure.set_layout_engine("constrained")
    figure.set_size_inches(min(figure.get_figwidth(), 9.0), max(figure.get_figheight(), 2.4))
    for axis in figure.axes:
        if axis.axison:
            axis.tick_params(labelsize=7)
            for label in (axis.title, axis.xaxis.label, axis.yaxis.label):
                label.set_fontsize(8)
    plt.close(figure)
    return figure
