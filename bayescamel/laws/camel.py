"""CAMEL, the capacity-aware mixture law: our reconstruction.

Li, Gu, Zhang, *Capacity-Aware Mixture Law Enables Efficient LLM Data Optimization*, ICML 2026
(arXiv:2603.08022). Their exact equation is not available to us; this one is built from the abstract
and from what such a law must be able to do: the optimal mixture has to move with size.

    L_v(N, D, w) = E_v + A_v [¾ (Ñ/N₀)^(-α_v) + ¼ (Ñ/N₀)^(-δ_v α_v) h(φ_v(w)^(-γ_v))]
                       + B_v (D/D₀)^(-β_v) h(ψ_v(w)^(-β_v))

    φ_v(w) = Σ_k (e_vk / γ_v) w_k / w⁰_k,   γ_v = Σ_k e_vk      capacity that the mixture gives to v
    ψ_v(w) = Σ_k (g_vk / β_v) w_k / w⁰_k,   β_v = Σ_k g_vk      tokens worth a token of v
    h(x) = (1 + 1/H) / (1/x + 1/H),   H = 50                    no mixture is worse than no training
    Ñ = N_act^(1-s) N^s                                         effective capacity, sparse models

N₀, D₀, w⁰ are the centre of the runs, so that E, A and B are contributions to the loss there.

The *fading* δ says how fast the mixture's quarter of the capacity term falls with size: losses fall
faster than their differences between mixtures, and no single exponent fits both. h bounds the
effect of a mixture by the loss of a model that learned nothing.

The data pin down the effect of a domain through both terms together, at the centre,

    elasticity_vk = ¼ A e_vk + B g_vk,     token_fraction_vk = B g_vk / elasticity_vk,

with A and B at their typical values. In these coordinates the posterior is a wide ellipse, in
(e, g) a thin hyperbola. B is positive: where all runs see the same tokens, only curvature tells it
from E.

Priors. About half of a proxy's loss is irreducible (Hoffmann et al. 2022: 1.69 nats of 2.5 to 3.5);
α is near 0.3 (they have 0.34) and δ near 0.3; a domain's own data matters more than others'. Token
fractions differ little from pair to pair, since otherwise many pairs give many modes; with many
domains take `camel_shared`. What was tried stands in ``results/LOG.md``.
"""

from dataclasses import replace

from bayescamel.laws.base import Array, Inputs, Law, Parameter, Terms
from bayescamel.laws.parts import BY_SIZE, BY_TOKENS, IRREDUCIBLE, PAIRS, SIZE_EXPONENT, log_share

TYPICAL_A, TYPICAL_B = 0.4, 0.1
"""What the two reducible terms contribute to a proxy's loss, roughly; see the docstring."""

MIXED = 0.25
"""The share of the capacity term, at the centre, that the mixture acts on."""

WORST = 50.0
"""H: both parts of the mixture are a tenth of the loss, so 50 of one are that of no training."""


def terms(
    xp: Array,
    inputs: Inputs,
    *,
    alpha: Array,
    elasticity: Array,
    token_fraction: Array,
    fading: Array,
) -> Terms:
    """Evaluate the equation of this module's docstring."""
    by_capacity = elasticity * (1 - token_fraction) / (MIXED * TYPICAL_A)
    by_tokens = elasticity * token_fraction / TYPICAL_B
    gamma, beta = xp.sum(by_capacity, axis=-1), xp.sum(by_tokens, axis=-1)
    log_phi, log_psi = (log_share(xp, e, inputs) for e in (by_capacity, by_tokens))
    size = alpha * inputs.log_capacity
    mixed = xp.exp(-fading * size) * _bounded(xp, gamma * log_phi)
    capacity_term = (1 - MIXED) * xp.exp(-size) + MIXED * mixed
    token_term = xp.exp(-beta * inputs.log_tokens) * _bounded(xp, beta * log_psi)
    return Terms({"E": 1.0, "A": capacity_term, "B": token_term})


def _bounded(xp: Array, log_worth: Array) -> Array:
    """h(x) of a worth 1/x, given its logarithm; 1 at the centre, where it is 0."""
    return (1 + 1 / WORST) / (xp.exp(log_worth) + 1 / WORST)


CAMEL = Law(
    name="camel",
    title="CAMEL (our reconstruction): capacity and tokens shared out by the mixture",
    parameters=(
        # Tighter than in laws whose exponent carries the mixture too: that is δ's to say here.
        replace(SIZE_EXPONENT, location_sd=0.2),
        Parameter(
            "elasticity",
            PAIRS,
            "positive",
            0.08,
            location_sd=0.7,
            spread=1.0,
            own=0.08,
            shared_out=True,
        ),
        Parameter("token_fraction", PAIRS, "unit", 0.2, location_sd=0.5, spread=0.5, own=0.2),
        Parameter("fading", ("validation",), "positive", 0.3, location_sd=0.3, spread=0.4),
    ),
    coefficients=(IRREDUCIBLE, BY_SIZE, BY_TOKENS),
    terms=terms,
    falls_with=frozenset({"size", "tokens"}),
)
