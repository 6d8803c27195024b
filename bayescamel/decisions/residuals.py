"""What a law misses of a mixture stays from size to size: kriging of its residuals.

A law is smooth in the mixture and real losses are not quite: the same mixture lies above the curve
at one size and again at the next (correlations of 0.5 to 0.9 between neighbouring sizes of
mixinglaws_5mix, after laws with residuals of 0.3 %). Where mixtures that were measured, or ones
near to them, are compared, these residuals tell more than the curve. They are modelled in units of
the run-to-run noise σ as a Gaussian process

    z(w, N) ~ GP(0, share · exp(-TV(w, w') / length - |ln N - ln N'| / log_factor)) + noise

with noise of variance 1 − share. Its three numbers are set at their posterior mode, all validation
domains together; far from any measured mixture, or where residuals do not persist, it adds nothing.
"""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import xarray as xr

from bayescamel.decisions.reach import Reach
from bayescamel.models.problem import active_params
from bayescamel.targets import Target

MAX_RUNS = 400
"""The largest runs are used, up to this number: their residuals are nearest to the target's."""

PRIOR_SD = np.array([1.5, 1.0, 1.0])
"""Of the logit of the share, of ln length and of ln ln size_factor."""

TYPICAL_SHARE, TYPICAL_LOG_FACTOR = 0.3, 1.0
"""Prior medians: residuals are mostly noise, and change over a factor of e in size."""

JITTER = 1e-8

FURTHEST = 4.0
"""Prior standard deviations from the median at which the search for the mode stops."""


class Measuring(Protocol):
    """A posterior, a stack of them, or an ensemble: what knows of measured runs."""

    @property
    def runs(self) -> xr.Dataset:
        """The runs that were fitted."""
        ...

    def run_distribution(self, runs: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
        """Mean and sd of each draw's loss, shapes (draw, run, validation)."""
        ...


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
    """

    share: float
    length: float
    log_factor: float

    def covariance(self, distance: np.ndarray, log_sizes: np.ndarray) -> np.ndarray:
        """Of two residuals, without their noise; arguments are distances."""
        return np.asarray(
            self.share * np.exp(-distance / self.length - np.abs(log_sizes) / self.log_factor)
        )


@dataclass(frozen=True, eq=False)
class LocalEffects:
    """Residuals of mixtures at a target, given those of the runs.

    Parameters
    ----------
    mean
        (draw, mixture, validation), nats per token.
    factor
        Cholesky factors (validation, mixture, mixture) of what the runs leave open, in units of
        the noise.
    noise
        σ, (draw, mixture, validation), nats per token.
    persistence
        What was learned of all residuals.
    """

    mean: np.ndarray
    factor: np.ndarray
    noise: np.ndarray
    persistence: Persistence

    def draw(self, rng: np.random.Generator, runs: bool) -> np.ndarray:
        """One effect of each mixture a draw, (draw, mixture, validation); with a run's noise."""
        normal = rng.normal(size=self.mean.shape)
        effect = self.mean + self.noise * np.einsum("vmn,snv->smv", self.factor, normal)
        if runs:
            sd = np.sqrt(1 - self.persistence.share) * self.noise
            effect = effect + sd * rng.normal(size=self.mean.shape)
        return np.asarray(effect)


@dataclass(frozen=True, eq=False)
class _Measured:
    """Standardised residuals z (draw, run, validation) of runs, and where they lie."""

    z: np.ndarray
    sd: np.ndarray
    mixture: np.ndarray
    log_size: np.ndarray
    present: np.ndarray

    @classmethod
    def of(cls, posterior: Measuring) -> Self:
        runs = posterior.runs
        log_size = np.log(active_params(runs))
        rows = np.sort(np.argsort(-log_size, kind="stable")[:MAX_RUNS])
        chosen: xr.Dataset = runs.isel(run=rows)
        mean, sd = posterior.run_distribution(chosen)
        loss = chosen["loss"].to_numpy()
        z = np.nan_to_num((loss - mean) / sd)
        return cls(z, sd, chosen["mixture"].to_numpy(), log_size[rows], np.isfinite(loss))

    def distances(self) -> tuple[np.ndarray, np.ndarray]:
        """Between runs, (run, run): total variation, and difference in ln size."""
        apart = self.log_size[:, None] - self.log_size
        return _variation(self.mixture, self.mixture), apart

    def patterns(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Runs and the validation domains measured on just these: usually one pattern."""
        patterns, which = np.unique(self.present, axis=1, return_inverse=True)
        return [
            (np.flatnonzero(pattern), np.flatnonzero(which == i))
            for i, pattern in enumerate(patterns.T)
        ]


def local_effects(posterior: Measuring, target: Target, mixtures: np.ndarray) -> LocalEffects:
    """Residuals to expect of mixtures (M, domain) at the target."""
    measured = _Measured.of(posterior)
    persistence = _persistence(measured, Reach.of(posterior.runs).radius)
    log_size = np.log(target.n_active_params or target.n_params)
    across = _variation(mixtures, measured.mixture)
    cross = persistence.covariance(across, log_size - measured.log_size)
    among = persistence.covariance(_variation(mixtures, mixtures), np.zeros(1))
    covariance = _covariance(*measured.distances(), persistence)
    noise = measured.sd[:, across.argmin(axis=1)]
    mean = np.empty_like(noise)
    factor = np.empty((noise.shape[2], len(mixtures), len(mixtures)))
    for rows, columns in measured.patterns():
        weights = np.linalg.solve(covariance[np.ix_(rows, rows)], cross[:, rows].T).T
        told = np.einsum("srv,mr->smv", measured.z[:, rows][:, :, columns], weights)
        mean[:, :, columns] = told * noise[:, :, columns]
        left = among - weights @ cross[:, rows].T
        factor[columns] = np.linalg.cholesky(left + JITTER * np.eye(len(left)))
    return LocalEffects(mean, factor, noise, persistence)


def _persistence(measured: _Measured, reach: float) -> Persistence:
    """The posterior mode, by L-BFGS from three starts."""
    from scipy.linalg import cholesky, solve_triangular
    from scipy.optimize import minimize

    z = measured.z.mean(axis=0)
    length = max(reach, 0.01)
    centre = np.array(
        [np.log(TYPICAL_SHARE / (1 - TYPICAL_SHARE)), np.log(length), np.log(TYPICAL_LOG_FACTOR)]
    )

    patterns = measured.patterns()
    distance, apart = measured.distances()

    def at(place: np.ndarray) -> Persistence:
        share = 1 / (1 + np.exp(-place[0]))
        return Persistence(float(share), float(np.exp(place[1])), float(np.exp(place[2])))

    def loss(place: np.ndarray) -> float:
        covariance = _covariance(distance, apart, at(place))
        total = 0.5 * float((((place - centre) / PRIOR_SD) ** 2).sum())
        for rows, columns in patterns:
            root = cholesky(covariance[np.ix_(rows, rows)], lower=True)
            white = solve_triangular(root, z[np.ix_(rows, columns)], lower=True)
            total += len(columns) * float(np.log(np.diag(root)).sum())
            total += 0.5 * float((white**2).sum())
        return total

    bounds = np.stack([centre - FURTHEST * PRIOR_SD, centre + FURTHEST * PRIOR_SD], axis=1)
    away = np.array([[0.0, 0.0, 0.0], [1.5, 1.0, 1.0], [1.5, -1.0, 0.0]])
    found = [
        minimize(loss, start, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-6})
        for start in centre + away
    ]
    return at(min(found, key=lambda result: float(result.fun)).x)


def _covariance(distance: np.ndarray, apart: np.ndarray, persistence: Persistence) -> np.ndarray:
    noise = 1 - persistence.share + JITTER
    return np.asarray(persistence.covariance(distance, apart) + noise * np.eye(len(distance)))


def _variation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * np.abs(a[:, None] - b).sum(axis=2))
