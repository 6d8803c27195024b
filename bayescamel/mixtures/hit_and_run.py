"""Random mixtures within constraints by hit-and-run: steps along chords of the allowed set."""

import numpy as np

from bayescamel.mixtures.polytope import Polytope
from bayescamel.mixtures.transforms import variation

STEPS_PER_DOMAIN = 15
"""Steps of a chain: hit-and-run mixes in steps that grow with the dimension."""

N_BISECTIONS = 50
"""Of a chord, to find where it leaves a ball."""


def hit_and_run(
    polytope: Polytope, n: int, rng: np.random.Generator, concentration: float = 1.0
) -> np.ndarray:
    """Draw `n` mixtures with density ∝ Π w_k^(concentration − 1) on the polytope.

    Each of `n` independent chains starts from a point well inside. Along its chord the next point
    is uniform, or drawn by slice sampling (Neal, 2003) where the density is not flat.

    Returns
    -------
    ndarray, shape (n, domain)
    """
    centres, inside = polytope.anchors
    # Each chain moves within one of the balls, so that all measured mixtures are surrounded.
    anchor = rng.permutation(np.arange(n) % len(centres))
    points: np.ndarray = inside[anchor]
    directions = polytope.region.directions
    if len(directions) == 0:
        return points
    matrix, bounds = polytope.region.sides
    slack = bounds - _product(points, matrix.T)
    for _ in range(STEPS_PER_DOMAIN * len(directions) + 20):
        direction = _product(rng.normal(size=(n, len(directions))), directions)
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        rate = _product(direction, matrix.T)
        low, high = _chord(slack, rate)
        if polytope.balls is not None:
            ball = centres[anchor], polytope.balls.radius
            low, high = (_within_ball(points, direction, end, *ball) for end in (low, high))
        if concentration == 1.0:
            step = rng.uniform(low, high)
        else:
            step = _slice(points, direction, low, high, concentration, rng)
        points = points + step[:, None] * direction
        slack = slack - step[:, None] * rate
    return polytope.repair(points, anchor)


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    # Not BLAS: for thousands of small products its threads cost far more than they save.
    return np.asarray(np.einsum("ij,jk->ik", a, b))


def _chord(slack: np.ndarray, rate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far one can go back and forth until an inequality is met; shapes (n,)."""
    with np.errstate(divide="ignore", invalid="ignore"):  # a chord along a side never meets it
        reach = np.maximum(slack, 0.0) / rate
    high = np.where(rate > 0, reach, np.inf).min(axis=1)
    low = np.where(rate < 0, reach, -np.inf).max(axis=1)
    return low, high


def _within_ball(
    points: np.ndarray, direction: np.ndarray, end: np.ndarray, centres: np.ndarray, radius: float
) -> np.ndarray:
    """Bisect for the last step towards `end` that stays in the ball, which is convex."""
    good, bad = np.zeros(len(points)), np.ones(len(points))
    for _ in range(N_BISECTIONS):
        share = np.where(bad - good == 1.0, 1.0, 0.5 * (good + bad))
        reached = points + (share * end)[:, None] * direction
        inside = variation(reached, centres) <= radius
        good, bad = np.where(inside, share, good), np.where(inside, bad, share)
    return np.asarray(good * end)


def _slice(
    points: np.ndarray,
    direction: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    concentration: float,
    rng: np.random.Generator,
) -> np.ndarray:
    def log_density(step: np.ndarray) -> np.ndarray:
        weights = np.maximum(points + step[:, None] * direction, np.finfo(float).tiny)
        return np.asarray((concentration - 1) * np.log(weights).sum(axis=1))

    height = log_density(np.zeros(len(points))) - rng.exponential(size=len(points))
    step = rng.uniform(low, high)
    while (below := log_density(step) < height).any():
        low = np.where(below & (step < 0), step, low)
        high = np.where(below & (step >= 0), step, high)
        step = np.where(below, rng.uniform(low, high), step)
    return np.asarray(step)
