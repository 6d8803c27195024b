"""Shukor et al.'s joint law: size and token terms that depend on the mixture.

Shukor et al. (arXiv:2507.09404; restated from accounts that agree): the additive law
(`bayescamel.laws.additive`) with

    A_v → (Σ_k C^A_vk w_k)^(γ^A_v),   B_v → (Σ_k C^B_vk w_k)^(γ^B_v)

Around the centre, with A_v and B_v the contributions to the loss there,

    A_v → A_v [Σ_k (e_vk / γ_v) w_k / w⁰_k]^(γ_v),   γ_v = Σ_k e_vk

where e_vk is the first-order effect of domain k on the size term; the token term likewise. What
helps v has a small e_vk: more of one domain is less of the others, so only differences matter.

Priors. γ about the size exponents; own-domain data helps, so its e is a thirtieth of the others'
together.
"""

from bayescamel.laws import additive
from bayescamel.laws.base import Array, Inputs, Law, Parameter, Terms
from bayescamel.laws.parts import PAIRS, log_share


def terms(
    xp: Array,
    inputs: Inputs,
    *,
    alpha: Array,
    beta: Array,
    share: Array,
    share_exponent: Array,
    size_elasticity: Array,
    token_elasticity: Array,
) -> Terms:
    """Evaluate the equation of this module's docstring."""
    basis = additive.terms(
        xp,
        inputs,
        alpha=alpha,
        beta=beta,
        share=share,
        share_exponent=share_exponent,
    ).basis

    def factor(elasticity: Array) -> Array:
        return xp.exp(xp.sum(elasticity, axis=-1) * log_share(xp, elasticity, inputs))

    changed = {
        "A": basis["A"] * factor(size_elasticity),
        "B": basis["B"] * factor(token_elasticity),
    }
    return Terms({**basis, **changed})


def _elasticity(name: str) -> Parameter:
    return Parameter(
        name, PAIRS, "positive", 0.3, location_sd=0.7, spread=1.0, own=0.01, shared_out=True
    )


JOINT = Law(
    name="joint",
    title="Shukor et al.'s joint law: size and token terms that depend on the mixture",
    parameters=(
        *additive.PARAMETERS,
        _elasticity("size_elasticity"),
        _elasticity("token_elasticity"),
    ),
    coefficients=additive.COEFFICIENTS,
    terms=terms,
    falls_with=frozenset({"size", "tokens"}),
)
