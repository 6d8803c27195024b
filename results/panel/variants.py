"""The default law with a piece added or taken away, for the ablation.

A piece stays if the studies of sizes lose log score without it by more than the standard error
over tables (``README.md``); a piece to add comes in by the same rule.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from bayescamel.laws import Law
from bayescamel.laws.base import Array, Inputs, Parameter, Terms
from bayescamel.laws.parts import log_share
from bayescamel.models.hierarchy import Noise

type Variant = Callable[[Law, Noise], tuple[Law, Noise]]

BEND = Parameter("bend", ("validation",), "positive", 0.5, location_sd=0.7, spread=0.3)
NOTHING = 1e-9
"""Of a scale whose logarithm is sampled: none to speak of."""


def bent_terms(
    law: Law, xp: Array, inputs: Inputs, *, elasticity: Array, bend: Array, **others: Array
) -> Terms:
    """The response c (φ^-γ - 1) / γ in place of -c ln φ."""
    basis, fixed = law.terms(xp, inputs, elasticity=elasticity, **others)
    straight = log_share(xp, elasticity, inputs)
    return Terms(basis, fixed * _bend(xp, bend, straight))


def _bend(xp: Array, bend: Array, straight: Array) -> Array:
    """(1 - φ^-γ) / (γ ln φ), what multiplies the logarithm; 1 where it is 0."""
    x = -bend * straight
    near = xp.abs(x) < 1e-6
    safe = xp.where(near, 1.0, x)
    return xp.where(near, 1 + x / 2, xp.expm1(safe) / safe)


def bent(law: Law, noise: Noise) -> tuple[Law, Noise]:
    """A bend γ of the response to the mixture."""

    def terms(xp: Array, inputs: Inputs, **values: Array) -> Terms:
        return bent_terms(law, xp, inputs, **values)

    return _made(law, "bent", (*law.parameters, BEND), terms), noise


def without(name: str, law: Law, noise: Noise) -> tuple[Law, Noise]:
    """One of the law's parameters at 0."""
    kept = tuple(p for p in law.parameters if p.name != name)

    def terms(xp: Array, inputs: Inputs, **values: Array) -> Terms:
        zero = 0.0 * values["alpha"]
        return law.terms(xp, inputs, **values, **{name: zero})

    return _made(law, f"without_{name}", kept, terms), noise


def no_own(law: Law, noise: Noise) -> tuple[Law, Noise]:
    """A domain's own data like all others'."""
    changed = tuple(replace(p, own=None) if p.own is not None else p for p in law.parameters)
    return replace(law, parameters=changed), noise


def may_grow(law: Law, noise: Noise) -> tuple[Law, Noise]:
    """A mixture's effect may also grow with size."""
    made = Parameter("size_fading", ("validation",), "real", 0.05, location_sd=0.04, spread=0.04)
    changed = tuple(made if p.name == made.name else p for p in law.parameters)
    return replace(law, parameters=changed), noise


def no_crossing(law: Law, noise: Noise) -> tuple[Law, Noise]:
    """Size and tokens add up."""

    def terms(xp: Array, inputs: Inputs, **values: Array) -> Terms:
        basis, fixed = law.terms(xp, inputs, **values)
        return Terms({name: basis[name] for name in basis if name != "crossing"}, fixed)

    kept = tuple(c for c in law.coefficients if c.name != "crossing")
    return _made(replace(law, coefficients=kept), "no_crossing", law.parameters, terms), noise


def other_noise(law: Law, noise: Noise, **changes: Any) -> tuple[Law, Noise]:
    """The scatter changed."""
    return law, replace(noise, **changes)


def _made(
    law: Law, name: str, parameters: tuple[Parameter, ...], terms: Callable[..., Terms]
) -> Law:
    """A law whose terms take what its parameters say."""
    import inspect

    names = [p.name for p in parameters]
    kind = inspect.Parameter.KEYWORD_ONLY
    shown = [inspect.Parameter(n, kind) for n in names]
    terms.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    return replace(law, name=name, parameters=parameters, terms=terms)


VARIANTS: dict[str, Variant] = {
    "bent": bent,
    "no-crossing": no_crossing,
    "no-size-fading": partial(without, "size_fading"),
    "may-grow": may_grow,
    "no-own": no_own,
    "no-run-noise": partial(other_noise, run_spread=0.0),
    "no-lopsided-noise": partial(other_noise, mixture_dependent=False),
    "no-size-effect": partial(other_noise, size_effect=NOTHING),
    "no-beyond": partial(other_noise, beyond=0.0),
}
KRIGING = "no-kriging"
"""Changes what is told of a fit and not the fit: see `panel.judged`."""
