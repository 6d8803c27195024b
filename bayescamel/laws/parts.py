"""Pieces that several laws share: effective capacity, and what a mixture gives to a domain.

Everything here stays finite, with finite gradients, where weights are 0: a share is a sum over all
training domains with positive affinities, so it is positive at every corner of the simplex, and
powers of single weights go through `power`, which never takes the logarithm of 0.
"""

from bayescamel.laws.base import Array, Coefficient, Inputs, Parameter, PerDomain, PerPlace

PAIRS = ("validation", "domain")

SIZE_EXPONENT = Parameter("alpha", ("validation",), "positive", 0.3, location_sd=0.3, spread=0.2)
"""α of the size term: 0.08 without an irreducible loss (Kaplan et al. 2020), 0.34 with one
(Hoffmann et al. 2022)."""

TOKEN_EXPONENT = Parameter("beta", ("validation",), "positive", 0.3, location_sd=0.3, spread=0.2)
"""β of the token term; 0.28 in Hoffmann et al. 2022."""

SPARSITY = Parameter("sparsity", (), "unit", 0.4, location_sd=1.0, spread=0.0, sparse_only=True)
"""s in Ñ = N_act^(1-s) N^s, the effective capacity of a Mixture-of-Experts model."""

IRREDUCIBLE = Coefficient("E", mean=0.5, location_sd=0.15, spread=0.1)
"""About half of a proxy's loss (1.69 of 2.5 to 3.5 nats per token in Hoffmann et al. 2022).

No tighter: 1.69 nats are two thirds of a 7B model's loss and a quarter of a tiny one's."""


def log_capacity(inputs: Inputs, sparsity: PerPlace | float) -> PerPlace:
    """Logarithm of the effective capacity, ln(Ñ / N₀)."""
    return inputs.log_active + sparsity * (inputs.log_total - inputs.log_active)


def log_share(xp: Array, affinity: PerDomain, inputs: Inputs) -> PerPlace:
    """Logarithm of Σ_k a_k (w_k / w⁰_k) / Σ_k a_k: what the mixture gives to a validation domain.

    0 at the reference mixture; positive affinities keep it finite on the whole simplex.
    """
    weights = inputs.mixture / inputs.reference
    # A matrix product is faster: without draws in front, or with (draw, 1, ...).
    if affinity.ndim == 2:
        useful = (affinity @ weights[..., 0, :].T).T
    elif affinity.ndim == 3 and weights.ndim == 2 and affinity.shape[1] == 1:  # by validation
        useful = affinity[:, 0] @ weights.T
    elif affinity.ndim == 4 and weights.ndim == 3 and affinity.shape[1] == weights.shape[1] == 1:
        useful = xp.swapaxes(affinity[:, 0] @ weights[:, 0].T, 1, 2)
    else:
        useful = xp.sum(affinity * weights, axis=-1)
    return xp.log(useful) - xp.log(xp.sum(affinity, axis=-1))


def power(xp: Array, base: Array, exponent: Array) -> Array:
    """``base**exponent`` for base ≥ 0 and exponent > 0, with 0 to any power 0.

    The plain power has an undefined derivative by the exponent at base 0.
    """
    present = base > 0
    return xp.where(present, xp.exp(exponent * xp.log(xp.where(present, base, 1.0))), 0.0)


def tilted(xp: Array, tilt: PerDomain, inputs: Inputs) -> PerPlace:
    """Σ_k t_k (w_k - w⁰_k), 0 at the reference mixture."""
    return xp.sum(tilt * (inputs.mixture - inputs.reference), axis=-1)
