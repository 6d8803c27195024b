"""CAMEL with one share for both terms: a mixture gives capacity as it gives tokens.

The equation of `bayescamel.laws.camel` with ψ_v = φ_v and one ratio of exponents (ours):

    L_v(N, D, w) = E_v + A_v [¾ (Ñ/N₀)^(-α_v) + ¼ (Ñ/N₀)^(-δ_v α_v) h(φ_v(w)^(-γ_v))]
                       + B_v (D/D₀)^(-β_v) h(φ_v(w)^(-β_v)),       β_v / γ_v = r

In the coordinates of `camel` one *token fraction* serves all pairs of domains. Where all runs see
the same tokens, little tells which domains act through which term, and with many domains the
posterior of `camel` has several modes; this one has one. Where tokens vary, `camel` is better.

Priors as in `camel`, the token fraction's as that of its location there.
"""

from dataclasses import replace
from functools import wraps

from bayescamel.laws import camel
from bayescamel.laws.base import Array, Inputs, Parameter, Terms

TOKEN_FRACTION = Parameter("token_fraction", (), "unit", 0.2, location_sd=0.5, spread=0.0)


@wraps(camel.terms, assigned=())  # a law's signature is read: this one has that of camel
def terms(xp: Array, inputs: Inputs, *, token_fraction: Array, **others: Array) -> Terms:
    """Evaluate the equation of this module's docstring, by that of `camel`."""
    # The pairs' axes are one more than a global number has.
    return camel.terms(xp, inputs, token_fraction=token_fraction[..., None], **others)


CAMEL_SHARED = replace(
    camel.CAMEL,
    name="camel-shared",
    title="CAMEL, capacity and tokens shared out alike: for many domains",
    parameters=tuple(
        TOKEN_FRACTION if parameter.name == "token_fraction" else parameter
        for parameter in camel.CAMEL.parameters
    ),
    terms=terms,
)
