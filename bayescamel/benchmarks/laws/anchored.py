"""Sampling a sigmoid by its height and steepness at the reference loss.

The runs tell how much is gained at the reference loss and how steeply that changes, while the same
curve there comes from a high ceiling far away or a low one near by. In midpoint, slope and ceiling
that is a thin, bent ridge; in

    height    = η + ln c          (the log of what is gained there, where the ceiling is far)
    steepness = ln κ + ln(1 - logistic(η)),    η = κ m

it is nearly straight, and the ceiling is free to move. The change has volume 1 / κ.
"""

from collections.abc import Mapping
from typing import Any

from bayescamel.benchmarks.laws.base import Coordinates
from bayescamel.laws.base import Array


def _to_raw(xp: Any, sampled: Mapping[str, Array]) -> tuple[dict[str, Array], Array]:
    ceiling = sampled["ceiling"]
    eta = sampled["midpoint"] + xp.logaddexp(0.0, -ceiling)
    log_slope = sampled["slope"] + xp.logaddexp(0.0, eta)
    own = {"slope": log_slope, "midpoint": eta * xp.exp(-log_slope)}
    return {**sampled, **own}, -log_slope


def _from_raw(xp: Any, raw: Mapping[str, Array]) -> dict[str, Array]:
    eta = xp.exp(raw["slope"]) * raw["midpoint"]
    own = {
        "slope": raw["slope"] - xp.logaddexp(0.0, eta),
        "midpoint": eta - xp.logaddexp(0.0, -raw["ceiling"]),
    }
    return {**raw, **own}


ANCHORED = Coordinates(_to_raw, _from_raw)
"""Of laws with ``slope`` (positive), ``midpoint`` (real), ``ceiling`` (unit); others are kept."""
