"""When to stop: when the next batch costs more than it would save.

A nat of regret has a price in FLOPs: those by which the target would have to be trained longer, or
made larger, to win it back. By the posterior the objective falls by s nats per unit of ln FLOPs at
the target, so a regret of r nats is worth

    FLOPs(target) · (exp(r / s) - 1).

The study stops when the regret that the next batch is expected to remove is worth less than the
batch costs.
"""

from dataclasses import dataclass, replace

import numpy as np

from bayescamel.designs.candidates import target_table
from bayescamel.designs.predictive import PredictiveDraws
from bayescamel.targets import Target

GROWTH = 1.1
"""Factor by which size and tokens are raised to see what FLOPs buy."""


@dataclass(frozen=True)
class Stop:
    """Whether to stop, and why.

    Parameters
    ----------
    stop
        True when the next batch is not worth its cost, or cannot be paid for.
    reason
        In words.
    expected_regret
        Of the mixture that is recommended now, nats; None before there is a posterior.
    removed
        Regret that the next batch is expected to remove, nats.
    worth, cost
        FLOPs that this saves at the target, and FLOPs of the batch.
    """

    stop: bool
    reason: str
    expected_regret: float | None = None
    removed: float | None = None
    worth: float | None = None
    cost: float | None = None


def target_flops(target: Target) -> float:
    """Training FLOPs of the target: 6 N_active D."""
    if target.n_tokens is None:
        raise ValueError("a target without tokens has no cost")
    return 6 * target.active * target.n_tokens


def price(
    predictive: PredictiveDraws, target: Target, mixture: np.ndarray, objective: np.ndarray
) -> float:
    """Nats by which the objective falls per unit of ln FLOPs at the target.

    Parameters
    ----------
    mixture
        Of the target, (domain,).
    objective
        Weights over validation domains.
    """
    grown = replace(
        target,
        n_params=target.n_params * GROWTH,
        n_tokens=None if target.n_tokens is None else target.n_tokens * GROWTH,
        n_active_params=(
            None if target.n_active_params is None else target.n_active_params * GROWTH
        ),
    )
    tables = (target_table(t, mixture[None], predictive.domains) for t in (target, grown))
    before, after = (float((predictive.curves(table) @ objective).mean()) for table in tables)
    return max(before - after, 0.0) / (2 * float(np.log(GROWTH)))


def worth(removed: float, slope: float, target: Target) -> float:
    """FLOPs at the target that a regret of so many nats is worth; infinite where none buy it."""
    if slope <= 0:
        return float("inf") if removed > 0 else 0.0
    # Beyond e^50 the number has lost its meaning and not its message.
    return target_flops(target) * float(np.expm1(min(removed / slope, 50.0)))


def stop_rule(removed: float, regret: float, slope: float, target: Target, cost: float) -> Stop:
    """Weigh the next batch.

    Parameters
    ----------
    removed, regret
        Nats that the batch is expected to remove, and that are left now.
    slope
        `price`.
    cost
        FLOPs of the batch.
    """
    value = worth(removed, slope, target)
    stop = value < cost
    reason = (
        f"the next batch ({cost:.2g} FLOPs) is expected to remove {removed:.2g} nats of regret, "
        f"worth {value:.2g} FLOPs at the target: {'not ' if stop else ''}worth training"
    )
    return Stop(stop, reason, regret, removed, value, cost)
