"""BiMix: a power of the own domain's weight times a scaling law.

Ge et al., *BiMix* (arXiv:2405.14908; restated from accounts that agree), at one size:

    L_v(D, w) = A_v / w_v^(α_v) · (B_v / D^(β_v) + C_v)

Two things are ours. The source fits each size by itself; a third summand A n^(-α) in the bracket
lets one law speak about several sizes. And its w_v is the own domain's weight, which makes the
loss infinite where that domain is left out and says nothing of a validation domain that is no
training domain; here it is a share with learned positive affinities, own domain favoured,

    L_v(N, D, w) = φ_v(w)^(-γ_v) · (C_v + A_v n^(-α_v) + B_v d^(-β_v))

    φ_v(w) = Σ_k (e_vk / γ_v) w_k / w⁰_k,   γ_v = Σ_k e_vk

so that other domains are a floor under w_v. With e_vk = 0 but for the own domain, γ_v is the
source's α_v. The whole loss is multiplied, its irreducible part too: that is the source's form.

Priors. The mixture multiplies the whole loss, of which about half is reducible, so elasticities
are half of those in `bayescamel.laws.r1`.
"""

from bayescamel.laws.base import Array, Coefficient, Inputs, Law, Parameter, Terms
from bayescamel.laws.parts import (
    BY_SIZE,
    BY_TOKENS,
    PAIRS,
    SIZE_EXPONENT,
    TOKEN_EXPONENT,
    log_share,
)


def terms(xp: Array, inputs: Inputs, *, alpha: Array, beta: Array, elasticity: Array) -> Terms:
    """Evaluate the equation of this module's docstring."""
    factor = xp.exp(-xp.sum(elasticity, axis=-1) * log_share(xp, elasticity, inputs))
    size_term = xp.exp(-alpha * inputs.log_capacity) * factor
    token_term = xp.exp(-beta * inputs.log_tokens) * factor
    return Terms({"C": factor, "A": size_term, "B": token_term})


BIMIX = Law(
    name="bimix",
    title="BiMix (Ge et al.): a power of the own weight times a scaling law",
    parameters=(
        SIZE_EXPONENT,
        TOKEN_EXPONENT,
        Parameter(
            "elasticity",
            PAIRS,
            "positive",
            0.1,
            location_sd=0.7,
            spread=1.0,
            own=0.1,
            shared_out=True,
        ),
    ),
    coefficients=(
        Coefficient("C", mean=0.5, location_sd=0.15, spread=0.1),
        BY_SIZE,
        BY_TOKENS,
    ),
    terms=terms,
    falls_with=frozenset({"size", "tokens"}),
)
