"""How residuals persist from size to size and mixture to mixture, learned of all of them.

See `bayescamel.draws.residuals` for the model. All numbers are posterior modes: three of all
validation domains together as if they were independent, then their correlation, of all runs as if
these were; the variance that residuals turned out to have says nothing of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bayescamel.mixtures.transforms import variation

PRIOR_SD = np.array([1.5, 1.0, 1.0])
"""Of the logit of the share, of ln length and of ln ln size_factor."""

TYPICAL_SHARE, TYPICAL_LOG_FACTOR = 0.3, 1.0
"""Prior medians: residuals are mostly noise, and change over a factor of e in size."""

TYPICAL_CORRELATION, CORRELATION_SD = 0.25, 1.0
"""Prior median between validation domains, and sd of its logit."""

JITTER = 1e-8

MAX_PRIOR_SDS = 4.0
"""Prior standard deviations from the median at which the search for the mode stops."""


@dataclass(frozen=True, eq=False)
class Persistence:
    """How residuals persist.

    Parameters
    ----------
    share
        Share of the residual variance that persists.
    length
        Total variation over which it changes.
    log_factor
        ln of the factor in size over which it changes.
    correlation
        Between the residuals of one run on two validation domains.
    """

    share: float
    length: float
    log_factor: float
    correlation: float

    def covariance(self, distance: np.ndarray, log_sizes: np.ndarray) -> np.ndarray:
        """Of two residuals, without their noise; arguments are distances."""
        return np.asarray(
            self.share * np.exp(-distance / self.length - np.abs(log_sizes) / self.log_factor)
        )

    def of_runs(self, distance: np.ndarray, log_sizes: np.ndarray) -> np.ndarray:
        """Among the residuals of runs, noise included; arguments are distances, (run, run)."""
        noise = 1 - self.share + JITTER
        return np.asarray(self.covariance(distance, log_sizes) + noise * np.eye(len(distance)))


def patterns_of(present: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Runs and the validation domains measured on just these: usually one pattern."""
    patterns, which = np.unique(present, axis=1, return_inverse=True)
    return [
        (np.flatnonzero(pattern), np.flatnonzero(which == i))
        for i, pattern in enumerate(patterns.T)
    ]


def learn_persistence(
    z: np.ndarray, mixture: np.ndarray, log_size: np.ndarray, present: np.ndarray, reach: float
) -> Persistence:
    """The posterior mode given residuals (run, validation), by L-BFGS from three starts."""
    from scipy.linalg import cholesky, solve_triangular
    from scipy.optimize import minimize

    length = max(reach, 0.01)
    centre = np.array(
        [np.log(TYPICAL_SHARE / (1 - TYPICAL_SHARE)), np.log(length), np.log(TYPICAL_LOG_FACTOR)]
    )

    patterns = patterns_of(present)
    correlation = _correlation([z[np.ix_(*pattern)] for pattern in patterns])
    distance, apart = variation(mixture[:, None], mixture), log_size[:, None] - log_size

    def at(place: np.ndarray) -> Persistence:
        share = 1 / (1 + np.exp(-place[0]))
        variation_length, log_factor = map(float, np.exp(place[1:]))
        return Persistence(float(share), variation_length, log_factor, correlation)

    def loss(place: np.ndarray) -> float:
        covariance = at(place).of_runs(distance, apart)
        total = 0.5 * float((((place - centre) / PRIOR_SD) ** 2).sum())
        for rows, columns in patterns:
            root = cholesky(covariance[np.ix_(rows, rows)], lower=True)
            white = solve_triangular(root, z[np.ix_(rows, columns)], lower=True)
            total += len(columns) * float(np.log(np.diag(root)).sum())
            total += 0.5 * float((white**2).sum())
        return total

    bounds = np.stack(
        [centre - MAX_PRIOR_SDS * PRIOR_SD, centre + MAX_PRIOR_SDS * PRIOR_SD], axis=1
    )
    away = np.array([[0.0, 0.0, 0.0], [1.5, 1.0, 1.0], [1.5, -1.0, 0.0]])
    found = [
        minimize(loss, start, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-6})
        for start in centre + away
    ]
    return at(min(found, key=lambda result: float(result.fun)).x)


def _correlation(parts: Sequence[np.ndarray]) -> float:
    """Posterior mode given residuals (run, validation) of losses measured on the same runs.

    Runs count as independent. The mean over V domains has variance (1 + (V − 1) ρ) / V, what is
    around it 1 − ρ, both times a scale that is at its best for each ρ and each part.
    """
    from scipy.optimize import minimize_scalar

    centre = np.log(TYPICAL_CORRELATION / (1 - TYPICAL_CORRELATION))

    def loss(logit: float) -> float:
        correlation = 1 / (1 + np.exp(-logit))
        total = 0.5 * ((logit - centre) / CORRELATION_SD) ** 2
        for part in parts:
            n_runs, n_validation = part.shape
            together = n_validation * float((part.mean(axis=1) ** 2).sum())
            apart = float((part**2).sum()) - together
            large, small = 1 + (n_validation - 1) * correlation, 1 - correlation
            total += 0.5 * n_runs * (np.log(large) + (n_validation - 1) * np.log(small))
            scale = together / large + apart / small + JITTER
            total += 0.5 * n_runs * n_validation * np.log(scale)
        return float(total)

    reach = MAX_PRIOR_SDS * CORRELATION_SD
    found = minimize_scalar(loss, bounds=(centre - reach, centre + reach), method="bounded")
    return float(1 / (1 + np.exp(-found.x)))
