"""CAMEL, the capacity-aware mixture law: our reconstruction.

Li, Gu, Zhang, *Capacity-Aware Mixture Law Enables Efficient LLM Data Optimization*, ICML 2026
(arXiv:2603.08022). Their exact equation is not available to us; this one is built from the abstract
and from what such a law must be able to do: the optimal mixture has to move with size.

    L_v(N, D, w) = level_v + slope_v n_v(Ñ) + slope'_v d_v(D) + crossing_v n_v(Ñ) d_v(D)   the curve
                 - (Ñ/N₀)^(-τ_v) c_v ln φ_v(w)                                       the interplay

    n_v(Ñ) = s₀ ((Ñ/N₀)^(-α_v) - 1) / α_v,   d_v(D) = t₀ ((D/D₀)^(-β_v) - 1) / β_v
    φ_v(w) = Σ_k (e_vk / c_v) w_k / w⁰_k,   c_v = Σ_k e_vk
    Ñ = N_act^(1-s) N^s                                       effective capacity, sparse models

N₀, D₀, w⁰ are the centre of the runs. The curve is the loss on the reference mixture w⁰, where the
interplay is 0. e_vk ≥ 0 is the first-order effect of domain k on v at the centre; τ > 0 says how
fast a mixture's effect fades with size: one that seems to grow among small runs is not carried on
to large ones. The curve and the interplay share no number: what the runs tell of one does not bias
the other, and what they cannot tell falls back on its prior.

Multiplied out the curve is Hoffmann et al. 2022's E + A Ñ^-α + B D^-β and a product C Ñ^-α D^-β.
It is written in what data pin down, its level and its slopes at the centre, so that α and β are
bends alone, which two sizes, or equal tokens, leave to the prior; all but the bends enter linearly.
The crossing is below 0 where size and tokens help each other, as in all tables that tell it: a
larger model gains more from more tokens. The token slope is kept positive: more tokens lower the
loss. At less than a hundredth of the runs' tokens the product outgrows the size slope, and the law
is not to be asked: it is there to be carried to larger models.

    s₀ = (N₀/1e8)^-0.2 (D₀/1e10)^0.1,   t₀ = (N₀/1e8)^0.1 (D₀/1e10)^-0.2

say where the centre is: the larger a model, the less its loss still falls with size and the more
with tokens. Their exponents are those of the slopes of Hoffmann et al.'s fit around the sizes of
proxies.

The priors are what measured tables taught (`bayescamel.laws.population`); `CAMEL_WIDE` has those
that know little. What was tried stands in ``results/LOG.md``.
"""

from bayescamel.laws.base import Array, Coefficient, Inputs, Law, Parameter, Terms, with_priors
from bayescamel.laws.parts import PAIRS, log_share
from bayescamel.laws.population import POPULATION

VALIDATION = ("validation",)

ALONG, ACROSS = -0.2, 0.1
"""Exponents of s₀ and t₀: of a slope with what it is a slope by, and with the other."""


def terms(
    xp: Array,
    inputs: Inputs,
    *,
    alpha: Array,
    beta: Array,
    elasticity: Array,
    size_fading: Array,
) -> Terms:
    """Evaluate the equation of this module's docstring."""
    effect = -xp.sum(elasticity, axis=-1) * log_share(xp, elasticity, inputs)
    fading = xp.exp(-size_fading * inputs.log_capacity)
    size, tokens = inputs.log_centre[0], inputs.log_centre[1]
    by_size = xp.exp(ALONG * size + ACROSS * tokens) * _bent(xp, alpha, inputs.log_capacity)
    by_tokens = xp.exp(ACROSS * size + ALONG * tokens) * _bent(xp, beta, inputs.log_tokens)
    curve = {
        "level": 1.0,
        "size_slope": by_size,
        "crossing": by_size * by_tokens,
        "token_slope": by_tokens,
    }
    return Terms(curve, fixed=fading * effect)


def _bent(xp: Array, rate: Array, x: Array) -> Array:
    """A line of slope -1 through 0, bent so that it levels off at -1 / rate."""
    return (xp.exp(-rate * x) - 1) / rate


CAMEL_WIDE = Law(
    name="camel",
    title="CAMEL (our reconstruction): a curve over size and tokens, a mixture's interplay with it",
    parameters=(
        Parameter("alpha", VALIDATION, "positive", 0.2, location_sd=0.5, spread=0.3),
        Parameter("beta", VALIDATION, "positive", 0.25, location_sd=0.5, spread=0.3),
        Parameter(
            "elasticity",
            PAIRS,
            "positive",
            0.05,
            location_sd=1.5,
            spread=1.5,
            own=0.08,
            shared_out=True,
        ),
        Parameter("size_fading", VALIDATION, "positive", 0.04, location_sd=0.7, spread=0.3),
    ),
    coefficients=(
        Coefficient("level", 0.9, location_sd=0.2, spread=0.1),
        Coefficient("size_slope", 0.06, location_sd=0.03, spread=0.015),
        Coefficient("crossing", 0.0, location_sd=0.01, spread=0.003),
        Coefficient("token_slope", 0.06, location_sd=0.03, spread=0.015, positive=True),
    ),
    terms=terms,
)

CAMEL = with_priors(CAMEL_WIDE, POPULATION)
