"""The surrogate that acquisitions score on: losses of target and candidates, jointly Gaussian.

Its moments are those of the posterior's draws. Losses are linear in a few standard normal
numbers u, onto which the draws are projected (`bayescamel.designs.projection`),

    loss = mean + features · u,   u ~ N(0, C),   C = 1 at first,

so that Cov(a, b) = features(a) C features(b)ᵀ. Observing a run with features F and noise variance
n changes C alone, whatever losses it measures,

    C ← C - C Fᵀ (F C Fᵀ + n)⁻¹ F C.

That is how pending runs, and those chosen before in a batch, are conditioned on. What the
projection leaves out counts as noise, so the surrogate claims nothing that is not there; and two
runs of a new size do not average out the effect that they share.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from bayescamel.designs.predictive import PredictiveDraws
from bayescamel.designs.projection import ProjectedLosses, Projection

RESOLUTION = 1e-6
"""Of single precision, sums of a hundred products included."""


@dataclass(frozen=True, eq=False)
class LinearGaussian:
    """A joint Gaussian of the target's and the candidates' losses; see this module.

    Shapes: C candidates, V validation domains, M mixtures at the target, F features.

    Parameters
    ----------
    projection
        The draws in which all losses are linear.
    candidates
        Their losses by features.
    target_mean, target_features
        Losses at the target on each mixture, (M, V) and (M, V, F).
    objective
        Weights over validation domains, (V,).
    root
        The symmetric root of C, (F, F).
    """

    projection: Projection
    candidates: ProjectedLosses
    target_mean: np.ndarray
    target_features: np.ndarray
    objective: np.ndarray
    root: np.ndarray

    @cached_property
    def covariance(self) -> np.ndarray:
        """C, (F, F)."""
        return np.asarray(self.root @ self.root)

    @property
    def target_noise(self) -> np.ndarray:
        """Variance of a run at the target around its curve, (V,)."""
        return self.projection.predictive.noise

    @property
    def objective_mean(self) -> np.ndarray:
        """Expected objective of each mixture at the target, (M,)."""
        return np.asarray(self.target_mean @ self.objective)

    @property
    def objective_features(self) -> np.ndarray:
        """Features of the objective of each mixture at the target, (M, F)."""
        return np.asarray(np.einsum("mvf,v->mf", self.target_features, self.objective))

    def condition_on(self, runs: ProjectedLosses) -> "LinearGaussian":
        """The posterior after observing these runs, whatever their losses."""
        rows = runs.features.reshape(-1, runs.features.shape[-1]).astype(np.float64)
        shared = self.covariance @ rows.T
        predicted = rows @ shared + np.diag(runs.noise.ravel())
        covariance = self.covariance - shared @ np.linalg.solve(predicted, shared.T)
        values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
        # The symmetric root: of all maps from C = 1 it moves the draws the least.
        return replace(self, root=(vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)

    def condition_on_candidate(self, index: int) -> "LinearGaussian":
        """The posterior after observing a candidate."""
        return self.condition_on(ProjectedLosses(*(part[[index]] for part in self.candidates)))

    def with_candidates(self, runs: pd.DataFrame) -> "LinearGaussian":
        """The same with other candidates, of sizes that the projection has."""
        return replace(self, candidates=self.projection.project_runs(runs))

    def only(self, index: slice | np.ndarray) -> "LinearGaussian":
        """The same with some of the candidates."""
        return replace(self, candidates=ProjectedLosses(*(part[index] for part in self.candidates)))

    def predicted_covariance(self) -> np.ndarray:
        """Covariance of what each candidate would measure, noise included: (C, V, V).

        As a square, which no rounding makes negative; what single precision cannot resolve counts
        as noise.
        """
        features, noise = self.candidates.features, self.candidates.noise
        rotated = features @ self.root.astype(features.dtype)
        between = (rotated @ np.swapaxes(rotated, 1, 2)).astype(np.float64)
        noise = noise + RESOLUTION * np.diagonal(between, axis1=1, axis2=2)
        return np.asarray(between + noise[:, :, None] * np.eye(noise.shape[1]))

    def covariance_with(self, features: np.ndarray) -> np.ndarray:
        """Covariance of each candidate's losses with quantities (Q, F): (C, V, Q)."""
        rotated = (self.covariance @ features.T).astype(self.candidates.features.dtype)
        return np.asarray(self.candidates.features @ rotated)

    def draws(self, seed: int) -> np.ndarray:
        """The projection's draws moved to the covariance that is left, (draw, F).

        Parameters
        ----------
        seed
            Of what the draws do not say: effects of new sizes, and what the law misses.
        """
        draws = self.projection.draws
        extra = len(self.root) - draws.shape[1]
        new = np.random.default_rng(seed).normal(size=(len(draws), extra))
        return np.asarray(np.concatenate([draws, new], axis=1) @ self.root)


def surrogate_of(
    predictive: PredictiveDraws,
    wanted: pd.DataFrame,
    objective: np.ndarray,
    candidates: pd.DataFrame,
    pending: pd.DataFrame | None = None,
    *,
    seed: int = 0,
) -> LinearGaussian:
    """Match the moments of the draws' losses at the target and at the candidates.

    Parameters
    ----------
    wanted
        Runs whose losses matter, M of them: the target on some mixtures (`target_table`), or
        several models.
    objective
        Weights over validation domains, (V,).
    candidates, pending
        Tables as `check_candidates` returns them; pending runs count as observed.
    seed
        Of the candidates from which the projection is made.
    """
    at_target = predictive.curves(wanted)
    waiting = candidates.iloc[:0] if pending is None else pending
    runs = pd.concat([candidates, waiting], ignore_index=True) if len(waiting) else candidates
    projection = Projection.of(predictive, wanted, at_target, runs, seed)
    surrogate = LinearGaussian(
        projection=projection,
        candidates=projection.project_runs(candidates),
        target_mean=at_target.mean(axis=0),
        target_features=projection.project(at_target, wanted),
        objective=objective,
        root=np.eye(projection.n_features),
    )
    return surrogate.condition_on(projection.project_runs(waiting)) if len(waiting) else surrogate
