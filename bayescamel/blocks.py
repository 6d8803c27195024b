"""A prior's blocks in one vector of unconstrained numbers: its layout, whatever the law is of."""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np

from bayescamel.laws.base import Array

if TYPE_CHECKING:
    from bayescamel.hierarchy import Block


class Blocked(Protocol):
    """A prior made of blocks."""

    def blocks(self) -> tuple["Block", ...]:
        """All blocks, each after those that it refers to."""
        ...

    def shape(self, dims: tuple[str, ...]) -> tuple[int, ...]:
        """Lengths of the dims of a block."""
        ...


def dimension(prior: Blocked) -> int:
    """How many numbers the sampler moves."""
    return sum(math.prod(prior.shape(block.dims)) for block in prior.blocks())


def unflatten(prior: Blocked, flat: Array) -> dict[str, Array]:
    """The blocks of a vector of unconstrained numbers (leading axes are kept)."""
    values, start = {}, 0
    for block in prior.blocks():
        shape = prior.shape(block.dims)
        stop = start + math.prod(shape)
        values[block.name] = flat[..., start:stop].reshape((*flat.shape[:-1], *shape))
        start = stop
    return values


def flatten(prior: Blocked, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """The inverse of `unflatten`, of values without leading axes."""
    return np.concatenate([np.ravel(values[block.name]) for block in prior.blocks()])


def marked(prior: Blocked, wanted: Callable[[str], bool]) -> np.ndarray:
    """Which numbers of the vector are of a block whose name is wanted."""
    blocks = prior.blocks()
    marks = {block.name: np.full(prior.shape(block.dims), wanted(block.name)) for block in blocks}
    return flatten(prior, marks)
