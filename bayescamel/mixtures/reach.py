"""The mixtures within reach of the measured ones."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import xarray as xr

from bayescamel.mixtures.transforms import variation

N_NEIGHBOURS = 16
"""Measured mixtures from which a way to another mixture is looked at."""


@dataclass(frozen=True, eq=False)
class Reach:
    """Measured mixtures (M, domain), and how far each can be relied on in total variation.

    The distance is the one that measured mixtures typically have to their nearest neighbour, as
    in `bayescamel.draws.prediction.extrapolation`.
    """

    measured: np.ndarray
    radius: float

    @classmethod
    def of(cls, runs: xr.Dataset) -> Self:
        """The reach of these runs."""
        measured = np.unique(runs["mixture"].to_numpy(), axis=0)
        if len(measured) == 1:
            return cls(measured, 0.0)
        among = variation(measured[:, None], measured)
        np.fill_diagonal(among, np.inf)
        return cls(measured, float(np.median(among.min(axis=1))))

    def distance(self, mixture: np.ndarray) -> float:
        """Total variation to the nearest measured mixture."""
        return float(variation(self.measured, mixture).min())

    def towards(self, mixture: np.ndarray) -> np.ndarray:
        """Mixtures within reach on the way from the measured mixtures nearest to this one."""
        distance = variation(self.measured, mixture)
        near = np.argsort(distance)[:N_NEIGHBOURS]
        share = np.minimum(1.0, self.radius / np.maximum(distance[near], np.finfo(float).tiny))
        return np.asarray(self.measured[near] + share[:, None] * (mixture - self.measured[near]))
