"""What a law misses beyond the runs that it was fitted to, as a part of the surrogate.

A prediction says how much that is (`bayescamel.draws.scatter.run_scatter`): nothing inside the
fitted sizes and tokens, and b times the noise's sd σ for every unit of ln N or ln D beyond them. A
design has to know as well what a run out there would tell of the target. So on each side of the
fitted range of ln N, of ln D and of what else counts there, what is missed is a Gaussian process
that begins at the range's end,

    Cov(m(s), m(t)) = b² σ² s^(3/2) (2t - s)^(1/2),   0 ≤ s ≤ t the distances beyond the end,

whose sd at t is b σ t, and, once m(s) is known, b σ (t - s): what a prediction says before a run at
s was fitted, and after. (In ln t it is stationary, and its spectral density is positive.) Axes
add up. A single run tells m(s) no better than to its noise, so that repeats pay; and runs
that tell the same of the law are told apart by how far they lie from the target.

Before the first run there is no range to be beyond. Then the law is taken to be right where it is
wanted, and to miss what lies between a run and the target.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from bayescamel.draws.distances import coordinates_of, distances, ranges
from bayescamel.draws.draws import evenly
from bayescamel.models.hierarchy import Noise

LEFT_OUT = 0.01
"""Share of the noise's variance that features may leave out of what is missed."""

MAX_LEVELS = 64
"""Distances along an axis from which features are made; what is missed is smooth between them."""


def missed_covariance(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Covariance of what is missed at distances (S,) and (T,), in units of b² σ²: (S, T).

    Distances below the fitted range are negative; the two sides know nothing of each other.
    """
    s, t = abs(some)[:, None], abs(others)[None]
    near, far = np.minimum(s, t), np.maximum(s, t)
    same_side = some[:, None] * others[None] > 0
    return np.asarray(np.where(same_side, near * np.sqrt(near * (2 * far - near)), 0.0))


@dataclass(frozen=True, eq=False)
class Missed:
    """Features of what is missed: independent standard normals times these, in units of σ.

    Parameters
    ----------
    fitted
        See `bayescamel.draws.distances.ranges`.
    known
        By axis, distances at which there will be runs: (level,).
    bases
        By axis, (level, feature): covariances with the known distances times this are features.
    between
        Root of the covariance between validation domains, b² on its diagonal: (V, V).
    """

    fitted: np.ndarray
    known: tuple[np.ndarray, ...]
    bases: tuple[np.ndarray, ...]
    between: np.ndarray

    @classmethod
    def of(
        cls,
        noise: Noise,
        n_validation: int,
        fitted: np.ndarray | None,
        wanted: pd.DataFrame,
        runs: pd.DataFrame,
    ) -> Self:
        """For the target's runs and all others that there will be.

        Parameters
        ----------
        fitted
            None before the first run: then it is the target's range.
        """
        places = coordinates_of(pd.concat([wanted, runs], ignore_index=True))
        fitted = ranges(places[: len(wanted)]) if fitted is None else fitted
        shared = np.full((n_validation, n_validation), noise.beyond_shared)
        np.fill_diagonal(shared, 1.0)
        known, bases = [], []
        for distance in distances(fitted, places).T:
            levels = np.unique(distance[distance != 0]) if noise.beyond > 0 else np.zeros(0)
            levels = levels[evenly(len(levels), min(len(levels), MAX_LEVELS))]
            values, vectors = np.linalg.eigh(missed_covariance(levels, levels))
            left_out = np.cumsum(values[:, None] * (vectors**2).T, axis=0)
            kept = (noise.beyond**2 * left_out > LEFT_OUT).any(axis=1)
            known.append(levels)
            bases.append(vectors[:, kept] / np.sqrt(values[kept]))
        return cls(fitted, tuple(known), tuple(bases), noise.beyond * np.linalg.cholesky(shared))

    @property
    def n_features(self) -> int:
        """How many there are."""
        return len(self.between) * sum(int(basis.shape[1]) for basis in self.bases)

    def features(self, runs: pd.DataFrame) -> np.ndarray:
        """Of each run's losses, in units of the noise's sd: (run, validation, feature)."""
        parts = [
            missed_covariance(distance, levels) @ basis
            for distance, levels, basis in zip(
                distances(self.fitted, coordinates_of(runs)).T, self.known, self.bases, strict=True
            )
        ]
        place = np.concatenate(parts, axis=1)
        shape = (len(runs), len(self.between), self.n_features)
        return np.asarray(np.einsum("rf,vw->rvfw", place, self.between).reshape(shape))
