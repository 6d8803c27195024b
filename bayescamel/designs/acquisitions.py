"""Acquisitions that ask what the posterior would learn from a candidate.

An acquisition is a small frozen value with a ``name`` and ``scores``, one a candidate, of which
the highest is trained next; minus infinity is never trained. Those here score what is learned per
FLOP on the linear-Gaussian picture of `bayescamel.designs.knowledge`. Those that look at the
decision are in `bayescamel.designs.regret`, those that know nothing of losses in
`bayescamel.designs.baselines`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from bayescamel.designs.knowledge import Knowledge
from bayescamel.designs.situation import Situation

CHUNK = 20_000
"""Candidates scored at once: what lies between them and their scores stays below 200 MB."""

type Of = Literal["losses", "objective"]


class Acquisition(Protocol):
    """What chooses among candidates."""

    @property
    def name(self) -> str:
        """Under which a study stores it."""

    def scores(self, situation: Situation) -> np.ndarray:
        """One number a candidate, (candidate,); the highest is trained next."""


@dataclass(frozen=True)
class VarianceReduction:
    """Variance of the target's losses that a run removes, per FLOP.

        tr(Cov(t, y) (Cov(y) + noise)⁻¹ Cov(y, t)) / FLOPs

    with t the losses at the target on each mixture where they matter and y the candidate's losses
    (active learning by variance reduction: Cohn, Ghahramani, Jordan 1996).

    Parameters
    ----------
    of
        ``"losses"``: every validation domain's loss, as a share of itself; ``"objective"``: the
        objective alone.
    """

    of: Of = "losses"

    @property
    def name(self) -> str:
        """``variance`` or ``objective-variance``."""
        return "variance" if self.of == "losses" else "objective-variance"

    def scores(self, situation: Situation) -> np.ndarray:
        """Variance removed per FLOP."""
        return np.asarray(variance_removed(situation.knowledge, self.of) / situation.flops)


@dataclass(frozen=True)
class InformationGain:
    """Expected information about the losses of the target's run, per FLOP.

        ½ (ln|Cov(t)| - ln|Cov(t | y)|) / FLOPs, nats

    with t what a run at the target would measure, noise included, on the mixture that now looks
    best: the mutual information of a Gaussian pair (Lindley 1956; MacKay 1992).
    """

    name: str = "information"

    def scores(self, situation: Situation) -> np.ndarray:
        """Nats per FLOP."""
        return np.asarray(information_gained(situation.knowledge) / situation.flops)


def variance_removed(knowledge: Knowledge, of: Of) -> np.ndarray:
    """Variance of the target that each candidate removes, summed over mixtures: (candidate,)."""
    middle = knowledge.covariance @ _target_weight(knowledge, of) @ knowledge.covariance
    single = middle.astype(np.float32)

    def part(some: Knowledge) -> np.ndarray:
        features = some.candidates.features
        between = (features @ single) @ np.swapaxes(features, 1, 2)
        solved = np.linalg.solve(some.predicted_covariance(), between.astype(np.float64))
        return np.asarray(np.trace(solved, axis1=1, axis2=2))

    return in_chunks(knowledge, part, CHUNK)


def target_variance(knowledge: Knowledge, of: Of) -> float:
    """Variance of the target, summed over mixtures as in `variance_removed`."""
    return float((_target_weight(knowledge, of) * knowledge.covariance).sum())


def _target_weight(knowledge: Knowledge, of: Of) -> np.ndarray:
    """T in: variance of the target = tr(T C), (F, F)."""
    if of == "objective":
        rows = knowledge.objective_features
    else:
        relative = knowledge.target_features / knowledge.target_mean[:, :, None]
        rows = relative.reshape(-1, relative.shape[-1])
    return np.asarray(rows.T @ rows)


def information_gained(knowledge: Knowledge) -> np.ndarray:
    """Information about the losses of the target's run in each candidate, nats: (candidate,)."""
    target = knowledge.target_features[int(np.argmin(knowledge.objective_mean))]
    own = target @ knowledge.covariance @ target.T + np.diag(knowledge.target_noise)
    before = np.linalg.slogdet(own)[1]

    def part(some: Knowledge) -> np.ndarray:
        cross = some.covariance_with(target).astype(np.float64)
        explained = np.swapaxes(cross, 1, 2) @ np.linalg.solve(some.predicted_covariance(), cross)
        return np.asarray(0.5 * (before - np.linalg.slogdet(own - explained)[1]))

    return in_chunks(knowledge, part, CHUNK)


def in_chunks(
    knowledge: Knowledge, part: Callable[[Knowledge], np.ndarray], size: int
) -> np.ndarray:
    """Apply `part` to so many candidates at a time."""
    n = len(knowledge.candidates.mean)
    return np.concatenate(
        [part(knowledge.only(slice(start, start + size))) for start in range(0, n, size)]
    )
