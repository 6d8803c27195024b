"""Kriging of a law's residuals: what it misses of a mixture stays from size to size.

A law is smooth in the mixture and real losses are not quite: the same mixture lies above the curve
at one size and again at the next. Of mixtures that were measured, or ones near to them, these
residuals tell what the curve cannot. They are modelled in units of the run-to-run
noise σ of each run, as a Gaussian process

    z(w, N) ~ GP(0, share · exp(-TV(w, w') / length - |ln N - ln N'| / log_factor)) + noise

with noise of variance 1 − share. Its three numbers are set at their posterior mode, all validation
domains together; far from any measured mixture, or where residuals do not persist, it adds nothing.

A run that lies above the curve on one validation domain tends to lie above it on the others. Each
loss is told the same whether they do, but a mean over validation domains scatters more than
independent losses would, and so does every difference between mixtures that a decision rests on.
So z has one correlation between any two validation domains (`bayescamel.draws.persistence`). Where
all losses were measured the covariance is a Kronecker product, and what the runs tell of z
elsewhere does not depend on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from bayescamel.draws.draws import Draws
from bayescamel.draws.persistence import (
    JITTER,
    Persistence,
    learn_persistence,
    patterns_of,
)
from bayescamel.draws.scatter import correlated, curve_distribution
from bayescamel.mixtures.reach import Reach
from bayescamel.mixtures.transforms import variation
from bayescamel.runs.sizes import Sizes

MAX_RUNS = 400
"""The largest runs are used, up to this number: their residuals are nearest to the target's."""


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
    correlation
        Of either between validation domains.
    """

    mean: np.ndarray
    covariance: np.ndarray
    fresh: float
    correlation: float

    @property
    def variance(self) -> np.ndarray:
        """Of what the runs leave open, (mixture, validation)."""
        return np.diagonal(self.covariance, axis1=1, axis2=2).T

    def draw(self, rng: np.random.Generator, times: np.ndarray | None = None) -> np.ndarray:
        """One effect of each mixture a draw, (draw, mixture, validation).

        With a run's noise where `times` (draw, mixture) says what multiplies the usual one.
        """
        normal = correlated(rng, self.mean.shape, self.correlation)
        factor = np.linalg.cholesky(self.covariance)
        effect = self.mean + np.einsum("vmn,snv->smv", factor, normal)
        if times is not None:
            noise = np.sqrt(self.fresh) * times[:, :, None]
            effect = effect + noise * correlated(rng, self.mean.shape, self.correlation)
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
            f"{np.exp(kept.log_factor):.3g} in size; correlation between validation domains "
            f"{kept.correlation:.2f}"
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
        learned = learn_persistence(
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
        covariance = self.persistence.of_runs(variation(self.mixture[:, None], self.mixture), apart)
        mean = np.empty((len(self.z), len(mixtures), self.z.shape[2]))
        left = np.empty((self.z.shape[2], len(mixtures), len(mixtures)))
        for rows, columns in patterns_of(self.present):
            weights = np.linalg.solve(covariance[np.ix_(rows, rows)], cross[:, rows].T).T
            told = np.einsum("srv,mr->smv", self.z[:, rows][:, :, columns], weights, optimize=True)
            mean[:, :, columns] = told
            left[columns] = among - weights @ cross[:, rows].T + JITTER * np.eye(len(among))
        fresh = 1 - self.persistence.share
        return LocalEffects(mean, left, fresh, self.persistence.correlation)
