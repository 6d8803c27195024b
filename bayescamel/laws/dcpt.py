"""D-CPT law: continual pre-training on a domain and a general corpus.

Que et al., *D-CPT Law* (arXiv:2406.01375; restated from accounts that agree), for the loss on a
domain whose weight is r:

    L_v(N, D, r) = E_v + A_v / N^(α_v) + B_v r^(η_v) / D^(β_v) + C_v / (r + ε_v)^(γ_v)

The source has two corpora, one the domain's own. Here r is what the mixture gives to v, with
learned positive affinities S_vk, the own domain favoured by the prior; a validation domain that
is no training domain learns whose data it listens to. Around the centre,

    L_v = E_v + A_v n^(-α_v) + B_v r_v^(η_v) d^(-β_v) + C_v [(r_v + ε_v) / (1 + ε_v)]^(-γ_v)

    r_v(w) = Σ_k S_vk w_k / w⁰_k / Σ_k S_vk

with ε relative to the weight at the centre. The source's ε keeps a corner finite, and so do the
affinities.

Priors. Other domains' affinities around a twentieth of the own one's; ε a tenth of the typical
weight; exponents of the mixture around those of size and tokens.
"""

from bayescamel.laws.base import Array, Coefficient, Inputs, Law, Parameter, Terms
from bayescamel.laws.parts import BY_TOKENS, PAIRS, SIZE_EXPONENT, TOKEN_EXPONENT, log_share


def terms(
    xp: Array,
    inputs: Inputs,
    *,
    alpha: Array,
    beta: Array,
    affinity: Array,
    eta: Array,
    gamma: Array,
    epsilon: Array,
) -> Terms:
    """Evaluate the equation of this module's docstring."""
    log_r = log_share(xp, affinity, inputs)
    floored = (xp.exp(log_r) + epsilon) / (1 + epsilon)
    mixture_term = xp.exp(-gamma * xp.log(floored))
    return Terms(
        {
            "E": 1.0,
            "A": xp.exp(-alpha * inputs.log_capacity),
            "C": mixture_term,
            "B": xp.exp(eta * log_r - beta * inputs.log_tokens),
        }
    )


def _exponent(name: str, typical: float, sd: float) -> Parameter:
    return Parameter(name, ("validation",), "positive", typical, location_sd=sd, spread=sd)


DCPT = Law(
    name="dcpt",
    title="D-CPT law (Que et al.): own weight, tokens and size",
    parameters=(
        SIZE_EXPONENT,
        TOKEN_EXPONENT,
        Parameter("affinity", PAIRS, "positive", 0.05, location_sd=0.7, spread=1.0, own=1.0),
        _exponent("eta", 0.2, 0.5),
        _exponent("gamma", 0.3, 0.4),
        _exponent("epsilon", 0.1, 0.7),
    ),
    coefficients=(
        Coefficient("E", mean=0.4, location_sd=0.15, spread=0.1),
        Coefficient("A", mean=0.3, location_sd=0.15, spread=0.1),
        Coefficient("C", mean=0.2, location_sd=0.1, spread=0.1),
        BY_TOKENS,
    ),
    terms=terms,
    falls_with=frozenset({"size", "tokens"}),
)
