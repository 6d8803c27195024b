"""Chinchilla: size and tokens, no mixture; what a law without mixtures can say.

Hoffmann et al., *Training Compute-Optimal Large Language Models* (arXiv:2203.15556), equation 2,
for each validation domain on its own:

    L_v(N, D) = E_v + A_v (N/N₀)^(-α_v) + B_v (D/D₀)^(-β_v)

Priors. Near the published exponents (0.34 and 0.28) and shares of the loss.
"""

from bayescamel.laws.base import Array, Inputs, Law, Terms
from bayescamel.laws.parts import BY_SIZE, BY_TOKENS, IRREDUCIBLE, SIZE_EXPONENT, TOKEN_EXPONENT


def terms(xp: Array, inputs: Inputs, *, alpha: Array, beta: Array) -> Terms:
    """Evaluate the equation of this module's docstring."""
    size_term = xp.exp(-alpha * inputs.log_capacity)
    token_term = xp.exp(-beta * inputs.log_tokens)
    return Terms({"E": 1.0, "A": size_term, "B": token_term})


CHINCHILLA = Law(
    name="chinchilla",
    title="Chinchilla (Hoffmann et al.): size and tokens, no mixture",
    parameters=(SIZE_EXPONENT, TOKEN_EXPONENT),
    coefficients=(IRREDUCIBLE, BY_SIZE, BY_TOKENS),
    terms=terms,
    falls_with=frozenset({"size", "tokens"}),
)
