"""Search for mixtures of least objective within constraints, many at once, in JAX.

Spectral projected gradient (Birgin, Martínez and Raydan, 2000): a gradient step whose length comes
from the curvature seen last, then the exact projection onto the bounds and the sum of 1. Mixtures
on the boundary, where optima often lie, are reached exactly, which no softmax does. Sums over
groups enter by an augmented Lagrangian, and a trust region in total variation becomes linear in
variables of its own: w = centre + p − q with p, q ≥ 0 and Σ p + q ≤ 2 radius.

Single precision serves: the caller repairs what it leaves outside the constraints.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from bayescamel.decisions.curve import Curve, objective_values
from bayescamel.laws.base import Array
from bayescamel.mixtures import Polytope
from bayescamel.models.hierarchy import Hierarchy

STEPS = 100
"""Gradient steps where only bounds and the sum of 1 hold."""

STAGES, STAGE_STEPS = 8, 25
"""Multiplier updates, and steps between them, where there are more constraints."""

BISECTIONS = 30
"""For the projection's multiplier: more than the digits of single precision."""

PENALTY, STIFFENING = 4.0, 1.6
"""First penalty, in units of the steepest slope at the start, and its factor between stages."""


type Laws = tuple[Hierarchy, ...]
type Curves = tuple[Curve, ...]
"""One of each for every law that is averaged."""


class Space(NamedTuple):
    """Search variables x (N, P) of N problems: mixture = offset + x, or + p − q."""

    sign: Array
    """(P,) +1, or −1 for variables q."""
    offset: Array
    """(N, domain)."""
    low: Array
    high: Array
    """(N, P)."""
    total: Array
    """(N,) what sign · x must be for weights that sum to 1."""
    rows: Array
    """(R, P) further constraints."""
    row_low: Array
    row_high: Array
    """(N, R)."""

    def mixture(self, x: Array) -> Array:
        """From variables to mixtures."""
        n = self.offset.shape[1]
        return self.offset + (x if x.shape[1] == n else x[:, :n] - x[:, n:])


def make_space(allowed: Polytope, centres: np.ndarray) -> Space:
    """The variables of problems each of which stays near its centre (N, domain)."""
    low, high = allowed.box
    sums, sum_low, sum_high = allowed.sums
    n = len(centres)
    if allowed.balls is None:
        offset = np.zeros_like(centres)
        sign, rows = np.ones(len(low)), sums
        x_low, x_high = np.tile(low, (n, 1)), np.tile(high, (n, 1))
    else:
        offset = centres
        sign = np.repeat([1.0, -1.0], len(low))
        rows = np.concatenate([np.concatenate([sums, -sums], axis=1), np.ones((1, len(sign)))])
        sum_low, sum_high = np.append(sum_low, -np.inf), np.append(sum_high, np.inf)
        up_low, up_high = low - centres, high - centres
        x_low = np.maximum(np.concatenate([up_low, -up_high], axis=1), 0.0)
        x_high = np.maximum(np.concatenate([up_high, -up_low], axis=1), 0.0)
    at_centre = np.zeros((n, len(rows)))
    at_centre[:, : len(sums)] = offset @ sums.T
    row_low, row_high = sum_low - at_centre, sum_high - at_centre
    if allowed.balls is not None:
        row_high[:, -1] = 2 * allowed.balls.radius
    total = 1.0 - offset.sum(axis=1)
    return Space(sign, offset, x_low, x_high, total, rows, row_low, row_high)


def screen(laws: Laws, value: Any, curves: Curves, mixtures: np.ndarray) -> np.ndarray:
    """The objective of a few mixtures (M, domain) in single precision: (draw, M)."""
    return np.asarray(_compiled().screen(laws, value, _single(curves), _single(mixtures))).T


def best_of_each(
    laws: Laws, value: Any, curves: Curves, space: Space, starts: np.ndarray
) -> np.ndarray:
    """Each draw's optimum, from its start; both (draw, domain)."""
    space, starts = _single(space), _single(starts)
    return np.asarray(_compiled().each(laws, value, _single(curves), space, starts), np.float64)


def best_of_all(
    laws: Laws, value: Any, curves: Curves, risk: np.ndarray, space: Space, starts: np.ndarray
) -> np.ndarray:
    """Mixtures that are best for all draws together, one from each start; (N, domain).

    Parameters
    ----------
    risk
        Weights of the sorted draws; see `bayescamel.decisions.risk`.
    """
    arrays = _single((curves, risk, space, starts))
    return np.asarray(_compiled().all(laws, value, *arrays), np.float64)


def _single(tree: Any) -> Any:
    import jax

    return jax.tree.map(lambda values: np.asarray(values, np.float32), tree)


class _Compiled(NamedTuple):
    screen: Callable[..., Array]
    each: Callable[..., Array]
    all: Callable[..., Array]


@cache
def _compiled() -> _Compiled:
    import jax

    from bayescamel.models.compiled import jit_single, use_cache

    use_cache()
    jnp = jax.numpy

    @partial(jit_single, static_argnums=(0, 1))
    def screen(laws: Laws, value: Any, curves: Curves, mixtures: Array) -> Array:
        one = partial(objective_values, jnp, laws, value, curves)
        return jax.lax.map(lambda w: one(w[None, None])[:, 0], mixtures)

    @partial(jit_single, static_argnums=(0, 1))
    def each(laws: Laws, value: Any, curves: Curves, space: Space, starts: Array) -> Array:
        one = partial(objective_values, jnp, laws, value, curves)
        return _descend(lambda w: one(w[:, None])[:, 0], space, starts)

    @partial(jit_single, static_argnums=(0, 1))
    def together(
        laws: Laws, value: Any, curves: Curves, risk: Array, space: Space, starts: Array
    ) -> Array:
        def one(mixture: Array) -> Array:
            values = objective_values(jnp, laws, value, curves, mixture[None, None])[:, 0]
            return (jnp.sort(values) * risk).sum()

        return _descend(partial(jax.lax.map, one), space, starts)

    return _Compiled(screen, each, together)


class _State(NamedTuple):
    x: Array
    rate: Array
    bar: Array
    """What the next value must not exceed: above the last, so that steps may be long."""
    slope: Array
    best_x: Array
    best: Array
    multiplier: Array
    """(N, R) of the further constraints."""
    penalty: Array
    """(N,)."""


def _descend(function: Callable[[Array], Array], space: Space, starts: Array) -> Array:
    """Minimise a function of mixtures (N, domain) → (N,), each row on its own."""
    import jax

    jnp = jax.numpy
    moved = starts - space.offset
    both = jnp.concatenate([jnp.maximum(moved, 0), jnp.maximum(-moved, 0)], axis=1)
    x = _project(moved if space.low.shape[1] == starts.shape[1] else both, space)
    n, n_rows = len(x), space.rows.shape[0]

    def gradient(x: Array, multiplier: Array, penalty: Array) -> tuple[Array, Array]:
        def lagrangian(x: Array) -> tuple[Array, Array]:
            value = function(space.mixture(x))
            over, under = _violations(x, space, multiplier, penalty)
            value = value + ((over**2 + under**2) / (2 * penalty[:, None])).sum(axis=1)
            return value.sum(), value

        (_, value), slope = jax.value_and_grad(lagrangian, has_aux=True)(x)
        return value, slope

    def step(state: _State, i: Array) -> tuple[_State, None]:
        # A stage begins by looking where the last one ended, with new multipliers. The gradient
        # is called in this one place, since the compiler's time goes into it.
        begins = i % (STAGE_STEPS if n_rows else STEPS) == 0
        over, under = _violations(state.best_x, space, state.multiplier, state.penalty)
        multiplier = jnp.where(begins, over - under, state.multiplier)
        penalty = jnp.where(begins, STIFFENING, 1.0) * state.penalty
        forward = _project(state.x - state.rate[:, None] * state.slope, space)
        trial = jnp.where(begins, state.best_x, forward)
        value, slope = gradient(trial, multiplier, penalty)
        steepness = abs(slope - slope.mean(axis=1, keepdims=True)).max(axis=1) + 1e-9
        accepted = begins | (value <= state.bar + 1e-7)
        better = begins | (value < state.best)
        keep, improve = accepted[:, None], better[:, None]
        slower = jnp.maximum(0.7 * state.bar + 0.3 * value, value)
        rate = jnp.where(accepted, _spectral(state, trial, slope), 0.3 * state.rate)
        return _State(
            x=jnp.where(keep, trial, state.x),
            rate=jnp.where(begins, 0.1 / steepness, rate),
            bar=jnp.where(begins, value, jnp.where(accepted, slower, state.bar)),
            slope=jnp.where(keep, slope, state.slope),
            best_x=jnp.where(improve, trial, state.best_x),
            best=jnp.where(better, value, state.best),
            multiplier=multiplier,
            penalty=jnp.where(i == 0, PENALTY * steepness, penalty),
        ), None

    zero, one = jnp.zeros(n, x.dtype), jnp.ones(n, x.dtype)
    rows = jnp.zeros((n, n_rows), x.dtype)
    state = _State(x, one, zero, jnp.zeros_like(x), x, zero, rows, one)
    steps = STAGES * STAGE_STEPS if n_rows else STEPS
    state, _ = jax.lax.scan(step, state, jnp.arange(steps))
    return space.mixture(state.best_x)


def _violations(x: Array, space: Space, multiplier: Array, penalty: Array) -> tuple[Array, Array]:
    """The shifted violations of an augmented Lagrangian; they are the next multipliers."""
    import jax

    jnp = jax.numpy
    value = x @ space.rows.T
    stiff = penalty[:, None]
    over = jnp.maximum(multiplier + stiff * (value - space.row_high), 0)
    under = jnp.maximum(-multiplier + stiff * (space.row_low - value), 0)
    return over, under


def _spectral(state: _State, trial: Array, slope: Array) -> Array:
    """The step length that fits the curvature along the last step (Barzilai and Borwein, 1988)."""
    import jax

    jnp = jax.numpy
    moved, turned = trial - state.x, slope - state.slope
    curvature = (moved * turned).sum(axis=1)
    fitting = (moved * moved).sum(axis=1) / jnp.maximum(curvature, 1e-12)
    length = jnp.where(curvature > 1e-12, fitting, 2 * state.rate)
    return jnp.clip(length, 0.05 * state.rate, 20 * state.rate)


def _project(x: Array, space: Space) -> Array:
    """The nearest variables within bounds that make weights sum to 1."""
    import jax

    jnp = jax.numpy

    def at(shift: Array) -> Array:
        return jnp.clip(x - shift[:, None] * space.sign, space.low, space.high)

    def halve(_: int, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bracket
        middle = 0.5 * (low + high)
        too_much = (at(middle) * space.sign).sum(axis=1) > space.total
        return jnp.where(too_much, middle, low), jnp.where(too_much, high, middle)

    reach = abs(x).max(axis=1) + 1.0  # beyond it every variable is at a bound
    low, high = jax.lax.fori_loop(0, BISECTIONS, halve, (-reach, reach))
    return at(0.5 * (low + high))
