"""When to stop: when the next batch costs more than it would save.

A nat of regret has a price in FLOPs: those by which the target would have to be trained longer, or
made larger, to win it back. By the posterior the objective falls by s nats per unit of ln FLOPs at
the target, so a regret of r nats is worth

    FLOPs(target) · (exp(r / s) - 1).

The study stops when the regret that the next batch is expected to remove is worth less than the
batch costs, and the posterior that says so can be believed: its draws converged, and it has seen
three sizes or no larger one can be had. Otherwise the regret is what is in doubt, not the batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bayescamel.designs.candidates import target_table
from bayescamel.designs.predictive import PredictiveDraws
from bayescamel.designs.space import Space
from bayescamel.runs.sizes import active_params, n_sizes
from bayescamel.targets import Target

MIN_SIZES = 3
"""Sizes from which on runs, and not priors alone, say how losses and effects go on with size."""

GROWTH = 1.1
"""Factor by which size and tokens are raised to see what FLOPs buy."""


@dataclass(frozen=True)
class Stop:
    """Whether to stop, and why.

    Parameters
    ----------
    stop
        True when the next batch is surely not worth its cost, or cannot be paid for.
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


def third_size(
    space: Space, told: pd.DataFrame, pending: pd.DataFrame, affordable: float
) -> str | None:
    """Why runs of too few sizes are no ground to stop on; None where they are enough.

    Parameters
    ----------
    told, pending
        Runs that the posterior knows, and that it will: ``n_params``, ``n_active_params``.
    affordable
        FLOPs that one run more may cost.
    """
    if n_sizes(told) >= MIN_SIZES:
        return None
    largest, coming = active_params(told).max(), active_params(pending)
    for size in space.sizes:
        cost = min(size.flops(tokens) for tokens in space.tokens(size))
        if size.active > largest and (cost <= affordable or size.active in coming):
            return (
                f"the runs have fewer than {MIN_SIZES} sizes, and the budget pays for a larger "
                f"one, {size.n_params:.3g} parameters"
            )
    return None


def stop_rule(
    removed: float,
    regret: float,
    slope: float,
    target: Target,
    cost: float,
    doubts: Sequence[str] = (),
) -> Stop:
    """Weigh the next batch.

    Parameters
    ----------
    removed, regret
        Nats that the batch is expected to remove, and that are left now.
    slope
        `price`.
    cost
        FLOPs of the batch.
    doubts
        Why the posterior cannot be believed that a batch is not worth it: then it is no stop.
    """
    value = worth(removed, slope, target)
    little = value < cost
    reason = (
        f"the next batch ({cost:.2g} FLOPs) is expected to remove {removed:.2g} nats of regret, "
        f"worth {value:.2g} FLOPs at the target: {'not ' if little else ''}worth training"
    )
    if little and doubts:
        reason += f", which is not to be relied on yet: {'; '.join(doubts)}"
    return Stop(little and not doubts, reason, regret, removed, value, cost)
