"""Ours: a sigmoid of the losses that the benchmark listens to, between chance and a ceiling.

    acc_b = chance_b + (1 - chance_b) · c_b · logistic(κ_b (m_b - ln s_b))^ν_b,
    s_b = Σ_v ρ_bv L_v / L⁰_v,    ρ_b on the simplex

with L⁰ the reference losses: Richards' curve. The asymmetry ν is near 1, the plain logistic. It
lets the first part of the rise, which many small models show, differ from the last, which few large
ones do; tied to each other, the small models decide where the large ones go.

In nats the weights are ρ_bv / L⁰_v, scaled to sum to 1. The logarithm is one of two forms: around
the reference ln s and s - 1 are one, far from it they bend apart. Which was kept was decided at
horizons among small models; `SIMPLEX_NATS` is the other.
"""

from collections.abc import Callable
from typing import Any

from bayescamel.benchmarks.laws.anchored import ANCHORED
from bayescamel.benchmarks.laws.base import BenchmarkLaw, BenchmarkParameter
from bayescamel.laws.base import Array

SPREAD_SD = 0.1
"""How far the spreads over benchmarks may be learned, on the log scale: little. Where many
benchmarks stay at chance, spreads grow without end otherwise: each wiggle of a run then becomes a
rise of its own, as steep as a step and with a ceiling just above chance, and the line beyond it is
flat and sure. What does not fit is the runs' own scatter."""

LEAST_SIGNAL = 1e-3
"""Of the reference losses. A law of losses that has no floor may say less than 0 nats far beyond
the runs: what is nothing, and what is below, is at the ceiling."""

PARAMETERS = (
    # A nat less per token from 3 nats is a third of the signal: at 7 it doubles the odds twice.
    BenchmarkParameter("slope", "positive", 7.0, location_sd=0.4, spread=0.6, spread_sd=SPREAD_SD),
    BenchmarkParameter(
        "midpoint",
        "real",
        -0.1,
        location_sd=0.3,
        spread=0.3,
        spread_sd=SPREAD_SD,
        follows_accuracy=True,
    ),
    # Questions that people can answer have a ceiling near 1; where format or labels are against
    # the model it is lower.
    BenchmarkParameter("ceiling", "unit", 0.82, location_sd=0.5, spread=1.0, spread_sd=SPREAD_SD),
    # Hard to see in either alone: the score's is the accuracy's, and a shift.
    BenchmarkParameter(
        "asymmetry",
        "positive",
        1.0,
        location_sd=0.2,
        spread=0.4,
        spread_sd=SPREAD_SD,
        follows_accuracy=True,
    ),
)


def _richards(log_loss: Callable[[Any, Array], Array]) -> Callable[..., Array]:
    """The curve in one of the two forms of the log of the signal."""

    def curve(
        xp: Any,
        signal: Array,
        chance: Array,
        *,
        slope: Array,
        midpoint: Array,
        ceiling: Array,
        asymmetry: Array,
    ) -> Array:
        ahead = slope * (midpoint - log_loss(xp, signal))
        progress = xp.exp(-asymmetry * xp.logaddexp(0.0, -ahead))
        return chance + (1 - chance) * ceiling * progress

    return curve


SIMPLEX = BenchmarkLaw(
    name="simplex",
    title="sigmoid of the log of a weighted loss, between chance and a pooled ceiling",
    listening="simplex",
    parameters=PARAMETERS,
    curve=_richards(lambda xp, signal: xp.log(xp.maximum(signal, LEAST_SIGNAL))),
    bounded=True,
    coordinates=ANCHORED,
)

SIMPLEX_NATS = BenchmarkLaw(
    name="simplex-nats",
    title="the same, linear in the loss",
    listening="simplex",
    parameters=PARAMETERS,
    curve=_richards(lambda _xp, signal: signal - 1),
    bounded=True,
    coordinates=ANCHORED,
)
