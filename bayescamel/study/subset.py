"""Which of very many runs are fitted: a fit takes as long as there are runs, and learns ever less.

Kept are, in this order, runs of every size spread over mixtures, all repeats of one cell, which
alone tell the noise, and then those nearest to the target in ln parameters and ln tokens.
"""

import numpy as np
import xarray as xr

from bayescamel.runs.sizes import active_params
from bayescamel.targets import Target

SHARE_EVEN = 0.3
"""Share of the part that is split evenly over the sizes."""
SHARE_REPEATED = 0.4
"""Share that repeats may take: all of them, unless there are more."""


def representative(runs: xr.Dataset, target: Target, most: int) -> xr.Dataset:
    """At most `most` of the runs, in their order; all where they are no more."""
    count = runs.sizes["run"]
    if count <= most:
        return runs
    distance = _distance(runs, target)
    chosen = np.zeros(count, bool)
    sizes, size = np.unique(
        np.stack([runs["n_params"].to_numpy(), active_params(runs)], axis=1),
        axis=0,
        return_inverse=True,
    )
    even = max(1, int(SHARE_EVEN * most))
    each = max(1, even // len(sizes))
    for number in np.unique(np.linspace(0, len(sizes) - 1, even).round().astype(int)):
        rows = np.flatnonzero(size.ravel() == number)
        spread = np.linspace(0, len(rows) - 1, min(each, len(rows))).round().astype(int)
        chosen[rows[spread]] = True
    repeated = np.flatnonzero(_repeated(runs) & ~chosen)
    room = min(int(SHARE_REPEATED * most), most - int(chosen.sum()))
    chosen[_nearest(repeated, distance, room)] = True
    rest = np.flatnonzero(~chosen)
    chosen[_nearest(rest, distance, most - int(chosen.sum()))] = True
    return runs.isel(run=chosen)


def _distance(runs: xr.Dataset, target: Target) -> np.ndarray:
    """How far each run is from the target, in ln units."""
    active = target.n_active_params or target.n_params
    apart = np.log(active_params(runs) / active) ** 2
    if target.n_tokens is not None and "n_tokens" in runs:
        apart = apart + np.log(runs["n_tokens"].to_numpy() / target.n_tokens) ** 2
    return np.sqrt(apart)


def _repeated(runs: xr.Dataset) -> np.ndarray:
    """Which runs share size, tokens and mixture with another."""
    cells = [runs["n_params"].to_numpy(), active_params(runs)]
    if "n_tokens" in runs:
        cells.append(runs["n_tokens"].to_numpy())
    mixture = runs["mixture"].transpose("run", "domain").to_numpy()
    _, index, times = np.unique(
        np.column_stack([*cells, mixture]), axis=0, return_inverse=True, return_counts=True
    )
    return np.asarray(times[index.ravel()] > 1)


def _nearest(rows: np.ndarray, distance: np.ndarray, most: int) -> np.ndarray:
    return rows[np.argsort(distance[rows], kind="stable")[: max(0, most)]]
