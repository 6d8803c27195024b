"""What the runs taught: priors against posteriors."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayescamel.designs.prior import plausible_draws
from bayescamel.models.blocks import unflatten
from bayescamel.plots.axes import legend, panels
from bayescamel.plots.style import BLUE, INK, named, styled
from bayescamel.runs.sizes import same_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bayescamel.posterior import Posterior

DRAWS = 400
"""Of the prior."""

BINS = 30


@styled
def priors(posterior: "Posterior", axes: Any = None) -> "Figure":
    """Each parameter of the law: its prior, and what the runs made of it.

    Parameters
    ----------
    axes
        One for each parameter and coefficient.

    Returns
    -------
    Figure
        All elements of a parameter together. Filled: the posterior; the outline: draws of the
        prior that give the runs plausible losses. Where the two agree, the answer rests on the
        prior. Coefficients are in units of the reference loss.
    """
    before = prior_values(posterior)
    after = {name: posterior.flat(name) for name in before}
    positive = {p.name for p in posterior.hierarchy.parameters() if p.support == "positive"}
    figure, made = panels(len(before), axes, size=(2.2, 1.9))
    for axis, (name, prior) in zip(made, before.items(), strict=True):
        low, high = np.quantile(np.concatenate([prior.ravel(), after[name].ravel()]), [0.01, 0.99])
        logarithmic = name in positive and low > 0
        bins = np.linspace(low, high, BINS + 1)
        if logarithmic:
            bins = np.geomspace(low, high, BINS + 1)
            axis.set_xscale("log")
        looks: dict[str, dict[str, Any]] = {
            "posterior": {"histtype": "stepfilled", "color": BLUE, "alpha": 0.5},
            "prior": {"histtype": "step", "color": INK, "lw": 1.0},
        }
        for (label, style), values in zip(looks.items(), (after[name], prior), strict=True):
            shares = np.full(values.size, 1 / values.size)
            axis.hist(values.ravel(), bins=list(bins), weights=shares, label=label, **style)
        axis.set(xlabel=named(name), yticks=[])
    made[0].set_ylabel("share of draws")
    legend(made[:1])
    return figure


def prior_values(posterior: "Posterior") -> dict[str, np.ndarray]:
    """Draws of the prior by parameter and coefficient, (draw, ...), under plausible losses."""
    runs, hierarchy = posterior.runs, posterior.hierarchy
    sizes = [name for name in ("n_params", "n_active_params", "n_tokens") if name in runs]
    table = pd.DataFrame({name: runs[name].to_numpy() for name in sizes})
    for name in runs["domain"].to_numpy():
        table[f"w_{name}"] = runs["mixture"].sel(domain=name).to_numpy()
    own = same_names(runs)
    drawn = plausible_draws(hierarchy, posterior.centre, own, table, DRAWS, seed=0)
    values = dict(hierarchy.constrained(np, unflatten(hierarchy, drawn.flat), own))
    for i, coefficient in enumerate(hierarchy.law.coefficients):
        values[coefficient.name] = drawn.coefficients[..., i]
    return values
