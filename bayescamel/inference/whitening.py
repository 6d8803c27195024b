"""The whitening of chains, learned from draws of the posterior, and where chains start."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bayescamel.inference.nuts import Geometry
from bayescamel.inference.straight import Rows, to_straight
from bayescamel.models.blocks import apart_root, arrow_root

DRAWS_PER_NUMBER = 10
"""Draws a whitened number from which on their covariance alone is used."""


@dataclass(frozen=True)
class Whitening:
    """The whitening and the starts of chains; a refit inherits both.

    Parameters
    ----------
    centre, root
        Shapes (dimension,) and, of the numbers that are whitened, (whitened, whitened).
    spread
        Scales of the numbers beyond those.
    positions
        Last unconstrained positions, shape (chain, dimension).
    apart
        Groups that the root keeps apart; None where it mixes all.
    rows
        What is straightened: centre, root and spread are of the straightened numbers.
    """

    centre: np.ndarray
    root: np.ndarray
    spread: np.ndarray
    positions: np.ndarray
    apart: Sequence[np.ndarray] | None = None
    rows: Rows = None

    @classmethod
    def learn(
        cls,
        unconstrained: np.ndarray,
        slopes: np.ndarray,
        root: np.ndarray,
        groups: Sequence[np.ndarray],
        apart: bool = False,
        rows: Rows = None,
    ) -> "Whitening":
        """Learn from draws and gradients of the density, both (chain, draw, dimension).

        The gradients are in the coordinates of `root`, which the draws were whitened by. Few draws
        of short chains do not know how wide the posterior is, but their gradients know how steep.
        From few the matrix M is learned under which draws and gradients have the same covariance,
        M cov(gradients) M = cov(draws), as nutpie does (Seyboldt, Carlson, Carpenter 2026): of a
        Gaussian it is the covariance, however little of it was seen. From `DRAWS_PER_NUMBER` on it
        is the draws' covariance, under which trajectories are long enough for all directions.

        It is learned relative to `root`, so that shrinking towards the identity there keeps what
        the earlier approximation knew. The fewer draws a number, the less are correlations
        believed, and those within one of `groups` (`bayescamel.models.blocks.groups`) sooner than
        others. Groups that are taken to be `apart`, independent given the last, need no draws that
        tell how they go together.
        """
        straight = to_straight(np, unconstrained, rows)
        flat = straight.reshape(-1, straight.shape[-1])
        slopes = slopes.reshape(flat.shape)
        centre, n = flat.mean(axis=0), len(root)
        largest = max(map(len, groups))
        together = len(groups[0]) + len(groups[-1]) if apart else n
        within, between = (len(flat) / (len(flat) + 5 * m) for m in (largest, together))
        shrinkage = np.full((n, n), between)
        for group in groups:
            shrinkage[np.ix_(group, group)] = within
        np.fill_diagonal(shrinkage, 1.0)
        matrix = shrinkage * np.cov(np.linalg.solve(root, (flat - centre)[:, :n].T))
        spread = flat[:, n:].std(axis=0)
        if len(flat) < DRAWS_PER_NUMBER * together:
            matrix = _balancing(matrix, shrinkage * np.cov(slopes[:, :n].T))
            spread = np.sqrt(spread / slopes[:, n:].std(axis=0))
        if apart:
            relative = apart_root(matrix, groups)
        else:
            relative = arrow_root(np.linalg.inv(matrix), groups)
        kept = groups if apart else None
        return cls(centre, root @ relative, spread, unconstrained[:, -1], kept, rows)

    def geometry(self) -> Geometry:
        """Whitened coordinates with the stable step of NUTS at this dimension."""
        mass = np.concatenate([np.ones(len(self.root)), self.spread**2])
        return Geometry(self.centre, self.root, len(mass) ** -0.25, mass, self.apart, self.rows)

    def starts(self, chains: int) -> np.ndarray:
        """Whitened positions for so many chains: shape (chain, dimension)."""
        last = self.positions[np.arange(chains) % len(self.positions)]
        away = to_straight(np, last, self.rows) - self.centre
        n = len(self.root)
        return np.concatenate([np.linalg.solve(self.root, away[:, :n].T).T, away[:, n:]], axis=1)


def _balancing(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The symmetric positive definite M with M b M = a."""
    values, axes = np.linalg.eigh(b)
    half, inverse = (axes * values**power @ axes.T for power in (0.5, -0.5))
    values, axes = np.linalg.eigh(half @ a @ half)
    return np.asarray(inverse @ (axes * np.sqrt(values)) @ axes.T @ inverse)
