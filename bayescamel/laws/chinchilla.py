"""Chinchilla: size and tokens, no mixture; what a law without mixtures can say.

Hoffmann et al., *Training Compute-Optimal Large Language Models* (arXiv:2203.15556), equation 2,
for each validation domain on its own:

    L_v(N, D) = E_v + A_v (N/N₀)^(-α_v) + B_v (D/D₀)^(-β_v)

Priors. Near the published exponents (0.34 and 0.28) and shares of the loss.
"""

from bayescamel.laws.base import Array, Coefficient, Inputs, Law, Terms
from bayescamel.laws.parts import (
    IRREDUCIBLE,
    SIZE_EXPONENT,
    SPARSITY,
    TOKEN_EXPONENT,
    log_capacity,
)


def terms(xp: Array, inputs: Inputs, *, alpha: Array, beta: Array, sparsity: Array = 0.0) -> Terms:
    """Evaluate the equation of this module's docstring."""
    size_term = xp.exp(-alpha * log_capacity(inputs, sparsity))
    token_term = xp.exp(-beta * inputs.log_tokens)
    return Terms(
        # The mixture is in no term; its axes are, so that every law's loss has one shape.
        fixed=0.0 * xp.sum(inputs.mixture, axis=-1),
        basis={"E": xp.ones_like(size_term), "A": size_term, "B": token_term},
    )


CHINCHILLA = Law(
    name="chinchilla",
    title="Chinchilla (Hoffmann et al.): size and tokens, no mixture",
    parameters=(SIZE_EXPONENT, TOKEN_EXPONENT, SPARSITY),
    coefficients=(
        IRREDUCIBLE,
        Coefficient("A", mean=0.4, location_sd=0.15, spread=0.1),
        Coefficient("B", mean=0.1, location_sd=0.05, spread=0.07, positive=True),
    ),
    terms=terms,
    falls_with=frozenset({"size", "tokens"}),
)
