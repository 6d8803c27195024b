"""R2: a log-linear mixture effect that changes with size, and the same without that change.

    L_v(N, w) = E_v + exp(a_v + t_v·w - α_v ln N + (s_v·w) ln N)          (ours)

s = 0 switches the interplay of size and mixture off, and with it any movement of the best mixture
with size: fitting both (`r2`, `r2-separable`) tests whether the interplay is there. At one size it
is the mixing law of Ye et al. (`bayescamel.laws.mixing_laws`). Written around the centre,

    L_v = E_v + A_v exp(t_v·(w - w⁰) - α_v ln(N/N₀) + s_v·(w - w⁰) ln(N/N₀)),

with α_v standing for the exponent at w⁰. Where s_v·(w - w⁰) exceeds α_v the loss rises with size,
so `r2` promises nothing; tokens are in neither.

Priors. Moving the whole mixture into the own domain divides the reducible loss by e or so, other
domains do little; a mixture changes the size exponent by less than the exponent itself.
"""

from bayescamel.laws.base import Array, Inputs, Law, Parameter, Terms
from bayescamel.laws.parts import IRREDUCIBLE, PAIRS, REDUCIBLE, SIZE_EXPONENT, tilted

TILT = Parameter("tilt", PAIRS, "real", 0.0, location_sd=0.5, spread=0.7, own=-1.0)
"""t_vk, shared with `bayescamel.laws.mixing_laws`."""

INTERPLAY = Parameter("interplay", PAIRS, "real", 0.0, location_sd=0.05, spread=0.15, own=0.0)
"""s_vk."""


def terms(xp: Array, inputs: Inputs, *, alpha: Array, tilt: Array, interplay: Array) -> Terms:
    """Evaluate the equation of this module's docstring."""
    exponent = alpha - tilted(xp, interplay, inputs)
    reducible = xp.exp(tilted(xp, tilt, inputs) - exponent * inputs.log_capacity)
    return Terms({"E": 1.0, "A": reducible})


def separable_terms(xp: Array, inputs: Inputs, *, alpha: Array, tilt: Array) -> Terms:
    """`terms` with s = 0."""
    return terms(xp, inputs, alpha=alpha, tilt=tilt, interplay=0.0 * tilt)


COEFFICIENTS = (
    IRREDUCIBLE,
    REDUCIBLE,
)

R2 = Law(
    name="r2",
    title="R2: log-linear mixture effect that changes with size",
    parameters=(SIZE_EXPONENT, TILT, INTERPLAY),
    coefficients=COEFFICIENTS,
    terms=terms,
)

R2_SEPARABLE = Law(
    name="r2-separable",
    title="R2 with s = 0: log-linear mixture effect, the same at every size",
    parameters=(SIZE_EXPONENT, TILT),
    coefficients=COEFFICIENTS,
    terms=separable_terms,
    falls_with=frozenset({"size"}),
)
