"""Acquisitions that score by how much a run would improve the choice of the mixture.

With f(m) the objective of mixture m at the target, the mixture chosen now has the least expected
f, and a run with losses y lets us choose again:

    KG = min_m E f(m) - E_y min_m E[f(m) | y]

the knowledge gradient (Frazier, Powell, Dayanik 2009). The expected regret of the decision falls
by as much, since the best that could be had, E min_m f(m), does not depend on what is observed.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.stats import norm, qmc

from bayescamel.designs.acquisitions import in_chunks
from bayescamel.designs.inputs import AcquisitionInputs
from bayescamel.designs.linear_gaussian import LinearGaussian
from bayescamel.exceptions import DesignError
from bayescamel.input import shown

CHUNK = 2000
"""Candidates scored at once: 64 outcomes of 128 mixtures are 65 MB then."""

MIN_EFFECTIVE_DRAWS = 100.0
"""Draws that carry an outcome's weights, on average."""

MAX_OUTCOMES = 2**14
"""A minimum over mixtures is then known to a hundredth of its scatter."""

MAX_SHORTLIST = 10_000
"""Candidates whose outcomes are simulated one by one: milliseconds each."""

MAX_NOISE_SHARE = 0.25
"""Share of a value that the scatter of weights may make up; beyond it the weights say nothing."""


@dataclass(frozen=True)
class RegretReduction:
    """Expected regret that a run removes, per FLOP, on the linear-Gaussian surrogate.

    There the expectations after the run, E[f(m) | y], are jointly Gaussian with covariance
    Cov(f, y) (Cov(y) + noise)⁻¹ Cov(y, f), and the minimum over mixtures is averaged over
    quasi-random outcomes in opposite pairs.

    Parameters
    ----------
    outcomes
        How many, a power of two.
    """

    name: ClassVar[str] = "regret"
    outcomes: int = 64

    def __post_init__(self) -> None:
        _check_count("outcomes", self.outcomes, MAX_OUTCOMES)
        if self.outcomes & (self.outcomes - 1):
            raise DesignError(f"outcomes = {self.outcomes}: a power of two is needed")

    def scores(self, inputs: AcquisitionInputs) -> np.ndarray:
        """Nats of regret per FLOP."""
        return np.asarray(regret_removed(inputs.require_surrogate(), self.outcomes) / inputs.flops)


@dataclass(frozen=True)
class WeightedRegretReduction:
    """The same without taking the draws for Gaussian: outcomes weigh them, as a refit would.

    Outcomes are drawn from the posterior, and each weighs the draws by its likelihood (the draw
    that made the outcome is left out: it fits too well). Weights of few draws scatter, and a
    minimum over mixtures takes scatter for gain; so only what the linear-Gaussian surrogate leaves
    unexplained is weighed, weights are flattened until enough draws carry them, and where scatter
    would still make up a good part of the value, `RegretReduction`'s stands.

    Parameters
    ----------
    outcomes
        Simulated outcomes a candidate.
    shortlist
        For how many of the candidates that look best to `RegretReduction` they are simulated.
    """

    name: ClassVar[str] = "weighted-regret"
    outcomes: int = 128
    shortlist: int = 64

    def __post_init__(self) -> None:
        _check_count("outcomes", self.outcomes, MAX_OUTCOMES)
        _check_count("shortlist", self.shortlist, MAX_SHORTLIST)

    def scores(self, inputs: AcquisitionInputs) -> np.ndarray:
        """Nats of regret per FLOP."""
        surrogate = inputs.require_surrogate()
        scores = np.asarray(regret_removed(surrogate, 64) / inputs.flops)
        best = np.argsort(-scores, kind="stable")[: self.shortlist]
        removed, trusted = weighted_regret_removed(surrogate.only(best), self.outcomes, inputs.seed)
        scores[best[trusted]] = (removed / inputs.flops[best])[trusted]
        # Who is not on the list may not win by an approximation that the list has lost.
        others = np.setdiff1d(np.arange(len(scores)), best)
        scores[others] = np.minimum(scores[others], scores[best].min())
        return scores


def _check_count(name: str, count: int, most: int) -> None:
    if not 2 <= count <= most:
        raise DesignError(f"{name} = {shown(count)}: 2 to {most:,} can be used")


def expected_regret(surrogate: LinearGaussian, seed: int = 0) -> float:
    """How much worse the best mixture now is than the best in hindsight, in expectation."""
    draws = surrogate.draws(seed) @ surrogate.objective_features.T + surrogate.objective_mean
    return float(draws.mean(axis=0).min() - draws.min(axis=1).mean())


def regret_removed(surrogate: LinearGaussian, outcomes: int) -> np.ndarray:
    """Expected regret that each candidate removes, nats: (candidate,)."""
    n_validation = surrogate.target_mean.shape[1]
    half = qmc.Sobol(n_validation, rng=0).random(outcomes // 2)
    normal = norm.ppf(half * (1 - 1e-6) + 5e-7)
    # Opposite pairs have mean 0, so that no candidate's value is negative.
    z = np.concatenate([normal, -normal]).astype(np.float32)
    mean = (surrogate.objective_mean - surrogate.objective_mean.min()).astype(np.float32)
    features = surrogate.objective_features

    def part(some: LinearGaussian) -> np.ndarray:
        root = np.linalg.cholesky(some.predicted_covariance())
        shift = np.linalg.solve(root, some.covariance_with(features)).astype(np.float32)
        values = np.einsum("jv,cvm->cjm", z, shift, optimize=True) + mean
        return np.asarray(-values.min(axis=2).mean(axis=1, dtype=np.float64))

    return np.asarray(np.maximum(in_chunks(surrogate, part, CHUNK), 0.0))


def weighted_regret_removed(
    surrogate: LinearGaussian, outcomes: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Expected regret that each candidate removes, by weighing draws.

    E[f | y] is the linear-Gaussian expectation plus the weighted mean of the draws' residuals
    around the regression of f on the candidate's losses.

    Returns
    -------
    removed, trusted
        Nats, and whether weights that were shuffled among the draws would give little of it:
        (candidate,).
    """
    rng = np.random.default_rng(seed)
    draws = surrogate.draws(seed)
    objective = draws @ surrogate.objective_features.T
    source = rng.choice(len(draws), outcomes, replace=outcomes > len(draws))
    white = rng.normal(size=(outcomes, surrogate.target_mean.shape[1]))
    shuffled = rng.permutation(len(draws))
    values = [
        _values_by_weights(surrogate, objective, draws @ features.T, noise, source, white, shuffled)
        for features, noise in zip(
            surrogate.candidates.features, surrogate.candidates.noise, strict=True
        )
    ]
    removed, linear, null = np.array(values).T
    return np.maximum(removed, 0.0), abs(null - linear) < MAX_NOISE_SHARE * removed


def _values_by_weights(
    surrogate: LinearGaussian,
    objective: np.ndarray,
    losses: np.ndarray,
    noise: np.ndarray,
    source: np.ndarray,
    white: np.ndarray,
    shuffled: np.ndarray,
) -> tuple[float, float, float]:
    """Regret removed by a candidate: weighed, linear alone, and with shuffled weights.

    Parameters
    ----------
    objective, losses
        Draws around their means, (draw, M) and (draw, V).
    source, white
        The draw that makes each outcome, (outcome,), and its noise in units of its sd.
    """
    covariance = losses.T @ losses / len(losses)
    cross = losses.T @ objective / len(losses)
    residual = objective - losses @ np.linalg.lstsq(covariance, cross)[0]
    seen = losses[source] + white * np.sqrt(noise)
    expected = surrogate.objective_mean + seen @ np.linalg.solve(covariance + np.diag(noise), cross)
    misfit = _squared_distances(seen / np.sqrt(noise), losses / np.sqrt(noise))
    misfit[np.arange(len(source)), source] = np.inf
    # Single precision: exponentials of (outcome, draw) are most of the time.
    weight = _weights((misfit - misfit.min(axis=1, keepdims=True)).astype(np.float32))
    residual = residual.astype(np.float32)
    # Against the mean outcome, so that outcomes that happen to be good or bad are no gain.
    means = [expected + weight @ residual, expected, expected + weight @ residual[shuffled]]
    removed, linear, null = (m.mean(axis=0).min() - m.min(axis=1).mean() for m in means)
    return float(removed), float(linear), float(null)


def _squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of each row of one table to each of the other, by one product of matrices."""
    between = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return np.asarray(np.maximum(between, 0.0))


def _weights(misfit: np.ndarray) -> np.ndarray:
    """Likelihoods, flattened until enough draws carry them: (outcome, draw).

    Flat weights leave the linear-Gaussian expectation as it is, since residuals have mean 0.
    """
    power = 1.0
    while True:
        weight = np.exp(-0.5 * power * misfit)
        weight /= weight.sum(axis=1, keepdims=True)
        if (1 / (weight**2).sum(axis=1)).mean() >= min(MIN_EFFECTIVE_DRAWS, misfit.shape[1] / 4):
            return np.asarray(weight)
        power /= 2


def batch_regret_removed(
    before: LinearGaussian, after: LinearGaussian, outcomes: int = 1024
) -> float:
    """Expected regret that the runs between two surrogates remove together, nats."""
    values, vectors = np.linalg.eigh(before.covariance - after.covariance)
    root = before.objective_features @ (vectors * np.sqrt(np.maximum(values, 0.0)))
    normal = np.random.default_rng(0).normal(size=(outcomes // 2, root.shape[1]))
    shift = np.concatenate([normal, -normal]) @ root.T
    mean = before.objective_mean
    return max(float(mean.min() - (mean + shift).min(axis=1).mean()), 0.0)
