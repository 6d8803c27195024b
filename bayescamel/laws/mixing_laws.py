"""Data Mixing Laws, nested over size and tokens.

Ye et al., *Data Mixing Laws* (arXiv:2403.16952): at one size and token count

    L_v(w) = c_v + k_v exp(Σ_j t_vj w_j)

and, for one mixture, power laws in steps and in size that are fitted one inside the other,
c + (N₀/N)^α. Both hold at once, for every size and every mixture, with the same tilts t_v and
exponents α_v, β_v, exactly when (our closure of their nested recipe into one equation)

    L_v(N, D, w) = E_v + A_v n^(-α_v) + B_v d^(-β_v)
                   + [C_v + F_v n^(-α_v) + G_v d^(-β_v)] g_v(w)

    n = N/N₀,  d = D/D₀,  g_v(w) = exp(t_v·(w - w⁰))

in which all six factors are linear. It falls with size and tokens where they are positive.

Priors. As for the reducible half of the loss elsewhere, split evenly between what the mixture
reaches and what it does not; the tilts are those of `bayescamel.laws.r2`.
"""

from bayescamel.laws.base import Array, Coefficient, Inputs, Law, Terms
from bayescamel.laws.parts import SIZE_EXPONENT, TOKEN_EXPONENT, tilted
from bayescamel.laws.r2 import TILT


def terms(xp: Array, inputs: Inputs, *, alpha: Array, beta: Array, tilt: Array) -> Terms:
    """Evaluate the equation of this module's docstring."""
    mixing = xp.exp(tilted(xp, tilt, inputs))
    size_term = xp.exp(-alpha * inputs.log_capacity)
    token_term = xp.exp(-beta * inputs.log_tokens)
    return Terms(
        {
            "E": 1.0,
            "A": size_term,
            "C": mixing,
            "F": size_term * mixing,
            "G": token_term * mixing,
            "B": token_term,
        }
    )


MIXING_LAWS = Law(
    name="mixing-laws",
    title="Data Mixing Laws (Ye et al.), nested over size and tokens",
    parameters=(SIZE_EXPONENT, TOKEN_EXPONENT, TILT),
    coefficients=(
        Coefficient("E", mean=0.35, location_sd=0.15, spread=0.1),
        Coefficient("A", mean=0.2, location_sd=0.1, spread=0.1),
        Coefficient("C", mean=0.15, location_sd=0.1, spread=0.1),
        Coefficient("F", mean=0.2, location_sd=0.1, spread=0.1),
        Coefficient("G", mean=0.05, location_sd=0.05, spread=0.05),
        Coefficient("B", mean=0.05, location_sd=0.05, spread=0.05, positive=True),
    ),
    terms=terms,
    falls_with=frozenset({"size", "tokens"}),
)
