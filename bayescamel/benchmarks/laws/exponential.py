"""Exponential (Gadre et al. 2024, arXiv:2403.08540): Err = ε - k exp(-γ L), from one loss.

Written around the reference loss L⁰, with x = L / L⁰:

    acc_b = floor_b + gain_b · exp(-rate_b (x - 1)),    floor = 1 - ε,  gain = k exp(-γ L⁰)

Nothing keeps it below 1.
"""

from typing import Any

from bayescamel.benchmarks.laws.base import BenchmarkLaw, BenchmarkParameter
from bayescamel.laws.base import Array


def _exponential(
    xp: Any, signal: Array, chance: Array, *, floor: Array, gain: Array, rate: Array
) -> Array:
    del chance  # the floor is free
    return floor + gain * xp.exp(-rate * (signal - 1))


EXPONENTIAL = BenchmarkLaw(
    name="exponential",
    title="exponential in one loss (Gadre et al.)",
    listening="single",
    parameters=(
        BenchmarkParameter("floor", "unit", 0.25, location_sd=1.0, spread=1.5),
        BenchmarkParameter("gain", "positive", 0.05, location_sd=1.0, spread=1.0),
        BenchmarkParameter("rate", "positive", 4.0, location_sd=0.5, spread=0.5),
    ),
    curve=_exponential,
    bounded=False,
)
