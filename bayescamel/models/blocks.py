"""The layout of a prior's blocks in one vector of unconstrained numbers."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from bayescamel.laws.base import Array
from bayescamel.models.hierarchy import Block


class Blocked(Protocol):
    """A prior made of blocks."""

    def blocks(self) -> tuple[Block, ...]:
        """All blocks, each after those that it refers to."""
        ...

    def shape(self, dims: tuple[str, ...]) -> tuple[int, ...]:
        """Lengths of the dims of a block."""
        ...


def dimension(prior: Blocked) -> int:
    """How many numbers there are beside those of single runs."""
    pooled = (block.dims for block in prior.blocks() if "run" not in block.dims)
    return sum(math.prod(prior.shape(dims)) for dims in pooled)


def unflatten(prior: Blocked, flat: Array) -> dict[str, Array]:
    """The blocks of a vector of unconstrained numbers (leading axes are kept).

    What is behind the numbers counted by `dimension` is a number a run.
    """
    values, start = {}, 0
    n_run = flat.shape[-1] - dimension(prior)
    for block in prior.blocks():
        shape = (n_run,) if "run" in block.dims else prior.shape(block.dims)
        stop = start + math.prod(shape)
        values[block.name] = flat[..., start:stop].reshape((*flat.shape[:-1], *shape))
        start = stop
    return values


def flatten(prior: Blocked, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """The inverse of `unflatten`, of values without leading axes."""
    return np.concatenate([np.ravel(values[block.name]) for block in prior.blocks()])


def marked(prior: Blocked, wanted: Callable[[str], bool], n_run: int = 0) -> np.ndarray:
    """Which numbers of the vector are of a block whose name is wanted."""
    marks = np.zeros(dimension(prior) + n_run, dtype=bool)
    for name, places in unflatten(prior, np.arange(len(marks))).items():
        marks[places] = wanted(name)
    return marks


def groups(prior: Blocked, dim: str) -> list[np.ndarray]:
    """Places of the numbers of each element of a dim, in like order, and last of all others.

    The elements (validation domains, benchmarks) are nearly independent given the others, which
    pool them.
    """
    by_element: list[np.ndarray] = []
    pooled: list[np.ndarray] = []
    all_places = unflatten(prior, np.arange(dimension(prior)))
    for block in prior.blocks():
        places = all_places[block.name]
        if block.dims[:1] == (dim,):
            by_element.append(places.reshape(len(places), -1))
        else:
            pooled.append(places.ravel())
    return [*np.concatenate(by_element, axis=1), np.concatenate(pooled)]


def arrow_root(precision: np.ndarray, groups: Sequence[np.ndarray]) -> np.ndarray:
    """A root of the covariance, u = root · z, that keeps groups apart in z.

    The precision of groups that are independent given the last is an arrow, and so is its Cholesky
    factor with the last group behind: a group's z is what is left of it given the last.
    """
    order = np.concatenate(groups)
    factor = np.linalg.cholesky(precision[np.ix_(order, order)])
    root = np.empty_like(precision)
    root[np.ix_(order, order)] = np.linalg.inv(factor).T
    return root


def apart_root(covariance: np.ndarray, groups: Sequence[np.ndarray]) -> np.ndarray:
    """The root of the nearest covariance in which groups are independent given the last.

    Nearest in the divergence of the Gaussians: it keeps the covariance of each group with itself
    and with the last, so that draws need to know no more than that. Its own precision is an arrow.
    """
    *apart, pooled = groups
    root = np.zeros_like(covariance)
    shared = np.linalg.cholesky(covariance[np.ix_(pooled, pooled)])
    root[np.ix_(pooled, pooled)] = shared
    for group in apart:
        along = np.linalg.solve(shared, covariance[np.ix_(pooled, group)]).T
        left = covariance[np.ix_(group, group)] - along @ along.T
        root[np.ix_(group, group)] = np.linalg.cholesky(left)
        root[np.ix_(group, pooled)] = along
    return root


class Arrow(NamedTuple):
    """A root that keeps groups of one length apart, without its zeros: a tree for JAX."""

    places: Array
    """(group, number) of the groups' numbers in the vector."""
    shared: Array
    """(pooled,) of the last group's."""
    own: Array
    """(group, number, number)."""
    along: Array
    """(group, number, pooled)."""
    pooled: Array
    """(pooled, pooled)."""

    @classmethod
    def of(cls, root: np.ndarray, groups: Sequence[np.ndarray]) -> "Arrow":
        """A root of `apart_root`, or any that is zero between groups and in the last's rows."""
        *apart, last = groups
        return cls(
            places=np.stack(apart),
            shared=last,
            own=np.stack([root[np.ix_(group, group)] for group in apart]),
            along=np.stack([root[np.ix_(group, last)] for group in apart]),
            pooled=root[np.ix_(last, last)],
        )

    def times(self, z: Array) -> Array:
        """The root times z (dimension,), in JAX."""
        own = (self.own @ z[self.places][..., None])[..., 0]
        z = z.at[self.places].set(own + self.along @ z[self.shared])
        return z.at[self.shared].set(self.pooled @ z[self.shared])
