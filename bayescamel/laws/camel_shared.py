"""CAMEL with one share for both terms: a mixture gives capacity as it gives tokens.

The equation of `bayescamel.laws.camel` with ψ_v = φ_v and one ratio of exponents (ours):

    L_v(N, D, w) = E_v + A_v [¾ (Ñ/N₀)^(-α_v) + ¼ (Ñ/N₀)^(-δ_v α_v) h(φ_v(w)^(-γ_v))]
                       + B_v (D/D₀)^(-β_v) h(φ_v(w)^(-β_v)),       β_v / γ_v = r

In the coordinates of `camel` that is one *token fraction* for all pairs of domains in place of one
for each: which share of a domain's effect goes through the token term, the same for all.

Where all runs see the same tokens, the token term is to `camel` a second function of the mixture
that does not fade with size, and which domains act through which term is told by little. With many
domains its posterior has modes that chains seldom cross between: on RegMix's 13 x 17 pairs two of
like weight for a single validation domain. Here they are gone, and what fits those runs worse (by
over 800 nats of Laplace's evidence) predicts others better: RegMix's 59M mixtures and
mixinglaws_5mix at step 20,000. On the bundled runs and gadre_scaling, whose tokens vary, `camel` is
ahead; see ``results/extrapolation``.

Priors as in `camel`, the token fraction's as that of its location there. No separate one for a
domain's own data: with it two sizes of mixinglaws_5mix are predicted worse by half (0.82 % and
1.3 % off in place of 0.49 % and 0.79 %).
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
