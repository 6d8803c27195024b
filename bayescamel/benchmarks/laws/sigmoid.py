"""Single-loss sigmoid (OLMo ladder, Bhagia et al. 2024, arXiv:2412.04403), from one loss.

    Acc = a / (1 + exp(-k (L - L₀))) + b,   k < 0

Written around the reference loss L⁰, with x = L / L⁰: slope = -k L⁰, midpoint = L₀ / L⁰ - 1. The
range a is written as a share of what is left above the floor b, which is free.
"""

from typing import Any

from bayescamel.benchmarks.laws.anchored import ANCHORED
from bayescamel.benchmarks.laws.base import BenchmarkLaw, BenchmarkParameter, logistic
from bayescamel.laws.base import Array


def _ladder(
    xp: Any,
    signal: Array,
    chance: Array,
    *,
    floor: Array,
    ceiling: Array,
    slope: Array,
    midpoint: Array,
) -> Array:
    del chance  # the floor is free
    progress = logistic(xp, slope * (midpoint - (signal - 1)))
    return floor + (1 - floor) * ceiling * progress


SIGMOID = BenchmarkLaw(
    name="sigmoid",
    title="sigmoid of one loss (OLMo ladder)",
    listening="single",
    parameters=(
        BenchmarkParameter("floor", "unit", 0.25, location_sd=1.0, spread=1.5),
        BenchmarkParameter("ceiling", "unit", 0.7, location_sd=0.7, spread=1.0),
        BenchmarkParameter("slope", "positive", 7.0, location_sd=0.5, spread=0.5),
        BenchmarkParameter("midpoint", "real", -0.1, location_sd=0.3, spread=0.3),
    ),
    curve=_ladder,
    bounded=False,
    coordinates=ANCHORED,
)
