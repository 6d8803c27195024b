"""CAMEL, the capacity-aware mixture law: our reconstruction.

Li, Gu, Zhang, *Capacity-Aware Mixture Law Enables Efficient LLM Data Optimization*, ICML 2026
(arXiv:2603.08022) model validation loss "with the nonlinear interplay between model size and
mixture". Their exact equation is not available to us; this one is built from the abstract and
from what such a law must be able to do (the optimal mixture has to move with size):

    L_v(N, D, w) = E_v + A_v [¾ (Ñ/N₀)^(-α_v) + ¼ (Ñ/N₀)^(-δ_v α_v) h(φ_v(w)^(-γ_v))]
                       + B_v (D/D₀)^(-β_v) h(ψ_v(w)^(-β_v))

    φ_v(w) = Σ_k (e_vk / γ_v) w_k / w⁰_k,   γ_v = Σ_k e_vk      capacity that the mixture gives to v
    ψ_v(w) = Σ_k (g_vk / β_v) w_k / w⁰_k,   β_v = Σ_k g_vk      tokens worth a token of v
    h(x) = (1 + 1/H) / (1/x + 1/H),   H = 50                    no mixture is worse than no training
    Ñ = N_act^(1-s) N^s                                         effective capacity, sparse models

N₀, D₀, w⁰ are the centre of the runs, so that E, A and B are contributions to the loss there.

Of what capacity still lowers, the mixture acts on a quarter and leaves the rest alone, and δ, the
*fading*, says how fast the mixture's quarter falls with size: as fast as the rest at δ = 1, not at
all at 0. Both are needed far from the proxies. On RegMix's 256 mixtures the mean loss falls from
1.3M to 59M parameters to 0.52 to 0.82 of itself, but its spread over mixtures only to 0.68 to 0.98;
mixinglaws_5mix and gadre_scaling say the same (δ of 0.1 to 0.6 and 0.25). With one exponent for
both, small α and an E near 0 are the only way to keep the mixture's effects alive, and then the
mean of a model three or ten times larger is predicted too low and too sure. Which share is left
alone shows only in curvature, so it is a constant; with a half in place of a quarter, two sizes of
mixinglaws_5mix prefer a mode in which the mixture acts through the token term, and larger models
are predicted a twentieth too high.

Size and tokens add up, though the runs say that each helps more where the other is plenty. With
the power mean of the two terms in place of their sum, (a^q + b^q)^(1/q), q is about 2 and Laplace's
evidence grows by 57 nats on gadre_scaling and 5 on the bundled runs; but it is the runs that saw
few tokens for their size that it fits better, and the largest models are predicted worse (6.6 % off
in place of 4.1 %, 4.6 % in place of 3.8 %).

A model that learned nothing of v has a loss of ln(vocabulary), three to five times a proxy's, and h
keeps any mixture's effect below that order: h(x) is x near the centre, and about H far out. Where
few runs leave open what a corner of the simplex does to a domain, powers of small shares have no
bound: of eight bundled runs' posterior the mean loss on mathematics after Python alone was 6,700
nats per token, and is 6.7 with h. Where corners were measured h costs nothing (Laplace's evidence
with H of 50 is that without h or better on mixinglaws_5mix, gadre_scaling and the bundled runs).

The elasticities e_vk ≥ 0 and g_vk ≥ 0 are the first-order effects of domain k on v at the centre
(h takes a fiftieth off): the same numbers as affinities S_vk = (e_vk / γ_v) / w⁰_k and an exponent
γ_v, in coordinates that the data pin down. What they pin down best is the effect of a domain
through both terms together,

    elasticity_vk = ¼ A e_vk + B g_vk,     token_fraction_vk = B g_vk / elasticity_vk,

with A and B at their typical values; how it splits shows only in how it changes with size. In
these coordinates the posterior is a wide ellipse, in (e, g) it is a thin hyperbola. B is kept
positive: where all runs see the same tokens, its term is told from E by its curvature alone, and a
negative B would let the loss rise with useful data.

Priors. About half of a proxy's loss is irreducible (Chinchilla's E of 1.69 against losses of 2.5
to 3.5 nats per token); α near 0.3 (Kaplan et al. 0.08 without E, Hoffmann et al. 0.34 with it);
a mixture's effect fades more slowly than the loss, δ near 0.3 (0.2 to 0.4 where sizes enough were
measured, on four tables), and unlike from domain to domain;
own-domain data matters more than other domains', and by default both terms share the effect of a
domain as they share the loss. All are wide, and pooled over validation domains; only the shares of
the token term differ little from pair to pair, since a wider prior leaves open which of the two
terms explains a pair's effect: with 17 x 13 pairs the posterior then has modes without number.
Even so RegMix's has two of like weight (the general crawl's token term acts through encyclopaedias
or through questions and answers). Chains cross once in some 1,500 draws, and their R-hat says so
or, where all happen to stay in one mode, does not: with many domains take `camel_shared`. A tighter
prior (a spread of 0.3) leaves modes as well, which other seeds find.
"""

from dataclasses import replace

from bayescamel.laws.base import Array, Coefficient, Inputs, Law, Parameter, Terms
from bayescamel.laws.parts import (
    IRREDUCIBLE,
    PAIRS,
    SIZE_EXPONENT,
    SPARSITY,
    log_capacity,
    log_share,
)

TYPICAL_A, TYPICAL_B = 0.4, 0.1
"""What the two reducible terms contribute to a proxy's loss, roughly; see the docstring."""

MIXED = 0.25
"""The share of the capacity term, at the centre, that the mixture acts on."""

WORST = 50.0
"""H: about how often the mixture's part of a term fits between the centre and no training. Both
parts are a tenth of the loss, so 50 of one are five times the loss."""


def terms(
    xp: Array,
    inputs: Inputs,
    *,
    alpha: Array,
    elasticity: Array,
    token_fraction: Array,
    fading: Array,
    sparsity: Array = 0.0,
) -> Terms:
    """Evaluate the equation of this module's docstring; ``sparsity`` is s."""
    by_capacity = elasticity * (1 - token_fraction) / (MIXED * TYPICAL_A)
    by_tokens = elasticity * token_fraction / TYPICAL_B
    gamma, beta = xp.sum(by_capacity, axis=-1), xp.sum(by_tokens, axis=-1)
    log_phi, log_psi = (log_share(xp, e, inputs) for e in (by_capacity, by_tokens))
    size = alpha * log_capacity(inputs, sparsity)
    mixed = xp.exp(-fading * size) * _bounded(xp, gamma * log_phi)
    capacity_term = (1 - MIXED) * xp.exp(-size) + MIXED * mixed
    token_term = xp.exp(-beta * inputs.log_tokens) * _bounded(xp, beta * log_psi)
    return Terms(
        fixed=xp.zeros_like(token_term),
        basis={"E": xp.ones_like(capacity_term), "A": capacity_term, "B": token_term},
    )


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
        SPARSITY,
    ),
    coefficients=(
        IRREDUCIBLE,
        Coefficient("A", mean=0.4, location_sd=0.15, spread=0.1),
        Coefficient("B", mean=0.1, location_sd=0.05, spread=0.07, positive=True),
    ),
    terms=terms,
    falls_with=frozenset({"size", "tokens"}),
)
