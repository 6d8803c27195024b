"""Kriging of a law's residuals: what it misses of a mixture stays from size to size.

A law is smooth in the mixture and real losses are not quite: the same mixture lies above the curve
at one size and again at the next. Of mixtures that were measured, or ones near to them, these
residuals tell what the curve cannot. They are modelled in units of the run-to-run
noise σ of each run, as a Gaussian process

    z(w, N) ~ GP(0, share · exp(-TV(w, w') / length - |ln N - ln N'| / log_factor)) + noise

with noise of variance 1 − share. Its three numbers are set at their posterior mode, all validation
domains together; far from any measured mixture, or where residuals do not persist, it adds nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from bayescamel.draws.draws import Draws
from bayescamel.draws.scatter import curve_distribution
from bayescamel.mixtures.reach import Reach
from bayescamel.mixtures.transforms import variation
from bayescamel.runs.sizes import Sizes

MAX_RUNS = 400
"""The largest runs are used, up to this number: their residuals are nearest to the target's."""

PRIOR_SD = np.array([1.5, 1.0, 1.0])
"""Of the logit of the share, of ln length and of ln ln size_factor."""

TYPICAL_SHARE, TYPICAL_LOG_FACTOR = 0.3, 1.0
"""Prior medians: residuals are mostly noise, and change over a factor of e in size."""

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
    """Residuals of models on mixtures, given those of the runs, in units of the noise.

    Parameters
    ----------
    mean
        What the runs tell, (draw, mixture, validation).
    covariance
        Of what they leave open, (validation, mixture, mixture).
    fresh
        Variance of what does not persist: a run's noise.
    """

    mean: np.ndarray
    covariance: np.ndarray
    fresh: float

    @property
    def variance(self) -> np.ndarray:
        """Of what the runs leave open, (mixture, validation)."""
        return np.diagonal(self.covariance, axis1=1, axis2=2).T

    def draw(self, rng: np.random.Generator, times: np.ndarray | None = None) -> np.ndarray:
        """One effect of each mixture a draw, (draw, mixture, validation).

        With a run's noise where `times` (draw, mixture) says what multiplies the usual one.
        """
        normal = rng.normal(size=self.mean.shape)
        factor = np.linalg.cholesky(self.covariance)
        effect = self.mean + np.einsum("vmn,snv->smv", factor, normal)
        if times is not None:
            noise = np.sqrt(self.fresh) * times[:, :, None]
            effect = effect + noise * rng.normal(size=self.mean.shape)
        return np.asarray(effect)


@dataclass(frozen=True, eq=False)
class Residuals:
    """What laws miss of their runs, by draw, and how it persists.

    Parameters
    ----------
    z
        Standardised residuals (draw, run, validation), 0 where a loss is missing.
    mixture, log_size, present
        Where the runs lie: (run, domain), (run,), and which losses are there (run, validation).
    persistence
        Learned of all residuals.
    """

    z: np.ndarray
    mixture: np.ndarray
    log_size: np.ndarray
    present: np.ndarray
    persistence: Persistence

    def __repr__(self) -> str:
        kept, (_, n_run, n_validation) = self.persistence, self.z.shape
        return (
            f"Residuals of {n_run} runs on {n_validation} validation domains: {kept.share:.0%} of "
            f"their variance persists, over a total variation of {kept.length:.2g} and a factor of "
            f"{np.exp(kept.log_factor):.3g} in size"
        )

    @classmethod
    def of(cls, parts: Sequence[Draws]) -> Self:
        """The residuals of the largest runs, after the draws of one law or of several."""
        runs = parts[0].runs
        log_size = np.log(Sizes.of(runs).active)
        rows = np.sort(np.argsort(-log_size, kind="stable")[:MAX_RUNS])
        chosen = runs.isel(run=rows)
        each = [curve_distribution(part, chosen, fitted=True) for part in parts]
        mean, sd = (np.concatenate(values) for values in zip(*each, strict=True))
        loss = chosen["loss"].to_numpy()
        z = np.nan_to_num((loss - mean) / sd)
        mixture, present = chosen["mixture"].to_numpy(), np.isfinite(loss)
        learned = _persistence(
            z.mean(axis=0), mixture, log_size[rows], present, Reach.of(runs).radius
        )
        return cls(z, mixture, log_size[rows], present, learned)

    def at(self, models: Sizes, mixtures: np.ndarray) -> LocalEffects:
        """Residuals to expect of models on mixtures (model, domain)."""
        log_size = np.log(models.active)
        across = variation(mixtures[:, None], self.mixture)
        cross = self.persistence.covariance(across, log_size[:, None] - self.log_size)
        among = variation(mixtures[:, None], mixtures)
        among = self.persistence.covariance(among, log_size[:, None] - log_size)
        apart = self.log_size[:, None] - self.log_size
        covariance = _covariance(
            variation(self.mixture[:, None], self.mixture), apart, self.persistence
        )
        mean = np.empty((len(self.z), len(mixtures), self.z.shape[2]))
        left = np.empty((self.z.shape[2], len(mixtures), len(mixtures)))
        for rows, columns in _patterns(self.present):
            weights = np.linalg.solve(covariance[np.ix_(rows, rows)], cross[:, rows].T).T
            told = np.einsum("srv,mr->smv", self.z[:, rows][:, :, columns], weights, optimize=True)
            mean[:, :, columns] = told
            left[columns] = among - weights @ cross[:, rows].T + JITTER * np.eye(len(among))
        return LocalEffects(mean, left, 1 - self.persistence.share)


def _patterns(present: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Runs and the validation domains measured on just these: usually one pattern."""
    patterns, which = np.unique(present, axis=1, return_inverse=True)
    return [
        (np.flatnonzero(pattern), np.flatnonzero(which == i))
        for i, pattern in enumerate(patterns.T)
    ]


def _persistence(
    z: np.ndarray, mixture: np.ndarray, log_size: np.ndarray, present: np.ndarray, reach: float
) -> Persistence:
    """The posterior mode given residuals (run, validation), by L-BFGS from three starts."""
    from scipy.linalg import cholesky, solve_triangular
    from scipy.optimize import minimize

    length = max(reach, 0.01)
    centre = np.array(
        [np.log(TYPICAL_SHARE / (1 - TYPICAL_SHARE)), np.log(length), np.log(TYPICAL_LOG_FACTOR)]
    )

    patterns = _patterns(present)
    distance, apart = variation(mixture[:, None], mixture), log_size[:, None] - log_size

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

    bounds = np.stack(
        [centre - MAX_PRIOR_SDS * PRIOR_SD, centre + MAX_PRIOR_SDS * PRIOR_SD], axis=1
    )
    away = np.array([[0.0, 0.0, 0.0], [1.5, 1.0, 1.0], [1.5, -1.0, 0.0]])
    found = [
        minimize(loss, start, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-6})
        for start in centre + away
    ]
    return at(min(found, key=lambda result: float(result.fun)).x)


def _covariance(distance: np.ndarray, apart: np.ndarray, persistence: Persistence) -> np.ndarray:
    noise = 1 - persistence.share + JITTER
    return np.asarray(persistence.covariance(distance, apart) + noise * np.eye(len(distance)))
