"""Capacity competition: domains compete for a model's parameters.

Dai & Zheng, ICML 2026 (arXiv:2606.08167):

    L_v(N, D, w) = E_v + c_v x*_v^(-b_v) + A_v (D w_v)^(-a_v)

    x* = argmin Σ_k w_k c_k x_k^(-b_k)   subject to   Σ_k x_k = N + (K - 1) H,   x_k ≥ H

Its Karush-Kuhn-Tucker conditions give x_k = max(H, (w_k b_k c_k / λ)^(1/(1+b_k))) with the λ that
spends the capacity. The source scores training domains by their own losses. Here a validation
domain listens to several, which is ours, with S and T learned and the own domain favoured:

    L_v = E_v + A_v Σ_k S_vk (x*_k / x⁰_k)^(-b_k) + B_v (d ψ_v(w))^(-β_v)

    ψ_v(w) = Σ_k (g_vk / β_v) w_k / w⁰_k,   β_v = Σ_k g_vk

x⁰ is the allocation at the centre, S has rows that sum to 1, x and H are in units of N₀. The
source's law is S = T = 1, but for the demand c_k in the allocation, which is learned apart from
the contribution A_v. A domain without weight keeps capacity H, so corners are finite. A model
smaller than 2 H is taken to have 2 H, since below H nothing is left to allocate.

ln λ is the root of a convex falling function, ln Σ_k x_k(λ) - ln(N + (K-1) H): Newton's steps from
below approach it without overshooting, and seven reach machine precision for 3 to 30 domains.
The last step also carries the exact derivative, as differentiating the root's equation would.

Priors. b as the size exponents elsewhere; demands within a factor of e; H a fiftieth of the
typical size.
"""

from bayescamel.laws.base import Array, Inputs, Law, Parameter, Terms
from bayescamel.laws.parts import BY_SIZE, BY_TOKENS, IRREDUCIBLE, PAIRS, log_share

NEWTON_STEPS = 7


def allocate(
    xp: Array, weight: Array, demand: Array, exponent: Array, capacity: Array, floor: Array
) -> Array:
    """Log capacity of each domain: ln x*, over the last axis.

    Parameters
    ----------
    weight
        w, shape (..., domain).
    demand, exponent
        c and b, broadcasting against it.
    capacity, floor
        N and H with a last axis of length 1; N ≥ 2 H.
    """
    present = weight > 0
    worth = xp.log(xp.where(present, weight, 1.0) * demand * exponent)
    log_floor, log_total = xp.log(floor), xp.log(capacity + (weight.shape[-1] - 1) * floor)

    def log_x(level: Array) -> tuple[Array, Array]:
        log_x = (worth - level) / (1 + exponent)
        active = present & (log_x > log_floor)
        return xp.where(active, log_x, log_floor), active

    # No domain can have more than all of N, which the most wanted one would have at this level.
    least = worth - (1 + exponent) * xp.log(capacity)
    level = xp.max(xp.where(present, least, -1e9), axis=-1, keepdims=True)
    for _ in range(NEWTON_STEPS):
        log_size, active = log_x(level)
        size = xp.exp(log_size)
        total = xp.sum(size, axis=-1, keepdims=True)
        slope = xp.sum(xp.where(active, size / (1 + exponent), 0.0), axis=-1, keepdims=True)
        level = level + (xp.log(total) - log_total) * total / slope
    return log_x(level)[0]


def terms(
    xp: Array,
    inputs: Inputs,
    *,
    exponent: Array,
    demand: Array,
    floor: Array,
    affinity: Array,
    token_elasticity: Array,
) -> Terms:
    """Evaluate the equation of this module's docstring."""
    floor = floor[..., None]  # by domain, as the capacities are
    capacity = xp.exp(inputs.log_capacity)[..., None]
    capacity = xp.where(capacity > 2 * floor, capacity, 2 * floor)
    central = xp.where(floor < 0.5, 1.0, 2 * floor)
    log_x = allocate(xp, inputs.mixture, demand, exponent, capacity, floor)
    log_x_centre = allocate(xp, inputs.reference, demand, exponent, central, floor)
    shrinking = xp.exp(-exponent * (log_x - log_x_centre))
    capacity_term = xp.sum(affinity * shrinking, axis=-1) / xp.sum(affinity, axis=-1)
    beta = xp.sum(token_elasticity, axis=-1)
    log_psi = log_share(xp, token_elasticity, inputs)
    token_term = xp.exp(-beta * (inputs.log_tokens + log_psi))
    return Terms({"E": 1.0, "A": capacity_term, "B": token_term})


COMPETITION = Law(
    name="competition",
    title="Capacity competition (Dai & Zheng): domains compete for parameters",
    parameters=(
        Parameter("exponent", ("domain",), "positive", 0.3, location_sd=0.3, spread=0.3),
        Parameter("demand", ("domain",), "positive", 1.0, location_sd=0.0, spread=1.0),
        Parameter("floor", (), "positive", 0.02, location_sd=1.0, spread=0.0),
        Parameter("affinity", PAIRS, "positive", 0.05, location_sd=0.7, spread=1.0, own=1.0),
        Parameter(
            "token_elasticity",
            PAIRS,
            "positive",
            0.15,
            location_sd=0.7,
            spread=1.0,
            own=0.15,
            shared_out=True,
        ),
    ),
    coefficients=(IRREDUCIBLE, BY_SIZE, BY_TOKENS),
    terms=terms,
    falls_with=frozenset({"size", "tokens"}),
)
