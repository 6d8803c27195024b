"""The sampler's log density: coefficients and size effects integrated out.

Given the curved parameters θ a validation domain's losses are Gaussian in everything else,

    y = fixed(θ) + X(θ) c + G u + ε,   c ~ N(m, s²),  u ~ N(0, τ²),  ε ~ N(0, σ²)

so c (coefficients) and u (size effects) integrate out in closed form. With Z = [s X, τ G] and
M = I + Zᵀ Σ⁻¹ Z (a matrix as wide as there are coefficients and scales),

    log p(y | θ) = -½ (rᵀ Σ⁻¹ r - bᵀ M⁻¹ b + log|M| + log|Σ|) + const,   b = Zᵀ Σ⁻¹ r,

at a cost linear in the runs. θ includes each run's noise, a number a run. A law's last coefficient
may be positive: truncating its prior at 0 multiplies the likelihood by P(c > 0 | y, θ) / P(c > 0),
two normal tails. What was integrated out is drawn exactly afterwards. NUTS on the full set of
parameters has to follow the banana between E, A and α instead.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erfc, ndtr, ndtri

from bayescamel.laws.base import Array
from bayescamel.models.blocks import unflatten
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.models.problem import Problem

LOG_2_PI = float(np.log(2 * np.pi))
MAX_MISFIT = 1e13
"""Squared residuals in units of the noise; real ones are near the number of runs."""


class Conditional(NamedTuple):
    """The Gaussian of a validation domain's coefficients and size effects given θ.

    In units of their prior sd, M = [[D, F], [Fᵀ, C]] with D diagonal, since a run has one scale.
    The size effects are eliminated by D, what is left for the coefficients is C - Fᵀ D⁻¹ F.
    """

    location: Array
    """(coefficient,) prior mean."""
    spread: Array
    """(coefficient,) prior sd."""
    size_spread: Array
    """() prior sd of a size effect, τ."""
    size_precision: Array
    """(V, scale) D."""
    cross: Array
    """(V, scale, coefficient) F."""
    cholesky: Array
    """(V, coefficient, coefficient) of what is left for the coefficients."""
    size_projected: Array
    """(V, scale) the size effects' part of b."""
    projected: Array
    """(V, coefficient) the coefficients' part of b, size effects eliminated."""
    misfit: Array
    """(V,) rᵀ Σ⁻¹ r."""
    log_noise: Array
    """(V,) log|Σ| over the measured losses."""


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
    fixed, bases = _curves(hierarchy, values, problem)
    locations, spreads = hierarchy.coefficient_prior(values)
    location = jnp.stack([jnp.asarray(m) for m in locations])
    spread = jnp.stack([jnp.asarray(s) for s in spreads])
    tau = jnp.exp(values["log_size_effect_scale"])
    loss, measured = problem.loss.T, problem.measured.T
    log_sd = hierarchy.log_noise_sd(values, problem.mixture, problem.reference)
    log_sd = jnp.broadcast_to(log_sd, loss.shape)
    precision = measured * jnp.exp(-2 * log_sd)
    residual = loss - fixed - sum(m * x for m, x in zip(locations, bases, strict=True))
    columns = [*(s * x for s, x in zip(spreads, bases, strict=True)), residual]
    weighted = [column * precision for column in columns]
    n = len(bases)
    products = _symmetric(lambda i, j: jnp.sum(weighted[i] * columns[j], axis=1), n + 1)
    # One product holds all sums over the runs of one scale: of columns, and of the precision.
    by_scale = (jnp.stack([*weighted, precision]) @ problem.scale).transpose(1, 2, 0)
    size_precision = 1 + tau**2 * by_scale[:, :, n + 1]
    cross, size_projected = tau * by_scale[:, :, :n], tau * by_scale[:, :, n]
    eliminated = cross / size_precision[:, :, None]
    explained = jnp.sum(cross[:, :, :, None] * eliminated[:, :, None, :], axis=1)
    return Conditional(
        location=location,
        spread=spread,
        size_spread=tau,
        size_precision=size_precision,
        cross=cross,
        cholesky=_cholesky(jnp.eye(n) + products[:, :n, :n] - explained),
        size_projected=size_projected,
        projected=products[:, :n, n] - jnp.sum(eliminated * size_projected[:, :, None], axis=1),
        misfit=products[:, n, n],
        log_noise=jnp.sum(measured * (2 * log_sd + LOG_2_PI), axis=1),
    )


def _curves(
    hierarchy: Hierarchy, values: dict[str, Array], problem: Problem
) -> tuple[Array, list[Array]]:
    """A law's fixed part and its bases, each (validation, run)."""
    parameters = hierarchy.constrained(jnp, values, problem.own)
    basis, fixed = hierarchy.terms(jnp, parameters, problem.inputs())
    shape = problem.loss.T.shape
    return fixed, [jnp.broadcast_to(basis[c.name], shape) for c in hierarchy.law.coefficients]


def _symmetric(entry: Callable[[int, int], Array], n: int) -> Array:
    """(V, n, n) from entries (V,) of the lower half.

    Sums of elementwise products, and not a batched product of (V, n, R) and (V, R, n): with thin
    matrices density and gradient take a tenth longer.
    """
    lower = [[entry(i, j) for j in range(i + 1)] for i in range(n)]
    rows = [[lower[max(i, j)][min(i, j)] for j in range(n)] for i in range(n)]
    return jnp.stack([jnp.stack(row, axis=-1) for row in rows], axis=-2)


def log_likelihood(given: Conditional, positive: bool) -> Array:
    """Log density of the losses with coefficients and size effects integrated out.

    Parameters
    ----------
    positive
        Whether the last coefficient is truncated at 0.
    """
    half = _solve(given.cholesky, given.projected)
    explained = jnp.sum(half**2, axis=1) + jnp.sum(
        given.size_projected**2 / given.size_precision, axis=1
    )
    diagonal = jnp.diagonal(given.cholesky, axis1=-2, axis2=-1)
    log_det = 2 * jnp.sum(jnp.log(diagonal), axis=1) + jnp.sum(
        jnp.log(given.size_precision), axis=1
    )
    total = -0.5 * jnp.sum(given.misfit - explained + log_det + given.log_noise)
    if positive:
        location, spread = given.location[-1], given.spread[-1]
        # The factor's last diagonal is the conditional precision of the last coefficient.
        mean = location + spread * half[:, -1] / diagonal[:, -1]
        sd = spread / diagonal[:, -1]
        total = total + jnp.sum(log_normal_tail(mean / sd) - log_normal_tail(location / spread))
    # Beyond this the quadratic form is a difference of numbers whose rounding exceeds a nat.
    return jnp.where(jnp.max(given.misfit) < MAX_MISFIT, total, -jnp.inf)


def _cholesky(matrix: Array) -> Array:
    """Factors of a batch of positive definite matrices as wide as a law has coefficients.

    Written out: calls to LAPACK for a handful of 3 x 3 matrices are slower.
    """
    n = matrix.shape[-1]
    rows: list[list[Array]] = []
    for i in range(n):
        row: list[Array] = []
        for j in range(i + 1):
            left = matrix[..., i, j] - sum(
                (row[k] * (row if i == j else rows[j])[k] for k in range(j)), start=0.0
            )
            row.append(jnp.sqrt(left) if i == j else left / rows[j][j])
        rows.append(row)
    zero = jnp.zeros_like(matrix[..., 0, 0])
    full = [jnp.stack([*row, *[zero] * (n - len(row))], axis=-1) for row in rows]
    return jnp.stack(full, axis=-2)


def _solve(lower: Array, right: Array, transposed: bool = False) -> Array:
    """Solve with a batch of lower triangular matrices, written out as `_cholesky` is."""
    n = right.shape[-1]
    found: dict[int, Array] = {}
    for i in reversed(range(n)) if transposed else range(n):
        known = sum(
            ((lower[..., k, i] if transposed else lower[..., i, k]) * x for k, x in found.items()),
            start=0.0,
        )
        found[i] = (right[..., i] - known) / lower[..., i, i]
    return jnp.stack([found[i] for i in range(n)], axis=-1)


def log_normal_tail(x: Array) -> Array:
    """Log of P(z < x) of a standard normal z, with three terms of its series far below 0.

    JAX's own ``log_ndtr`` says the same, and its derivatives take long to compile.
    """
    near = jnp.maximum(x, -20.0)
    far = jnp.minimum(x, -20.0)
    series = jnp.log1p(-(far**-2) + 3 * far**-4 - 15 * far**-6)
    below = -0.5 * far**2 - jnp.log(-far) - 0.5 * LOG_2_PI + series
    return jnp.where(x > -20.0, jnp.log(0.5 * erfc(-near / np.sqrt(2))), below)


def draw_above(key: Array, bound: Array) -> Array:
    """Draw standard normals given that they exceed `bound`, however far out it lies.

    Beyond 30 the tail is exponential to within a thousandth, and its probability underflows soon.
    """
    uniform = jax.random.uniform(key, bound.shape, dtype=bound.dtype, minval=1e-300)
    near = -ndtri(uniform * ndtr(-jnp.minimum(bound, 30.0)))
    far = bound - jnp.log(uniform) / jnp.maximum(bound, 30.0)
    return jnp.where(bound < 30.0, near, far)


def log_density(hierarchy: Hierarchy, flat: Array, problem: Problem) -> Array:
    """Log of the posterior density of the unconstrained numbers, up to the evidence."""
    values = unflatten(hierarchy, flat)
    prior = log_prior(hierarchy, values, problem.own)
    given = conditional(hierarchy, values, problem)
    return prior + log_likelihood(given, hierarchy.truncated())


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
    coefficient_key, tail_key, size_key = jax.random.split(key, 3)
    mean = _solve(given.cholesky, _solve(given.cholesky, given.projected), transposed=True)
    white = jax.random.normal(coefficient_key, mean.shape, dtype=mean.dtype)
    effect = mean + _solve(given.cholesky, white, transposed=True)
    if hierarchy.truncated():
        # Replace the last coefficient by a draw from its truncated marginal and move the others
        # along as their covariance with it says.
        sd = 1 / given.cholesky[:, -1, -1]
        bound = -given.location[-1] / given.spread[-1]
        tail = draw_above(tail_key, (bound - mean[:, -1]) / sd)
        unit = jnp.broadcast_to(jnp.eye(mean.shape[1])[-1], mean.shape)
        along = _solve(given.cholesky, _solve(given.cholesky, unit), transposed=True)
        change = mean[:, -1] + sd * tail - effect[:, -1]
        effect = effect + along / along[:, -1:] * change[:, None]
    size_mean = given.size_projected - jnp.einsum("vsc,vc->vs", given.cross, effect)
    size_white = jax.random.normal(size_key, size_mean.shape, dtype=mean.dtype)
    size = size_mean / given.size_precision + size_white / jnp.sqrt(given.size_precision)
    return given.location + given.spread * effect, given.size_spread * size
