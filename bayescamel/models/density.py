"""The sampler's log density: coefficients and size effects integrated out.

Given the curved parameters θ a validation domain's losses are Gaussian in everything else,

    y = fixed(θ) + X(θ) c + G u + ε,   c ~ N(m, s²),  u ~ N(0, τ²),  ε ~ N(0, σ²)

so c (coefficients) and u (size effects) integrate out in closed form. With Z = [s X, τ G] and
M = I + Zᵀ Σ⁻¹ Z (a matrix as wide as there are coefficients and scales),

    log p(y | θ) = -½ (rᵀ Σ⁻¹ r - bᵀ M⁻¹ b + log|M| + log|Σ|) + const,   b = Zᵀ Σ⁻¹ r,

at a cost linear in the runs. A law's last coefficient may be positive: truncating its prior at 0
multiplies the likelihood by P(c > 0 | y, θ) / P(c > 0), two normal tails. What was integrated out
is drawn exactly afterwards. NUTS on the full set of parameters has to follow the banana between
E, A and α instead.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import cho_solve, solve_triangular
from jax.scipy.special import erfc

from bayescamel.hierarchy import Hierarchy
from bayescamel.laws.base import Array
from bayescamel.models.problem import Problem

LOG_2_PI = float(np.log(2 * np.pi))
MAX_MISFIT = 1e13
"""Squared residuals in units of the noise; real ones are near the number of runs."""


class Conditional(NamedTuple):
    """The Gaussian of a validation domain's coefficients and size effects given θ; axis 0 is V."""

    location: Array
    """(V, P) prior mean."""
    spread: Array
    """(V, P) prior sd."""
    cholesky: Array
    """(V, P, P) of M, for effects in units of their prior sd."""
    projected: Array
    """(V, P) b."""
    misfit: Array
    """(V,) rᵀ Σ⁻¹ r."""
    log_noise: Array
    """(V,) log|Σ| over the measured losses."""


def dimension(hierarchy: Hierarchy) -> int:
    """How many numbers the sampler moves."""
    return sum(int(np.prod(hierarchy.shape(block.dims))) for block in hierarchy.blocks())


def unflatten(hierarchy: Hierarchy, flat: Array) -> dict[str, Array]:
    """The blocks of a vector of unconstrained numbers (leading axes are kept)."""
    values, start = {}, 0
    for block in hierarchy.blocks():
        shape = hierarchy.shape(block.dims)
        stop = start + int(np.prod(shape))
        values[block.name] = flat[..., start:stop].reshape((*flat.shape[:-1], *shape))
        start = stop
    return values


def log_prior(hierarchy: Hierarchy, values: dict[str, Array], own: Array) -> Array:
    """Log density of the blocks."""
    total = jnp.zeros(())
    for block in hierarchy.blocks():
        location, scale = block.prior(jnp, values, own)
        z = (values[block.name] - location) / scale
        log_scale = jnp.broadcast_to(jnp.log(scale), z.shape)
        total = total - jnp.sum(0.5 * z**2 + log_scale + 0.5 * LOG_2_PI)
    return total


def conditional(hierarchy: Hierarchy, values: dict[str, Array], problem: Problem) -> Conditional:
    """Condition the coefficients and size effects on the losses, given the curved parameters."""
    parameters = hierarchy.constrained(jnp, values, problem.own)
    fixed, basis = hierarchy.law.terms(jnp, problem.inputs(), **parameters)
    locations, spreads = hierarchy.coefficient_prior(values)
    shape = problem.loss.shape
    columns = [jnp.broadcast_to(basis[c.name], shape) for c in hierarchy.law.coefficients]
    n_scales = problem.scale.shape[1]
    tau = jnp.exp(values["log_size_effect_scale"])
    n_validation = shape[1]
    # Coefficients last: the Cholesky factor's last diagonal then gives the conditional sd of the
    # last coefficient, which is the one that may be truncated.
    location = jnp.stack([*[jnp.zeros(())] * n_scales, *[jnp.asarray(m) for m in locations]])
    spread = jnp.stack([*[tau] * n_scales, *[jnp.asarray(s) for s in spreads]])
    design = jnp.concatenate(
        [
            jnp.broadcast_to(problem.scale[:, None, :], (*shape, n_scales)),
            jnp.stack(columns, axis=-1),
        ],
        axis=-1,
    )  # (R, V, P)
    residual = problem.loss - fixed - design @ location
    sigma = jnp.exp(values["log_sigma"])
    precision = problem.measured / sigma**2
    scaled = design * spread
    gram = jnp.einsum("rvp,rv,rvq->vpq", scaled, precision, scaled)
    matrix = jnp.eye(gram.shape[-1]) + gram
    return Conditional(
        location=jnp.broadcast_to(location, (n_validation, len(location))),
        spread=jnp.broadcast_to(spread, (n_validation, len(spread))),
        cholesky=jnp.linalg.cholesky(matrix),
        projected=jnp.einsum("rvp,rv->vp", scaled, precision * residual),
        misfit=jnp.sum(precision * residual**2, axis=0),
        log_noise=jnp.sum(problem.measured * (2 * jnp.log(sigma) + LOG_2_PI), axis=0),
    )


def log_likelihood(given: Conditional, positive: bool) -> Array:
    """Log density of the losses with coefficients and size effects integrated out.

    Parameters
    ----------
    positive
        Whether the last coefficient is truncated at 0.
    """
    half = jax.vmap(lambda low, b: solve_triangular(low, b, lower=True))(
        given.cholesky, given.projected
    )
    log_det = 2 * jnp.sum(jnp.log(jnp.diagonal(given.cholesky, axis1=-2, axis2=-1)), axis=-1)
    quadratic = given.misfit - jnp.sum(half**2, axis=-1)
    total = -0.5 * jnp.sum(quadratic + log_det + given.log_noise)
    if positive:
        location, spread = given.location[:, -1], given.spread[:, -1]
        mean = location + spread * half[:, -1] / given.cholesky[:, -1, -1]
        sd = spread / given.cholesky[:, -1, -1]
        total = total + jnp.sum(log_normal_tail(mean / sd) - log_normal_tail(location / spread))
    # Beyond this the quadratic form is a difference of numbers whose rounding exceeds a nat.
    return jnp.where(jnp.max(given.misfit) < MAX_MISFIT, total, -jnp.inf)


def log_normal_tail(x: Array) -> Array:
    """Log of P(z < x) of a standard normal z, with three terms of its series far below 0.

    JAX's own ``log_ndtr`` says the same, and its derivatives take ten seconds to compile.
    """
    near = jnp.maximum(x, -20.0)
    far = jnp.minimum(x, -20.0)
    series = jnp.log1p(-(far**-2) + 3 * far**-4 - 15 * far**-6)
    below = -0.5 * far**2 - jnp.log(-far) - 0.5 * LOG_2_PI + series
    return jnp.where(x > -20.0, jnp.log(0.5 * erfc(-near / np.sqrt(2))), below)


def truncated(hierarchy: Hierarchy) -> bool:
    """Whether the last coefficient is truncated at 0; a fully pooled one has no spread to cut."""
    return hierarchy.law.coefficients[-1].positive and hierarchy.pooling != "full"


def log_density(hierarchy: Hierarchy, flat: Array, problem: Problem) -> Array:
    """Log of the posterior density of the unconstrained numbers, up to the evidence."""
    values = unflatten(hierarchy, flat)
    prior = log_prior(hierarchy, values, problem.own)
    given = conditional(hierarchy, values, problem)
    return prior + log_likelihood(given, truncated(hierarchy))


def draw_effects(
    hierarchy: Hierarchy, flat: Array, problem: Problem, key: Array
) -> tuple[Array, Array]:
    """One exact draw of what was integrated out, given one draw of the rest.

    Returns
    -------
    coefficients, size_effects
        Shapes (validation, coefficient) and (validation, scale), in units of the reference loss.
    """
    given = conditional(hierarchy, unflatten(hierarchy, flat), problem)
    white_key, tail_key = jax.random.split(key)

    def one(low: Array, b: Array, bound: Array, tail: Array, white: Array) -> Array:
        effect = cho_solve((low, True), b) + solve_triangular(low, white, lower=True, trans=1)
        if not truncated(hierarchy):
            return effect
        # Replace the last effect by a draw from its truncated marginal and move the others along.
        last = jnp.zeros(len(b)).at[-1].set(1.0)
        direction = cho_solve((low, True), last)
        sd = 1 / low[-1, -1]
        mean = cho_solve((low, True), b)[-1]
        cut = mean + sd * jax.random.truncated_normal(tail, (bound - mean) / sd, jnp.inf)
        return effect + direction / direction[-1] * (cut - effect[-1])

    bound = -given.location[:, -1] / given.spread[:, -1]
    n_validation, n_effects = given.projected.shape
    white = jax.random.normal(white_key, given.projected.shape, dtype=given.projected.dtype)
    effects = jax.vmap(one)(
        given.cholesky, given.projected, bound, jax.random.split(tail_key, n_validation), white
    )
    effects = given.location + given.spread * effects
    n_scales = n_effects - len(hierarchy.law.coefficients)
    return effects[:, n_scales:], effects[:, :n_scales]
