"""Modes of the posterior, from several starts.

Two reducible terms can swap roles: the posterior has several modes, some tens of nats apart, and
chains do not travel between them. So the mode with the largest evidence in Laplace's
approximation is looked for first, chains start around it, and the others are reported.

A start first follows the broad features: the noise is held at many times what it will be, until the
curve has settled. Noise that is free from the first step shrinks onto whatever curve a start
happens to be near.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from scipy.optimize import minimize

from bayescamel.exceptions import FitError
from bayescamel.inference.nuts import Geometry
from bayescamel.models import compiled
from bayescamel.models.blocks import arrow_root, dimension, flatten, groups, marked
from bayescamel.models.density import LOG_2_PI, log_density
from bayescamel.models.hierarchy import RUN_NOISE, Hierarchy
from bayescamel.models.problem import Problem

MAX_DENSITY_GAP = 60.0
"""Modes this far below the best in density have no chance in evidence at these dimensions."""
START_NOISE_FACTOR = 30.0
"""How many times louder the noise is at first than it is typically: a tenth of the loss."""
SIZE_EFFECTS = frozenset({"log_size_effect_scale"})
"""Held until the law fits. A law that does not fit yet has large size effects, and a scale that has
grown to them keeps them: with two sizes they then stand in for the dependence on size, in a mode of
its own."""
NOISE = frozenset({"sigma_location", "log_sigma", "noise_lopsided", RUN_NOISE})
MODE_TOLERANCE = 0.5
"""Two optima closer than this in log density are one."""
N_AGREEING_STARTS = 3
"""Starts in the best mode after which no further one is made."""
MIN_CURVATURE = 0.3
"""Least curvature used: a direction flatter than its prior is an artefact of the quadratic."""


@dataclass(frozen=True)
class Mode:
    """A mode and Laplace's approximation there.

    Parameters
    ----------
    position
        Unconstrained numbers, shape (dimension,).
    root
        A square root of the approximate covariance of the hierarchy's numbers (blocks, blocks).
    spread
        Approximate sds of the noise of each run behind them, shape (run,).
    log_density, log_evidence
        In nats; the evidence is Laplace's.
    """

    position: np.ndarray
    root: np.ndarray
    spread: np.ndarray
    log_density: float
    log_evidence: float

    @property
    def scale(self) -> np.ndarray:
        """Sd of every number where chains move: 1 where the root whitens."""
        return np.concatenate([np.ones(len(self.root)), self.spread])

    def geometry(self) -> Geometry:
        """Coordinates whitened by the curvature here, with a step to begin from."""
        return Geometry(self.position, self.root, 0.1, self.scale**2)


def start_positions(hierarchy: Hierarchy, problem: Problem, n: int, seed: int) -> np.ndarray:
    """Scattered draws from the prior, hyperparameters at their typical values: (n, dimension).

    The noise is `START_NOISE_FACTOR`, and the same for all runs.
    """
    rng = np.random.default_rng(seed)
    positions = []
    for _ in range(n):
        values: dict[str, np.ndarray] = {}
        for block in hierarchy.blocks():
            location, scale = block.prior(np, values, problem.own)
            shape = hierarchy.shape(block.dims, len(problem.loss))
            scatter = 0.7 if {"validation", "domain"} & set(block.dims) else 0.0
            values[block.name] = location + scatter * scale * rng.normal(size=shape)
        values["log_sigma"] = values["log_sigma"] + np.log(START_NOISE_FACTOR)
        positions.append(flatten(hierarchy, values))
    return np.stack(positions)


def find_modes(
    hierarchy: Hierarchy,
    problem: Problem,
    starts: np.ndarray,
    on_start: Callable[[], None] = lambda: None,
) -> list[Mode]:
    """Distinct modes reached from `starts`, best evidence first.

    Starts are made until enough agree on the best; `on_start` is called for the others, too.

    Raises
    ------
    FitError
        When no start reaches a finite optimum.
    """

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = _value_and_gradient(hierarchy, flat, problem)
        if not np.isfinite(value):  # the line search steps back from infinity
            return np.inf, np.zeros_like(flat)
        return -float(value), -np.asarray(gradient)

    def climb(start: np.ndarray, held: frozenset[str], ftol: float) -> Any:
        fixed = marked(hierarchy, held.__contains__, len(start) - dimension(hierarchy))
        bounds = [(x, x) if stays else (None, None) for x, stays in zip(start, fixed, strict=True)]
        options = {"maxiter": 3000, "ftol": ftol}
        return minimize(
            objective, start, jac=True, bounds=bounds, method="L-BFGS-B", options=options
        )

    optima: list[tuple[float, np.ndarray]] = []
    with jax.enable_x64(True):
        for start in starts:
            if not _agreed([height for height, _ in optima]):
                found = climb(start, SIZE_EFFECTS | NOISE, ftol=1e-6)
                found = climb(found.x, SIZE_EFFECTS, ftol=1e-6)
                found = climb(found.x, frozenset(), ftol=1e-9)
                if np.isfinite(found.fun):
                    optima.append((-float(found.fun), found.x))
            on_start()
        if not optima:
            raise FitError(
                "no start of the optimiser reached a finite posterior density: check the losses "
                "and weights for values far from the rest"
            )
        optima.sort(key=lambda optimum: -optimum[0])
        modes: list[Mode] = []
        for log_density, position in optima:
            new = all(abs(log_density - mode.log_density) > MODE_TOLERANCE for mode in modes)
            if new and optima[0][0] - log_density < MAX_DENSITY_GAP:
                modes.append(_laplace(hierarchy, problem, position, log_density))
    return sorted(modes, key=lambda mode: -mode.log_evidence)


def _value_and_gradient(
    hierarchy: Hierarchy, flat: np.ndarray, problem: Problem
) -> tuple[jax.Array, jax.Array]:
    value, gradient = compiled.value_and_gradient(log_density, hierarchy, flat, problem)
    return value, gradient


def _agreed(heights: list[float]) -> bool:
    """Whether enough starts ended in the best mode."""
    best = max(heights, default=-np.inf)
    return sum(best - height < MODE_TOLERANCE for height in heights) >= N_AGREEING_STARTS


def _laplace(
    hierarchy: Hierarchy, problem: Problem, position: np.ndarray, log_density: float
) -> Mode:
    blocks, runs = _curvature(hierarchy, problem, position)
    curvature, axes = np.linalg.eigh(blocks)
    curvature = np.maximum(curvature, MIN_CURVATURE)
    volumes = np.log(curvature).sum() + np.log(runs).sum()
    log_volume = 0.5 * (len(position) * LOG_2_PI - volumes)
    precision = (axes * curvature) @ axes.T
    root, spread = arrow_root(precision, groups(hierarchy, "validation")), 1 / np.sqrt(runs)
    return Mode(position, root, spread, log_density, float(log_density + log_volume))


def _curvature(
    hierarchy: Hierarchy, problem: Problem, position: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Minus the second derivatives of the blocks' numbers, and those of each run's noise.

    By central differences of the gradient: good to the six digits a preconditioner can use, and
    there is nothing more to compile. The noises of two runs hardly know of each other, so moving
    all of them at once gives the second derivative of each.
    """
    step = 1e-5
    n = dimension(hierarchy)
    noises = np.zeros(len(position))
    noises[n:] = 1.0
    columns = []
    for direction in step * np.stack([*np.eye(n, len(position)), noises]):
        up = _value_and_gradient(hierarchy, position + direction, problem)[1]
        down = _value_and_gradient(hierarchy, position - direction, problem)[1]
        columns.append((np.asarray(down) - np.asarray(up)) / (2 * step))
    blocks = np.array(columns)[:n, :n]
    least = hierarchy.noise.run_spread**-2 if n < len(position) else 0.0
    return (blocks + blocks.T) / 2, np.maximum(columns[-1][n:], least)
