"""Acquisitions that score what the posterior would learn from a candidate.

An acquisition is a small frozen value, its parameters the fields, with a ``name`` and ``scores``,
one a candidate, of which the highest is trained next; minus infinity is never trained. Those here
score what is learned per FLOP on the surrogate of `bayescamel.designs.linear_gaussian`. Those that
look at the decision are in `bayescamel.designs.regret`, those that know nothing of losses in
`bayescamel.designs.baselines`; `bayescamel.designs.registry` lists all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np

from bayescamel.designs.inputs import AcquisitionInputs
from bayescamel.designs.linear_gaussian import LinearGaussian

CHUNK = 20_000
"""Candidates scored at once: what lies between them and their scores stays below 200 MB."""

type Quantity = Literal["losses", "objective"]


class Acquisition(Protocol):
    """Scores candidates, to choose among them."""

    name: ClassVar[str]
    """Under which a study stores it."""

    def scores(self, inputs: AcquisitionInputs) -> np.ndarray:
        """One number a candidate, (candidate,); the highest is trained next."""


@dataclass(frozen=True)
class VarianceReduction:
    """Variance of the target's losses that a run removes, per FLOP.

        tr(Cov(t, y) (Cov(y) + noise)⁻¹ Cov(y, t)) / FLOPs

    with t the losses at the target on each mixture where they matter, every validation domain's as
    a share of itself, and y the candidate's losses (active learning by variance reduction: Cohn,
    Ghahramani, Jordan 1996).
    """

    name: ClassVar[str] = "variance"
    quantity: ClassVar[Quantity] = "losses"

    def scores(self, inputs: AcquisitionInputs) -> np.ndarray:
        """Variance removed per FLOP."""
        return np.asarray(
            variance_removed(inputs.require_surrogate(), self.quantity) / inputs.flops
        )


@dataclass(frozen=True)
class ObjectiveVarianceReduction(VarianceReduction):
    """The same with the objective alone in place of all losses."""

    name: ClassVar[str] = "objective-variance"
    quantity: ClassVar[Quantity] = "objective"


@dataclass(frozen=True)
class InformationGain:
    """Expected information about the losses of the target's run, per FLOP.

        ½ (ln|Cov(t)| - ln|Cov(t | y)|) / FLOPs, nats

    with t what a run at the target would measure, noise included, on the mixture that now looks
    best: the mutual information of a Gaussian pair (Lindley 1956; MacKay 1992).
    """

    name: ClassVar[str] = "information"

    def scores(self, inputs: AcquisitionInputs) -> np.ndarray:
        """Nats per FLOP."""
        return np.asarray(information_gained(inputs.require_surrogate()) / inputs.flops)


def variance_removed(surrogate: LinearGaussian, quantity: Quantity) -> np.ndarray:
    """Variance of the target that each candidate removes, summed over mixtures: (candidate,)."""
    middle = surrogate.covariance @ _target_weight(surrogate, quantity) @ surrogate.covariance
    single = middle.astype(np.float32)

    def part(some: LinearGaussian) -> np.ndarray:
        features = some.candidates.features
        between = (features @ single) @ np.swapaxes(features, 1, 2)
        solved = np.linalg.solve(some.predicted_covariance(), between.astype(np.float64))
        return np.asarray(np.trace(solved, axis1=1, axis2=2))

    return in_chunks(surrogate, part, CHUNK)


def target_variance(surrogate: LinearGaussian, quantity: Quantity) -> float:
    """Variance of the target, summed over mixtures as in `variance_removed`."""
    return float((_target_weight(surrogate, quantity) * surrogate.covariance).sum())


def _target_weight(surrogate: LinearGaussian, quantity: Quantity) -> np.ndarray:
    """T in: variance of the target = tr(T C), (F, F)."""
    if quantity == "objective":
        rows = surrogate.objective_features
    else:
        relative = surrogate.target_features / surrogate.target_mean[:, :, None]
        rows = relative.reshape(-1, relative.shape[-1])
    return np.asarray(rows.T @ rows)


def information_gained(surrogate: LinearGaussian) -> np.ndarray:
    """Information about the losses of the target's run in each candidate, nats: (candidate,)."""
    target = surrogate.target_features[int(np.argmin(surrogate.objective_mean))]
    prior = target @ surrogate.covariance @ target.T + np.diag(surrogate.target_noise)
    before = np.linalg.slogdet(prior)[1]

    def part(some: LinearGaussian) -> np.ndarray:
        cross = some.covariance_with(target).astype(np.float64)
        explained = np.swapaxes(cross, 1, 2) @ np.linalg.solve(some.predicted_covariance(), cross)
        return np.asarray(0.5 * (before - np.linalg.slogdet(prior - explained)[1]))

    return in_chunks(surrogate, part, CHUNK)


def in_chunks(
    surrogate: LinearGaussian, part: Callable[[LinearGaussian], np.ndarray], size: int
) -> np.ndarray:
    """Apply `part` to so many candidates at a time."""
    n = len(surrogate.candidates.mean)
    return np.concatenate(
        [part(surrogate.only(slice(start, start + size))) for start in range(0, n, size)]
    )
