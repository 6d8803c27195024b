"""Sampling a sigmoid by its height and steepness at the reference loss.

The runs tell how much is gained at the reference loss and how steeply that changes, while the same
curve there comes from a high ceiling far away or a low one that is nearly reached. In midpoint,
slope and ceiling that is a thin, bent ridge. With η = κ m the share of the ceiling c that is
reached at the reference is logistic(η), and in

    gained    = logit(c · logistic(η))
    nearness  = η + ln(1 - c) - gained
    steepness = ln κ + ln(1 - logistic(η)),  levelling off where the curve is saturated

the ridge is straight: what is gained is told by the runs, and the ceiling is free to move from far
away (nearness is -logit c) until it is reached (∞). Where nothing is gained yet, or all long ago, η
has a long tail; the inverse hyperbolic sines of gained and nearness are sampled, which shorten it.
From (η, logit c) to (gained, nearness) volume is kept; from midpoint to η it changes by 1 / κ.
"""

from collections.abc import Mapping
from typing import Any

from bayescamel.benchmarks.laws.base import Coordinates
from bayescamel.laws.base import Array

SATURATION_POINT = 1.0
"""η from which on the reference loss lies beyond the rise, whose slope is then told by other
runs."""


def _softplus(xp: Any, x: Array) -> Array:
    return xp.logaddexp(0.0, x)


def _flattening(xp: Any, eta: Array) -> Array:
    """-ln(1 - logistic(η)), levelling off where the curve is saturated."""
    return _softplus(xp, eta) - _softplus(xp, eta - SATURATION_POINT)


def _to_raw(xp: Any, sampled: Mapping[str, Array]) -> tuple[dict[str, Array], Array]:
    gained = xp.sinh(sampled["midpoint"])
    reached = gained + xp.sinh(sampled["ceiling"])
    log_share = xp.logaddexp(
        -_softplus(xp, -gained), -_softplus(xp, gained) - _softplus(xp, -reached)
    )
    eta = log_share + _softplus(xp, gained) + _softplus(xp, reached)
    log_slope = sampled["slope"] + _flattening(xp, eta)
    changed = {
        "slope": log_slope,
        "midpoint": eta * xp.exp(-log_slope),
        "ceiling": gained + _softplus(xp, -reached),
    }
    stretched = xp.log(xp.cosh(sampled["midpoint"])) + xp.log(xp.cosh(sampled["ceiling"]))
    return {**sampled, **changed}, stretched - log_slope


def _from_raw(xp: Any, raw: Mapping[str, Array]) -> dict[str, Array]:
    eta = xp.exp(raw["slope"]) * raw["midpoint"]
    log_share, log_missed = -_softplus(xp, -eta), -_softplus(xp, raw["ceiling"])
    log_gained = log_share - _softplus(xp, -raw["ceiling"])
    log_rest = xp.logaddexp(-_softplus(xp, eta), log_share + log_missed)
    gained = log_gained - log_rest
    changed = {
        "slope": raw["slope"] - _flattening(xp, eta),
        "midpoint": xp.arcsinh(gained),
        "ceiling": xp.arcsinh(eta + log_missed - gained),
    }
    return {**raw, **changed}


ANCHORED = Coordinates(_to_raw, _from_raw)
"""Of laws with ``slope`` (positive), ``midpoint`` (real), ``ceiling`` (unit); others are kept."""
