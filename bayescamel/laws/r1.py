"""R1: capacity shared out by the mixture, and no token term.

    L_v(N, w) = E_v + A_v [N φ_v(w)^γ_v]^(-α_v)                           (ours)

    φ_v(w) = Σ_k S_vk w_k / Σ_k S_vk w⁰_k

around the centre, with elasticities: e_vk is the first-order effect of domain k on v there, in
units of A_v,

    L_v = E_v + A_v (N/N₀)^(-α_v) [Σ_k (e_vk / γ_v) w_k / w⁰_k]^(-γ_v),   γ_v = Σ_k e_vk

where γ_v is the α_v γ_v above. It is `bayescamel.laws.camel` without its token term; tokens are
not in it.

Priors. As in `camel`; the mixture acts through one term instead of two, so its elasticities are
larger.
"""

from bayescamel.laws.base import Array, Inputs, Law, Parameter, Terms
from bayescamel.laws.parts import IRREDUCIBLE, PAIRS, REDUCIBLE, SIZE_EXPONENT, log_share


def terms(xp: Array, inputs: Inputs, *, alpha: Array, capacity_elasticity: Array) -> Terms:
    """Evaluate the equation of this module's docstring."""
    gamma = xp.sum(capacity_elasticity, axis=-1)
    log_phi = log_share(xp, capacity_elasticity, inputs)
    capacity_term = xp.exp(-alpha * inputs.log_capacity - gamma * log_phi)
    return Terms({"E": 1.0, "A": capacity_term})


R1 = Law(
    name="r1",
    title="R1: capacity shared out by the mixture",
    parameters=(
        SIZE_EXPONENT,
        Parameter(
            "capacity_elasticity",
            PAIRS,
            "positive",
            0.2,
            location_sd=0.7,
            spread=1.0,
            own=0.2,
            shared_out=True,
        ),
    ),
    coefficients=(IRREDUCIBLE, REDUCIBLE),
    terms=terms,
    falls_with=frozenset({"size"}),
)
