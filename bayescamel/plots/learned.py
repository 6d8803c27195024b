"""What the runs taught: priors against posteriors, and what the prior alone would have said."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayescamel.designs.prior import plausible_draws, prior_losses
from bayescamel.models.blocks import unflatten
from bayescamel.plots.axes import legend, panels, plain_log, size_axis
from bayescamel.plots.style import BLUE, GREY, INK, chosen, named, styled
from bayescamel.runs.columns import columns
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
        if logarithmic:
            plain_log(axis, "x")
        axis.set(xlabel=named(name), yticks=[])
    made[0].set_ylabel("share of draws")
    legend(made[:1])
    return figure


def prior_values(posterior: "Posterior") -> dict[str, np.ndarray]:
    """Draws of the prior by parameter and coefficient, (draw, ...), under plausible losses."""
    hierarchy, own = posterior.hierarchy, same_names(posterior.runs)
    table = _as_table(posterior)
    drawn = plausible_draws(hierarchy, posterior.centre, own, table, DRAWS, seed=0)
    values = dict(hierarchy.constrained(np, unflatten(hierarchy, drawn.flat), own))
    for i, coefficient in enumerate(hierarchy.law.coefficients):
        values[coefficient.name] = drawn.coefficients[..., i]
    return values


@styled
def prior_predictive(
    posterior: "Posterior", validation: Sequence[str] | None = None, axes: Any = None
) -> "Figure":
    """What the prior alone would have said of the runs' losses, and what they measured.

    Parameters
    ----------
    validation
        Which validation domains; None: the first twelve.
    axes
        One for each validation domain.

    Returns
    -------
    Figure
        At each size the curve's loss at the mixtures and tokens of the runs there, over all draws
        of the prior: the middle half thick, 90 % thin. The prior is written around the runs' mean
        loss, so it says how losses move from there. Points are the runs. Points all over the bars
        say that the prior leaves the runs to speak; points outside of them that it contradicts
        them.
    """
    names = chosen(posterior.runs["validation"].to_numpy(), validation, "validation domain")
    known = [str(name) for name in posterior.runs["validation"].to_numpy()]
    bands = prior_bands(posterior)
    sizes = np.unique(posterior.runs["n_params"])
    figure, made = panels(len(names), axes)
    for axis, name in zip(made, names, strict=True):
        low, lower, middle, upper, high = bands[..., known.index(name)]
        axis.vlines(sizes, low, high, color=GREY, lw=1.2, label="prior, 90 %")
        axis.vlines(sizes, lower, upper, color=GREY, lw=5, alpha=0.6, label="prior, middle half")
        axis.plot(sizes, middle, "_", color=INK, ms=8, label="prior, median")
        axis.scatter(
            posterior.runs["n_params"] * 1.08,
            posterior.runs["loss"].sel(validation=name),
            s=8,
            color=BLUE,
            alpha=0.7,
            label="runs",
        )
        axis.set(yscale="log", title=named(name))
        plain_log(axis)
        size_axis(axis, sizes)
        axis.margins(x=0.15)
    made[0].set_ylabel("loss, nats per token")
    legend(made[:1])
    return figure


def prior_bands(posterior: "Posterior") -> np.ndarray:
    """Quantiles 5, 25, 50, 75 and 95 % of the prior's losses: (5, size, validation), nats."""
    own = same_names(posterior.runs)
    loss = prior_losses(
        *(posterior.hierarchy, posterior.centre, own, _as_table(posterior), DRAWS),
        np.random.default_rng(0),
    )[1]
    sizes = posterior.runs["n_params"].to_numpy()
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    parts = [np.quantile(loss[:, sizes == n], levels, axis=(0, 1)) for n in np.unique(sizes)]
    bands: np.ndarray = np.stack(parts, axis=1) * posterior.centre.loss
    return bands


def _as_table(posterior: "Posterior") -> pd.DataFrame:
    """Sizes, tokens and mixtures of the runs, as designs read them."""
    runs = posterior.runs
    sizes = [name for name in ("n_params", "n_active_params", "n_tokens") if name in runs]
    table = pd.DataFrame({name: runs[name].to_numpy() for name in sizes})
    names = columns("mixture", [str(name) for name in runs["domain"].to_numpy()])
    table[names] = runs["mixture"].to_numpy()
    return table
