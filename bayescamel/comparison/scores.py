"""Scores of predictive distributions against the losses that were observed."""

from dataclasses import asdict, dataclass

import numpy as np
from scipy.special import logsumexp, ndtr

type Floats = np.ndarray


@dataclass(frozen=True)
class Scores:
    """Scores over the measured losses of some runs.

    Parameters
    ----------
    mre
        Mean relative error of the predictive mean.
    bias
        Mean of (predicted - observed) / observed.
    coverage50, coverage90
        Share of losses inside the central interval.
    width90
        Mean width of the 90 % interval, relative to the loss.
    log_score
        Mean log predictive density, nats, of the loss (higher is better).
    crps
        Mean continuous ranked probability score, nats per token (lower is better).
    """

    mre: float
    bias: float
    coverage50: float
    coverage90: float
    width90: float
    log_score: float
    crps: float

    def to_dict(self) -> dict[str, float]:
        """By name."""
        return asdict(self)


def score(observed: Floats, mean: Floats, sd: Floats, seed: int = 0) -> Scores:
    """Score a mixture of normals, one a draw, against what was observed.

    Parameters
    ----------
    observed
        Shape (run, validation); NaN where not measured.
    mean, sd
        Each draw's predicted loss and scatter, shape (draw, run, validation).
    seed
        Of the sample that quantiles and CRPS are taken from.
    """
    measured = ~np.isnan(observed)
    y, mu = observed[measured], mean[:, measured]
    scatter = np.broadcast_to(sd, mean.shape)[:, measured]
    sample = mu + scatter * np.random.default_rng(seed).normal(size=mu.shape)
    low90, low50, high50, high90 = np.quantile(sample, [0.05, 0.25, 0.75, 0.95], axis=0)
    centre = mu.mean(axis=0)
    return Scores(
        mre=float(np.mean(np.abs(centre / y - 1))),
        bias=float(np.mean(centre / y - 1)),
        coverage50=float(np.mean((low50 <= y) & (y <= high50))),
        coverage90=float(np.mean((low90 <= y) & (y <= high90))),
        width90=float(np.mean((high90 - low90) / y)),
        log_score=float(np.mean(log_density(y, mu, scatter))),
        crps=float(np.mean(crps(sample, y))),
    )


def normal_log_density(observed: Floats, mean: Floats, sd: Floats) -> Floats:
    """Log density under each draw's normal, shape of `mean`; NaN where not measured."""
    z = (observed - mean) / sd
    return np.asarray(-0.5 * z**2 - np.log(sd) - 0.5 * np.log(2 * np.pi))


def pit(observed: Floats, mean: Floats, sd: Floats) -> Floats:
    """Probability integral transform, P(predicted loss ≤ observed), shape of `observed`.

    Uniform where the predictive distribution, a mixture of the draws' normals, is right (Dawid
    1984; Gneiting, Balabdaoui & Raftery 2007); NaN where not measured.
    """
    return np.asarray(ndtr((observed - mean) / sd).mean(axis=0))


def log_density(observed: Floats, mean: Floats, sd: Floats) -> Floats:
    """Log density under the mixture of the draws' normals, shape of `observed`."""
    by_draw = normal_log_density(observed, mean, sd)
    return np.asarray(logsumexp(by_draw, axis=0) - np.log(len(by_draw)))


def crps(sample: Floats, observed: Floats) -> Floats:
    """E|X - y| - E|X - X'| / 2 over a sample along axis 0 (Gneiting & Raftery 2007)."""
    n = len(sample)
    ordered = np.sort(sample, axis=0)
    # E|X - X'| of a sorted sample in one pass instead of n² pairs.
    weights = (2 * np.arange(1, n + 1) - n - 1)[:, None] / (n * (n - 1))
    spread = 2 * np.sum(weights * ordered, axis=0)
    return np.asarray(np.mean(np.abs(sample - observed), axis=0) - spread / 2)
