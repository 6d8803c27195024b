"""Pieces that several laws share: exponents, and what a mixture gives to a domain.

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

IRREDUCIBLE = Coefficient("E", mean=0.5, location_sd=0.15, spread=0.1)
"""About half of a proxy's loss (1.69 of 2.5 to 3.5 nats per token in Hoffmann et al. 2022).

No tighter: 1.69 nats are two thirds of a 7B model's loss and a quarter of a tiny one's."""


BY_SIZE = Coefficient("A", mean=0.4, location_sd=0.15, spread=0.1)
"""What more parameters can still lower of a proxy's loss."""

BY_TOKENS = Coefficient("B", mean=0.1, location_sd=0.05, spread=0.07, positive=True)
"""What more tokens can still lower of it. Positive: where all runs see the same tokens this term is
told from the irreducible loss by its curvature alone, and a negative one would let useful data
raise the loss."""

REDUCIBLE = Coefficient("A", mean=0.5, location_sd=0.15, spread=0.1, positive=True)
"""Both together, in laws with one reducible term."""


def log_share(xp: Array, affinity: PerDomain, inputs: Inputs) -> PerPlace:
    """Logarithm of Σ_k a_k (w_k / w⁰_k) / Σ_k a_k: what the mixture gives to a validation domain.

    0 at the reference mixture; positive affinities keep it finite on the whole simplex.
    """
    weights = (inputs.mixture / inputs.reference)[..., 0, :, :]
    useful = affinity[..., 0, :] @ xp.swapaxes(weights, -1, -2)  # twice as fast as a sum
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
