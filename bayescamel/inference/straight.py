"""Coordinates in which positive numbers that data tell by their sum lie on a straight line.

What a mixture without a domain gives to a validation domain is a sum of what is small: runs tell
e_1 + e_2 and not which of the two it is. In their logarithms x that is an L, whose arms are as long
as the prior is wide and whose corner is as narrow as the noise: chains need a small step there and
seldom turn it. With the numbers of a row in descending order, chains move instead

    S_1 = ln Σ_k exp(x_k)   and   t_j = x_j - S_(j+1),   S_j = ln Σ_(k ≥ j) exp(x_k),

the sum of all, and how large each is beside all that come after it: where any S_j is told, and not
what it is made of, the L is a line along t_j. It is undone by

    S_(j+1) = S_j - ln(1 + exp(t_j)),   x_j = S_j - ln(1 + exp(-t_j)),

and each of these steps has a Jacobian of -1, so that the density stays as it is.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bayescamel.laws.base import Array
from bayescamel.models.blocks import dimension, unflatten
from bayescamel.models.hierarchy import Hierarchy, raw_name

type Change = Callable[..., Array]
"""`to_straight` or `from_straight`."""
type Rows = Array | None
"""Places (row, number) in the vector of the numbers of each row; None: all stay as they are."""


def summed_rows(hierarchy: Hierarchy, position: np.ndarray) -> Rows:
    """Rows of what a law sums over training domains, each in its descending order at a position."""
    if hierarchy.pooling == "full" or hierarchy.n_domain == 1:
        return None
    places = unflatten(hierarchy, np.arange(dimension(hierarchy)))
    rows = [places[raw_name(p)] for p in hierarchy.parameters() if p.shared_out]
    if not rows:
        return None
    found = np.concatenate(rows)
    return np.take_along_axis(found, np.argsort(-position[found], axis=1), axis=1)


def to_straight(xp: Any, flat: Array, rows: Rows) -> Array:
    """Where chains move (..., dimension), of unconstrained numbers."""
    if rows is None:
        return flat
    x = flat[..., rows]
    sums = [x[..., -1:]]
    for j in reversed(range(rows.shape[1] - 1)):
        sums.append(xp.logaddexp(x[..., j : j + 1], sums[-1]))
    after = xp.concatenate(sums[-2::-1], axis=-1)
    return _put(xp, flat, rows, xp.concatenate([sums[-1], x[..., :-1] - after], axis=-1))


def from_straight(xp: Any, straight: Array, rows: Rows) -> Array:
    """The unconstrained numbers (..., dimension): the inverse of `to_straight`."""
    if rows is None:
        return straight
    total, beside = straight[..., rows[:, :1]], straight[..., rows[:, 1:]]
    after = total - xp.cumsum(xp.logaddexp(0.0, beside), axis=-1)
    return _put(xp, straight, rows, xp.concatenate([after + beside, after[..., -1:]], axis=-1))


def _put(xp: Any, flat: Array, rows: Array, values: Array) -> Array:
    if xp is jnp:
        return flat.at[..., rows].set(values)
    changed = np.array(flat)
    changed[..., rows] = values
    return changed


def moved(change: Change, at: np.ndarray, root: np.ndarray, rows: Rows) -> np.ndarray:
    """A root of a covariance (number, number) under a change of coordinates, linear around `at`.

    `at` may have more numbers, which do not change.
    """
    if rows is None:
        return root
    n = len(root)
    directions = np.concatenate([root.T, np.zeros((n, len(at) - n))], axis=1)
    with jax.enable_x64(True):
        there = partial(change, jnp, rows=rows)
        along = jax.vmap(lambda v: jax.jvp(there, (jnp.asarray(at),), (v,))[1])(directions)
    return np.asarray(along)[:, :n].T
