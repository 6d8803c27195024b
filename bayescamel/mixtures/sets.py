"""Sets of mixtures to train or to search from: random, or spread evenly.

Within constraints no draw is rejected: chains move along random chords of the allowed set
(hit-and-run; Smith, 1984), which keeps their distribution and every point inside.
"""

from collections.abc import Iterable
from typing import Literal, get_args

import numpy as np
import xarray as xr

from bayescamel.exceptions import MixtureError
from bayescamel.mixtures.forms import as_mixtures
from bayescamel.mixtures.hit_and_run import hit_and_run
from bayescamel.mixtures.polytope import Polytope

type Criterion = Literal["maximin", "coverage"]

POOL_PER_MIXTURE = 50
"""Random mixtures from which each mixture of a space-filling set is chosen."""

LLOYD_ITERATIONS = 20
"""Iterations; by then the centres move by less than the pool's points are apart."""


def dirichlet(
    n: int,
    domains: Iterable[str],
    seed: int,
    *,
    concentration: float = 1.0,
    within: Polytope | None = None,
) -> xr.DataArray:
    """Draw `n` mixtures from a symmetric Dirichlet distribution, cut to the constraints.

    Parameters
    ----------
    n, domains, seed
        How many, over which training domains.
    concentration
        1: uniform; above: towards equal weights; below: towards the corners.
    within
        The mixtures allowed; None: all.

    Returns
    -------
    DataArray, dims (mixture, domain)

    Raises
    ------
    MixtureError
        When the concentration is not positive, or no mixture satisfies the constraints.
    """
    names = list(domains)
    if not (np.isfinite(concentration) and concentration > 0):
        raise MixtureError(f"concentration = {concentration:g}: a positive number is needed")
    rng = np.random.default_rng(seed)
    if within is None:
        return as_mixtures(rng.dirichlet(np.full(len(names), concentration), size=n), names)
    _check_domains(within, names)
    return as_mixtures(hit_and_run(within, n, rng, concentration), names)


def space_filling(
    n: int,
    domains: Iterable[str],
    seed: int,
    *,
    within: Polytope | None = None,
    criterion: Criterion = "coverage",
) -> xr.DataArray:
    """Spread `n` mixtures over the simplex or the part of it that constraints allow.

    Parameters
    ----------
    n, domains, seed, within
        As in `dirichlet`.
    criterion
        ``"coverage"``: no allowed mixture is far from the set (k-means centres, inside).
        ``"maximin"``: no two mixtures of the set are close (farthest-first traversal), which
        reaches out to the edges.

    Returns
    -------
    DataArray, dims (mixture, domain)

    Raises
    ------
    MixtureError
        When the criterion is unknown, or no mixture satisfies the constraints.
    """
    if criterion not in get_args(Criterion.__value__):
        raise MixtureError(f"unknown criterion {criterion!r}: 'coverage' or 'maximin'")
    names = list(domains)
    region = Polytope(tuple(names)) if within is None else within
    _check_domains(region, names)
    pool = dirichlet(POOL_PER_MIXTURE * n, names, seed, within=within).to_numpy()
    if criterion == "maximin":
        return as_mixtures(pool[_farthest_first(pool, n)], names)
    return as_mixtures(region.repair(_centres(pool, pool[_farthest_first(pool, n)])), names)


def _centres(pool: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Lloyd's iteration: each centre moves to the mean of the points nearest to it."""
    for _ in range(LLOYD_ITERATIONS):
        nearest = np.square(pool[:, None] - centres).sum(axis=2).argmin(axis=1)
        centres = np.array(
            [
                pool[nearest == i].mean(axis=0) if (nearest == i).any() else centre
                for i, centre in enumerate(centres)
            ]
        )
    return centres


def _farthest_first(pool: np.ndarray, n: int) -> np.ndarray:
    """Indices of points each of which is the farthest from those before it."""
    chosen = [int(np.square(pool - pool.mean(axis=0)).sum(axis=1).argmin())]
    distance = np.full(len(pool), np.inf)
    while len(chosen) < n:
        distance = np.minimum(distance, np.square(pool - pool[chosen[-1]]).sum(axis=1))
        chosen.append(int(distance.argmax()))
    return np.array(chosen)


def _check_domains(within: Polytope, domains: list[str]) -> None:
    if list(within.domains) != domains:
        raise MixtureError(
            f"the constraints are about the domains {', '.join(within.domains)}, not about "
            f"{', '.join(domains)}"
        )


def corners(domains: Iterable[str]) -> xr.DataArray:
    """Each domain alone: dims (mixture, domain), as many mixtures as domains."""
    names = list(domains)
    return as_mixtures(np.eye(len(names)), names)


def centroid(domains: Iterable[str]) -> xr.DataArray:
    """All domains alike: dims (mixture, domain), one mixture."""
    names = list(domains)
    return as_mixtures(np.full((1, len(names)), 1 / len(names)), names)
