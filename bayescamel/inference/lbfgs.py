"""L-BFGS on many small problems at once.

SciPy's takes one problem at a time; a bootstrapped point fit is a thousand, and one compiled call
evaluates them all. Two-loop recursion (Nocedal & Wright, *Numerical Optimization*, algorithm 7.4)
with a backtracking line search. Every evaluation is one trial step of every problem that is still
going: problems do not wait for each other's line search.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

type Evaluate = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

MEMORY = 20
SUFFICIENT_DECREASE = 1e-4
"""Share of the decrease promised by the slope that a step must keep (Armijo)."""
SMALLEST_STEP = 1e-10
"""A line search that gets here has met rounding: the problem is done."""
PATIENCE = 10
"""A problem is done when so many steps together improve it by less than the tolerance."""


@dataclass
class _State:
    """All problems; axis 0 is the problem, and of the memory axis 1 its pairs, newest first."""

    position: np.ndarray
    value: np.ndarray
    gradient: np.ndarray
    direction: np.ndarray
    slope: np.ndarray
    size: np.ndarray
    steps: np.ndarray
    changes: np.ndarray
    inverse_curvature: np.ndarray
    recent: np.ndarray


def minimise(
    evaluate: Evaluate,
    starts: np.ndarray,
    *,
    max_evaluations: int = 4000,
    tolerance: float = 1e-6,
) -> tuple[np.ndarray, np.ndarray]:
    """Minimise independent functions, each from its start.

    Parameters
    ----------
    evaluate
        ``evaluate(x, problem)``: values and gradients of the problems with these indices at x,
        shapes (n,) and (n, dimension). A value that is not finite counts as a step too far.
    starts
        Shape (problem, dimension).
    max_evaluations
        Of each problem.
    tolerance
        Relative improvement over ten steps that is not worth going on for.

    Returns
    -------
    positions, values
        Shapes (problem, dimension) and (problem,); infinite where a start was not finite.
    """
    n, dimension = starts.shape
    value, gradient = evaluate(starts, np.arange(n))
    value = np.where(np.isfinite(value), value, np.inf)
    # Nothing is known of the curvature yet: a first step of length 1 at most.
    direction = -gradient / np.maximum(np.linalg.norm(gradient, axis=1, keepdims=True), 1.0)
    state = _State(
        position=starts.copy(),
        value=value,
        gradient=gradient,
        direction=direction,
        slope=np.sum(direction * gradient, axis=1),
        size=np.ones(n),
        steps=np.zeros((n, MEMORY, dimension)),
        changes=np.zeros((n, MEMORY, dimension)),
        inverse_curvature=np.zeros((n, MEMORY)),
        recent=np.full((n, PATIENCE), np.inf),
    )
    active = np.flatnonzero(np.isfinite(value) & np.isfinite(gradient).all(axis=1))
    for _ in range(max_evaluations):
        if not len(active):
            break
        trial = state.position[active] + (state.size[:, None] * state.direction)[active]
        value, gradient = evaluate(trial, active)
        bound = state.value[active] + SUFFICIENT_DECREASE * (state.size * state.slope)[active]
        good = (value <= bound) & np.isfinite(gradient).all(axis=1)
        state.size[active[~good]] *= 0.3
        stuck = state.size[active] < SMALLEST_STEP
        before = state.recent[active, -1]
        accepted = active[good]
        if len(accepted):
            _move(state, accepted, trial[good], value[good], gradient[good])
        with np.errstate(invalid="ignore"):
            settled = good & (before - state.value[active] <= tolerance * state.value[active])
        active = active[~(stuck | settled)]
    return state.position, state.value


def _move(
    state: _State, which: np.ndarray, position: np.ndarray, value: np.ndarray, gradient: np.ndarray
) -> None:
    """Accept a step of these problems: remember the pair and choose the next direction."""
    step = position - state.position[which]
    change = gradient - state.gradient[which]
    curvature = np.sum(step * change, axis=1)
    # A pair without positive curvature is left out.
    useful = which[curvature > 1e-10 * np.sum(change**2, axis=1)]
    kept = np.isin(which, useful)
    for memory, newest in (
        (state.steps, step[kept]),
        (state.changes, change[kept]),
        (state.inverse_curvature, 1 / curvature[kept]),
    ):
        memory[useful, 1:] = memory[useful, :-1]
        memory[useful, 0] = newest
    state.recent[which, 1:] = state.recent[which, :-1]
    state.recent[which, 0] = state.value[which]
    state.position[which], state.value[which], state.gradient[which] = position, value, gradient
    direction = -_two_loops(
        gradient, state.steps[which], state.changes[which], state.inverse_curvature[which]
    )
    slope = np.sum(direction * gradient, axis=1)
    rising = slope >= 0
    direction[rising] = -gradient[rising]
    state.direction[which] = direction
    state.slope[which] = np.where(rising, -np.sum(gradient**2, axis=1), slope)
    state.size[which] = 1.0


def _two_loops(
    gradient: np.ndarray, steps: np.ndarray, changes: np.ndarray, inverse_curvature: np.ndarray
) -> np.ndarray:
    """The inverse Hessian's approximation times the gradient; empty pairs do nothing."""
    q = gradient.copy()
    weights = []
    for i in range(MEMORY):
        weights.append(inverse_curvature[:, i] * np.sum(steps[:, i] * q, axis=1))
        q -= weights[i][:, None] * changes[:, i]
    newest = np.sum(changes[:, 0] ** 2, axis=1) * inverse_curvature[:, 0]
    q /= np.where(newest > 0, newest, np.maximum(np.linalg.norm(gradient, axis=1), 1.0))[:, None]
    for i in reversed(range(MEMORY)):
        back = inverse_curvature[:, i] * np.sum(changes[:, i] * q, axis=1)
        q += (weights[i] - back)[:, None] * steps[:, i]
    return q
