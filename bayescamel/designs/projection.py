"""Losses projected onto the leading principal components of the draws.

Draws of a law ignore that its form may be wrong, and a design that trusts them buys the runs on
which a wrong form misleads the most (Box and Draper 1959 show it for polynomials). So the law has a
discrepancy (Kennedy and O'Hagan 2001): what it misses beyond the fitted runs has features of its
own (`bayescamel.designs.missed`), which runs and target share.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bayescamel.designs.missed import Missed
from bayescamel.designs.predictive import PredictiveDraws
from bayescamel.draws.curves import Curves, losses
from bayescamel.laws.base import Array
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.runs.sizes import LogSizes, active_params

CHUNK = 256
"""Runs evaluated at once: 2,000 draws of five losses are 10 MB then, near the cache."""

SAMPLED_LOSSES = 300
"""Losses of candidates, and of the target, of which the components are taken."""

RESIDUAL_SHARE = 0.01
"""Share of the noise's variance that the projection may leave out."""

FEATURE_STEP = 16
"""Components are added so many at a time: a width that comes again compiles nothing new."""


class ProjectedLosses(NamedTuple):
    """Losses of R runs on V validation domains by F features."""

    mean: np.ndarray
    """(R, V) nats."""
    features: np.ndarray
    """(R, V, F)."""
    noise: np.ndarray
    """(R, V) variance of a run around its curve, with what is left out, nats²."""


@dataclass(frozen=True, eq=False)
class Projection:
    """Principal components u of the draws, in which losses are linear: mean + features · u.

    Parameters
    ----------
    predictive
        The draws that are projected.
    draws
        (draw, feature), centred, orthogonal, each of unit variance.
    new_sizes
        Total and active parameters of sizes that were not measured, (size, 2): the effect that
        all runs of such a size share has features of its own, one a validation domain.
    missed
        Features of what the law misses beyond the fitted runs, the last ones.
    """

    predictive: PredictiveDraws
    draws: np.ndarray
    new_sizes: np.ndarray
    missed: Missed

    @classmethod
    def of(
        cls,
        predictive: PredictiveDraws,
        wanted: pd.DataFrame,
        at_target: np.ndarray,
        runs: pd.DataFrame,
        seed: int,
    ) -> "Projection":
        """The components of losses at the target, (draw, wanted run, validation), and of `runs`.

        Parameters
        ----------
        wanted
            The target's runs.
        runs
            Candidates and pending runs: all sizes that there will be; a sample is evaluated.
        seed
            Of the sample.
        """
        noise = np.sqrt(predictive.noise)
        logs, mixtures = predictive.law_inputs(runs)
        # By content, so that the order of the candidates decides nothing.
        told = [part for part in logs if part is not None]
        ordered = np.lexsort(np.column_stack([mixtures, *told]).T)
        n_runs = max(1, SAMPLED_LOSSES // len(noise))
        picked = np.random.default_rng(seed).permutation(ordered)[:n_runs]
        some = runs.iloc[picked]
        effects = np.moveaxis(_padded_effects(predictive)[:, :, predictive.scale_of(some)], 1, 2)
        step = max(1, at_target.shape[1] * len(noise) // SAMPLED_LOSSES)
        parts = [(predictive.curves(some) + effects) / noise, at_target[:, ::step] / noise]
        columns = np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)
        columns -= columns.mean(axis=0)
        values, vectors = np.linalg.eigh(columns.T @ columns / (len(columns) - 1))
        left_out = np.cumsum(values) / len(values)  # ascending
        keep = int((left_out > RESIDUAL_SHARE).sum())
        keep = -(-max(1, keep) // FEATURE_STEP) * FEATURE_STEP
        # Many features from few draws would be noise: at most one for four draws.
        rank = int((values > 1e-10 * values[-1]).sum())
        keep = max(1, min(keep, rank, len(columns) // 4))
        draws = columns @ (vectors[:, -keep:] / np.sqrt(values[-keep:]))
        pairs = np.stack([runs["n_params"].to_numpy(np.float64), active_params(runs)], axis=1)
        new = np.unique(pairs[predictive.scale_of(runs) < 0], axis=0)
        beyond = predictive.hierarchy.noise
        missed = Missed.of(beyond, len(noise), predictive.fitted, wanted, runs)
        return cls(predictive, draws, new, missed)

    @property
    def n_features(self) -> int:
        """Components, effects of new sizes, and what is missed, together."""
        effects = len(self.new_sizes) * len(self.predictive.validation)
        return int(self.draws.shape[1]) + effects + self.missed.n_features

    def project(self, draws: np.ndarray, runs: pd.DataFrame) -> np.ndarray:
        """Features of the losses of runs to expect, given draw by draw, (draw, run, validation)."""
        features = self.project_curves(draws)
        self._add_missed(features, runs)
        return features

    def project_curves(self, draws: np.ndarray) -> np.ndarray:
        """Features of quantities of the law given draw by draw, (draw, ...): (..., feature)."""
        centred = (draws - draws.mean(axis=0)).reshape(len(draws), -1)
        features = np.zeros((centred.shape[1], self.n_features))
        features[:, : self.draws.shape[1]] = centred.T @ self.draws / (len(draws) - 1)
        return features.reshape(*draws.shape[1:], self.n_features)

    def project_runs(self, runs: pd.DataFrame) -> ProjectedLosses:
        """Project losses of runs, chunk by chunk: memory grows with the features alone."""
        import jax

        predictive = self.predictive
        logs, mixtures = predictive.law_inputs(runs)
        scale = predictive.scale_of(runs)
        rows = np.arange(-(-len(runs) // CHUNK) * CHUNK) % len(runs)
        shared = (predictive.draws, self.draws, _padded_effects(predictive))
        fixed = jax.tree.map(_single, shared)

        def chunk(start: int) -> list[np.ndarray]:
            some = rows[start : start + CHUNK]
            sizes = jax.tree.map(_single, logs.take(some))
            at_runs = (sizes, _single(mixtures[some]), scale[some])
            parts = _compiled()(predictive.hierarchy, *fixed, *at_runs)
            return [np.asarray(part) for part in parts]

        # Two at a time: the program's threads leave cores idle.
        with ThreadPoolExecutor(2) as pool:
            parts = list(pool.map(chunk, range(0, len(rows), CHUNK)))
        mean, on_draws, variance = (
            np.concatenate([part[i] for part in parts])[: len(runs)] for i in range(3)
        )
        left_out = np.maximum(variance - (on_draws**2).sum(axis=2), 0.0)
        features = np.zeros((*mean.shape, self.n_features), np.float32)
        features[:, :, : on_draws.shape[2]] = on_draws
        self._add_new_sizes(features, runs)
        self._add_missed(features, runs)
        noise = predictive.noise + left_out.astype(np.float64)
        return ProjectedLosses(mean.astype(np.float64), features, noise)

    def _add_new_sizes(self, features: np.ndarray, runs: pd.DataFrame) -> None:
        n_validation = features.shape[1]
        pairs = np.stack([runs["n_params"].to_numpy(np.float64), active_params(runs)], axis=1)
        sd = np.sqrt(self.predictive.size_noise)
        for number, size in enumerate(self.new_sizes):
            rows = np.flatnonzero((pairs == size).all(axis=1))
            first = self.draws.shape[1] + number * n_validation
            for domain in range(n_validation):
                features[rows, domain, first + domain] = sd[domain]

    def _add_missed(self, features: np.ndarray, runs: pd.DataFrame) -> None:
        sd = np.sqrt(self.predictive.noise)[:, None]
        first = self.n_features - self.missed.n_features
        features[:, :, first:] = sd * self.missed.features(runs)


def _padded_effects(predictive: PredictiveDraws) -> np.ndarray:
    """Effects of measured sizes, and a last one of 0 for those that were not measured."""
    padding = np.zeros((*predictive.size_effects.shape[:2], 1))
    return np.concatenate([predictive.size_effects, padding], axis=2)


def _single(values: Array) -> Any:
    import jax.numpy as jnp

    return jnp.asarray(values, jnp.float32)


@cache
def _compiled() -> Any:
    import jax.numpy as jnp

    from bayescamel.models.compiled import jit_single

    def project(
        hierarchy: Hierarchy,
        curves: Curves,
        components: Array,
        effects: Array,
        logs: LogSizes,
        mixtures: Array,
        scale: Array,
    ) -> tuple[Array, ...]:
        loss = losses(jnp, hierarchy, curves, logs, mixtures)
        loss = loss + jnp.moveaxis(effects[:, :, scale], 1, 2)
        mean = loss.mean(axis=0)
        centred = loss - mean
        degrees = len(centred) - 1
        features = jnp.einsum("scv,sf->cvf", centred, components) / degrees
        variance = jnp.sum(centred**2, axis=0) / degrees
        return mean, features, variance

    return jit_single(project, static_argnums=0)
