"""The layout of a prior's blocks in one vector of unconstrained numbers."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

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
