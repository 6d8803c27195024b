"""Shukor et al.'s additive law: mixture, size and tokens in terms of their own.

Shukor et al. (arXiv:2507.09404; restated from accounts that agree):

    L_v(N, D, w) = E_v + 1 / Σ_k C_vk w_k^(γ_vk) + A_v / N^α_v + B_v / D^β_v

so that the best mixture is the same at every size. Around the centre, with contributions M_v, A_v
and B_v to the loss there, r_k = w_k / w⁰_k and shares s_vk ∝ C_vk (w⁰_k)^(γ_vk) that sum to 1,

    L_v = E_v + M_v / Σ_k s_vk r_k^(γ_vk) + A_v (N/N₀)^(-α_v) + B_v (D/D₀)^(-β_v)

A corner is finite because the domain that is present has a positive share.

Priors. Own-domain data has three times another domain's share; exponents of the mixture around
one half, since returns diminish.
"""

from bayescamel.laws.base import Array, Coefficient, Inputs, Law, Parameter, Terms
from bayescamel.laws.parts import BY_TOKENS, PAIRS, SIZE_EXPONENT, TOKEN_EXPONENT, power


def terms(
    xp: Array,
    inputs: Inputs,
    *,
    alpha: Array,
    beta: Array,
    share: Array,
    share_exponent: Array,
) -> Terms:
    """Evaluate the equation of this module's docstring; shares need not sum to 1."""
    useful = share * power(xp, inputs.mixture / inputs.reference, share_exponent)
    mixture_term = xp.sum(share, axis=-1) / xp.sum(useful, axis=-1)
    return Terms(
        {
            "E": 1.0,
            "M": mixture_term,
            "A": xp.exp(-alpha * inputs.log_capacity),
            "B": xp.exp(-beta * inputs.log_tokens),
        }
    )


PARAMETERS = (
    SIZE_EXPONENT,
    TOKEN_EXPONENT,
    Parameter("share", PAIRS, "positive", 1.0, location_sd=0.5, spread=1.0, own=3.0),
    Parameter("share_exponent", PAIRS, "positive", 0.5, location_sd=0.5, spread=0.5),
)

COEFFICIENTS = (
    Coefficient("E", mean=0.4, location_sd=0.15, spread=0.1),
    Coefficient("M", mean=0.2, location_sd=0.1, spread=0.1),
    Coefficient("A", mean=0.3, location_sd=0.15, spread=0.1),
    BY_TOKENS,
)

ADDITIVE = Law(
    name="additive",
    title="Shukor et al.'s additive law: mixture, size and tokens in terms of their own",
    parameters=PARAMETERS,
    coefficients=COEFFICIENTS,
    terms=terms,
    falls_with=frozenset({"size", "tokens"}),
)
