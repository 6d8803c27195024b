"""The posterior's shape, learned from draws: what chains are whitened by, and where they start."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bayescamel.blocks import arrow_root
from bayescamel.inference.nuts import Geometry


@dataclass(frozen=True)
class Shape:
    """What a refit inherits: the covariance of the draws as a root, and where chains stood.

    Parameters
    ----------
    centre, root
        Shapes (dimension,) and, of the numbers that are whitened, (whitened, whitened).
    spread
        Sds of the numbers beyond those, which are only scaled.
    positions
        Last unconstrained positions, shape (chain, dimension).
    """

    centre: np.ndarray
    root: np.ndarray
    spread: np.ndarray
    positions: np.ndarray

    @classmethod
    def of(
        cls, unconstrained: np.ndarray, root: np.ndarray | None, parts: Sequence[np.ndarray]
    ) -> "Shape":
        """Learn from draws of shape (chain, draw, dimension).

        With an earlier `root` the covariance is estimated relative to it, so that shrinking
        towards the identity there keeps what the earlier approximation knew. `parts` are the
        places of the numbers that are whitened (`bayescamel.blocks.parts`): the fewer draws a
        number, the less are correlations believed, and those within a part sooner than others.
        """
        flat = unconstrained.reshape(-1, unconstrained.shape[-1])
        centre, spread = flat.mean(axis=0), flat.std(axis=0)
        n = sum(map(len, parts))
        if root is None:
            root = np.diag(spread[:n])
        covariance = np.cov(np.linalg.solve(root, (flat - centre)[:, :n].T))
        within, between = (len(flat) / (len(flat) + 5 * m) for m in (max(map(len, parts)), n))
        believed = np.full((n, n), between)
        for part in parts:
            believed[np.ix_(part, part)] = within
        np.fill_diagonal(believed, 1.0)
        own = arrow_root(np.linalg.inv(covariance * believed), parts)
        return cls(centre, root @ own, spread[n:], unconstrained[:, -1])

    def geometry(self) -> Geometry:
        """Whitened coordinates with the stable step of NUTS at this dimension."""
        mass = np.concatenate([np.ones(len(self.root)), self.spread**2])
        return Geometry(self.centre, self.root, len(mass) ** -0.25, mass)

    def starts(self, chains: int) -> np.ndarray:
        """Whitened positions for so many chains: shape (chain, dimension)."""
        away = self.positions[np.arange(chains) % len(self.positions)] - self.centre
        n = len(self.root)
        return np.concatenate([np.linalg.solve(self.root, away[:, :n].T).T, away[:, n:]], axis=1)
