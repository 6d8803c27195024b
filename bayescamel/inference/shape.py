"""The posterior's shape, learned from draws: what chains are whitened by, and where they start."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bayescamel.blocks import arrow_root
from bayescamel.inference.nuts import Geometry


@dataclass(frozen=True)
class Shape:
    """What chains are whitened by and start from; a refit inherits it.

    Parameters
    ----------
    centre, root
        Shapes (dimension,) and, of the numbers that are whitened, (whitened, whitened).
    spread
        Scales of the numbers beyond those.
    positions
        Last unconstrained positions, shape (chain, dimension).
    """

    centre: np.ndarray
    root: np.ndarray
    spread: np.ndarray
    positions: np.ndarray

    @classmethod
    def learn(
        cls,
        unconstrained: np.ndarray,
        slopes: np.ndarray,
        root: np.ndarray,
        parts: Sequence[np.ndarray],
    ) -> "Shape":
        """Learn from draws and gradients of the density, both (chain, draw, dimension).

        The gradients are in the coordinates of `root`, which the draws were whitened by. Learned
        is the matrix M under which draws and gradients have the same covariance, M cov(gradients)
        M = cov(draws), as nutpie does (Seyboldt, Carlson, Carpenter 2026). Of a
        Gaussian it is the covariance, however little of it short chains have seen: draws know how
        wide it is, gradients how steep. Elsewhere it balances the two, where a covariance alone
        leaves directions that are far steeper than wide, and they set the step.

        It is learned relative to `root`, so that shrinking towards the identity there keeps what
        the earlier approximation knew. The fewer draws a number, the less are correlations
        believed, and those within one of `parts` (`bayescamel.blocks.parts`) sooner than others.
        """
        flat = unconstrained.reshape(-1, unconstrained.shape[-1])
        slopes = slopes.reshape(flat.shape)
        centre, n = flat.mean(axis=0), len(root)
        within, between = (len(flat) / (len(flat) + 5 * m) for m in (max(map(len, parts)), n))
        believed = np.full((n, n), between)
        for part in parts:
            believed[np.ix_(part, part)] = within
        np.fill_diagonal(believed, 1.0)
        wide = believed * np.cov(np.linalg.solve(root, (flat - centre)[:, :n].T))
        steep = believed * np.cov(slopes[:, :n].T)
        own = arrow_root(np.linalg.inv(_balancing(wide, steep)), parts)
        spread = np.sqrt(flat[:, n:].std(axis=0) / slopes[:, n:].std(axis=0))
        return cls(centre, root @ own, spread, unconstrained[:, -1])

    def geometry(self) -> Geometry:
        """Whitened coordinates with the stable step of NUTS at this dimension."""
        mass = np.concatenate([np.ones(len(self.root)), self.spread**2])
        return Geometry(self.centre, self.root, len(mass) ** -0.25, mass)

    def starts(self, chains: int) -> np.ndarray:
        """Whitened positions for so many chains: shape (chain, dimension)."""
        away = self.positions[np.arange(chains) % len(self.positions)] - self.centre
        n = len(self.root)
        return np.concatenate([np.linalg.solve(self.root, away[:, :n].T).T, away[:, n:]], axis=1)


def _balancing(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The symmetric positive definite M with M b M = a."""
    values, axes = np.linalg.eigh(b)
    half, inverse = (axes * values**power @ axes.T for power in (0.5, -0.5))
    values, axes = np.linalg.eigh(half @ a @ half)
    return np.asarray(inverse @ (axes * np.sqrt(values)) @ axes.T @ inverse)
