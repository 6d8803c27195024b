"""The groups of an ArviZ tree that are made when they are asked for.

All losses are in nats per token, and lie along ``observation``, whose coordinates ``run`` and
``validation`` say which loss one is: some may be missing.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import xarray as xr

from bayescamel.draws.draws import Draws
from bayescamel.draws.naming import DRAWS, named_draws
from bayescamel.draws.prior import draw_prior
from bayescamel.draws.scatter import curve_distribution
from bayescamel.exceptions import FitError
from bayescamel.runs.sizes import same_names, scales

type Group = Literal["log_likelihood", "posterior_predictive", "prior", "prior_predictive"]
GROUPS: tuple[Group, ...] = ("log_likelihood", "posterior_predictive", "prior", "prior_predictive")

PRIOR_DRAWS = 1000
"""Draws of the prior, in one chain."""

HALF_LOG_2_PI = 0.5 * float(np.log(2 * np.pi))


def with_groups(draws: Draws, groups: Sequence[Group] = GROUPS, seed: int = 0) -> xr.DataTree:
    """The tree of draws with further groups.

    Parameters
    ----------
    groups
        ``log_likelihood``: of each measured loss given the curve, its size's effect and its run's
        noise. ``posterior_predictive``: the same losses drawn anew. ``prior``: draws of the prior
        by the names of ``posterior``; ``prior_predictive``: losses that these give.
    seed
        Of all that is drawn.

    Returns
    -------
    DataTree
        A copy, with ``observed_data`` in the form of the groups (dims ``observation``).

    Raises
    ------
    FitError
        When a group is unknown, or nothing was sampled.
    """
    if draws.is_point_fit:
        raise FitError(
            "a point fit has neither prior nor likelihood for ArviZ: leave method='point' out"
        )
    for group in groups:
        if group not in GROUPS:
            raise FitError(f"unknown group {group!r}; there are: {', '.join(GROUPS)}")
    rng, runs = np.random.default_rng(seed), draws.runs
    loss = runs["loss"].transpose("run", "validation").to_numpy()
    row, column = np.nonzero(~np.isnan(loss))
    labels = {
        "observation": np.arange(len(row)),
        "run": ("observation", runs["run"].to_numpy()[row]),
        "validation": ("observation", runs["validation"].to_numpy()[column]),
    }

    def along(values: np.ndarray, of: xr.Dataset) -> xr.DataTree:
        shape = (of.sizes["chain"], of.sizes["draw"], len(row))
        coords = labels | {name: of[name].to_numpy() for name in DRAWS}
        drawn = values[:, row, column].reshape(shape)
        return xr.DataTree(xr.Dataset({"loss": ((*DRAWS, "observation"), drawn)}, coords))

    tree = draws.tree.copy()
    tree["observed_data"] = xr.DataTree(
        xr.Dataset({"loss": ("observation", loss[row, column])}, labels)
    )
    mean, sd = curve_distribution(draws, runs, fitted=True)
    if "log_likelihood" in groups:
        density = -0.5 * ((loss - mean) / sd) ** 2 - np.log(sd) - HALF_LOG_2_PI
        tree["log_likelihood"] = along(density, draws.values)
    if "posterior_predictive" in groups:
        tree["posterior_predictive"] = along(mean + sd * rng.normal(size=mean.shape), draws.values)
    if "prior" in groups or "prior_predictive" in groups:
        prior = _prior(draws, rng)
        if "prior" in groups:
            tree["prior"] = xr.DataTree(prior)
        if "prior_predictive" in groups:
            of_prior = replace(draws, tree=xr.DataTree.from_dict({"posterior": prior}))
            with np.errstate(over="ignore", invalid="ignore"):  # a wide prior's curve may overflow
                mean, sd = curve_distribution(of_prior, runs, fitted=True)
            drawn = mean + sd * rng.normal(size=mean.shape)
            tree["prior_predictive"] = along(drawn, prior)
    return tree


def _prior(draws: Draws, rng: np.random.Generator) -> xr.Dataset:
    """Draws of the prior in one chain, by the names of the posterior's."""
    hierarchy, runs = draws.hierarchy, draws.runs
    own, n_run = same_names(runs), runs.sizes["run"]
    each = [draw_prior(hierarchy, own, rng, n_run) for _ in range(PRIOR_DRAWS)]
    values = {name: np.stack([v[name] for v, _ in each])[None] for name in each[0][0]}
    coefficients = np.stack([c for _, c in each])[None]
    tau = np.exp(values["log_size_effect_scale"])[..., None, None]
    shape = (1, PRIOR_DRAWS, runs.sizes["validation"], len(scales(runs)[0]))
    return named_draws(hierarchy, runs, values, coefficients, tau * rng.normal(size=shape))
