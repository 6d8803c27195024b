"""Starting a fit from an earlier posterior: when it can be, and whitened by what."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from bayescamel.exceptions import FitError
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.models.problem import bucket
from bayescamel.posterior import Posterior

if TYPE_CHECKING:
    from bayescamel.inference.whitening import Whitening

MIN_SHARE_SEEN = 0.9
"""Share of a refit's runs seen by the earlier posterior from which on its whitening serves as it
is. With more new runs trajectories in the old whitening are several times as long."""


def can_start_from(previous: Posterior, hierarchy: Hierarchy, runs: xr.Dataset) -> bool:
    """Whether a fit of `hierarchy` to `runs` may begin where `previous` stands.

    It may when law, pooling, noise priors, training domains and validation domains are the same.
    """
    return previous.hierarchy == hierarchy and all(
        list(previous.runs[dim].to_numpy()) == list(runs[dim].to_numpy())
        for dim in ("validation", "domain")
    )


def whitening_from(previous: Posterior, hierarchy: Hierarchy, runs: xr.Dataset) -> "Whitening":
    """The whitening by an earlier posterior, for chains on `runs`.

    Raises
    ------
    FitError
        When the posterior is of another law, pooling, noise or other domains.
    """
    if not can_start_from(previous, hierarchy, runs):
        raise FitError(
            "warm_start needs a posterior of the same law, pooling, noise priors, training "
            "domains and validation domains: leave it out to fit from scratch"
        )
    from bayescamel.inference.whitening import Whitening  # here: seconds to load jax

    sampled = previous.tree["unconstrained"].to_dataset()
    draws = sampled["value"].to_numpy()
    n = draws.shape[-1]
    if hierarchy.has_run_noise:
        noise = run_noise(previous, runs["run"].to_numpy())
        draws = np.concatenate([draws, noise], axis=-1)
    flat = draws.reshape(-1, draws.shape[-1])
    spread = flat.std(axis=0)
    # The plain programs whiten by nothing.
    root = sampled["root"].to_numpy() if "root" in sampled else np.diag(spread[:n])
    return Whitening(flat.mean(axis=0), root, spread[n:], draws[:, -1])


def settled(previous: Posterior, runs: xr.Dataset) -> bool:
    """Whether so few runs are new that the earlier whitening still serves."""
    known = np.isin(runs["run"].to_numpy(), previous.runs["run"].to_numpy())
    return bool(known.mean() >= MIN_SHARE_SEEN)


def run_noise(previous: Posterior, names: np.ndarray) -> np.ndarray:
    """Logs of runs' noise (chain, draw, row): as fitted, or from the prior for other runs."""
    known = np.log(previous.tree["posterior"]["run_noise"].to_numpy())
    place = {name: i for i, name in enumerate(previous.runs["run"].to_numpy())}
    spread = previous.hierarchy.noise.run_spread
    rng = np.random.default_rng(0)
    noise = spread * rng.normal(size=(*known.shape[:2], bucket(len(names))))
    for row, name in enumerate(names):
        if name in place:
            noise[..., row] = known[..., place[name]]
    return noise
