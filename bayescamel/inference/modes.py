"""Modes of the posterior, from several starts.

Two reducible terms can swap roles: the posterior has several modes, some tens of nats apart, and
chains do not travel between them. So the mode with the largest evidence in Laplace's
approximation is looked for first, chains start around it, and the others are reported.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from scipy.optimize import minimize

from bayescamel.blocks import flatten, marked
from bayescamel.exceptions import FitError
from bayescamel.hierarchy import Hierarchy
from bayescamel.inference import compiled
from bayescamel.models.density import LOG_2_PI
from bayescamel.models.problem import Problem

NATS_WORTH_A_LOOK = 60.0
"""Modes this far below the best in density have no chance in evidence at these dimensions."""
SIZE_EFFECTS = "log_size_effect_scale"
SAME_MODE = 0.5
"""Two optima closer than this in log density are one."""
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
        A square root of the approximate covariance, shape (dimension, dimension).
    log_density, log_evidence
        In nats; the evidence is Laplace's.
    """

    position: np.ndarray
    root: np.ndarray
    log_density: float
    log_evidence: float


def start_positions(hierarchy: Hierarchy, own: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Scattered draws from the prior, hyperparameters at their typical values: (n, dimension).

    The noise starts larger than it is, so that the first steps follow the broad features.
    """
    rng = np.random.default_rng(seed)
    positions = []
    for _ in range(n):
        values: dict[str, np.ndarray] = {}
        for block in hierarchy.blocks():
            location, scale = block.prior(np, values, own)
            shape = hierarchy.shape(block.dims)
            scatter = 0.7 if block.dims else 0.0
            values[block.name] = location + scatter * scale * rng.normal(size=shape)
        values["log_sigma"] = values["log_sigma"] + np.log(3.0)
        positions.append(flatten(hierarchy, values))
    return np.stack(positions)


def find_modes(
    hierarchy: Hierarchy,
    problem: Problem,
    starts: np.ndarray,
    on_start: Callable[[], None] = lambda: None,
) -> list[Mode]:
    """Distinct modes reached from `starts`, best evidence first.

    Raises
    ------
    FitError
        When no start reaches a finite optimum.
    """

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = compiled.value_and_gradient(hierarchy, flat, problem)
        if not np.isfinite(value):  # the line search steps back from infinity
            return np.inf, np.zeros_like(flat)
        return -float(value), -np.asarray(gradient)

    held = _held(hierarchy)
    optima: list[tuple[float, np.ndarray]] = []
    with jax.enable_x64(True):
        for start in starts:
            pinned = [
                (x, x) if fixed else (None, None) for x, fixed in zip(start, held, strict=True)
            ]
            near = minimize(objective, start, jac=True, bounds=pinned, **_optimiser(ftol=1e-6))
            found = minimize(objective, near.x, jac=True, **_optimiser(ftol=1e-9))
            on_start()
            if np.isfinite(found.fun):
                optima.append((-float(found.fun), found.x))
        if not optima:
            raise FitError(
                "no start of the optimiser reached a finite posterior density: check the losses "
                "and weights for values far from the rest"
            )
        optima.sort(key=lambda optimum: -optimum[0])
        modes: list[Mode] = []
        for log_density, position in optima:
            new = all(abs(log_density - mode.log_density) > SAME_MODE for mode in modes)
            if new and optima[0][0] - log_density < NATS_WORTH_A_LOOK:
                modes.append(_laplace(hierarchy, problem, position, log_density))
    return sorted(modes, key=lambda mode: -mode.log_evidence)


def _optimiser(ftol: float) -> dict[str, Any]:
    return {"method": "L-BFGS-B", "options": {"maxiter": 3000, "ftol": ftol}}


def _held(hierarchy: Hierarchy) -> np.ndarray:
    """Which coordinates are held at first: the scale of the size effects.

    A law that does not fit yet has large size effects, and a scale that has grown to them keeps
    them: with two sizes they then stand in for the dependence on size, in a mode of its own.
    """
    return marked(hierarchy, lambda name: name == SIZE_EFFECTS)


def _laplace(
    hierarchy: Hierarchy, problem: Problem, position: np.ndarray, log_density: float
) -> Mode:
    curvature, axes = np.linalg.eigh(_curvature(hierarchy, problem, position))
    curvature = np.maximum(curvature, MIN_CURVATURE)
    log_volume = 0.5 * (len(position) * LOG_2_PI - np.sum(np.log(curvature)))
    return Mode(position, axes / np.sqrt(curvature), log_density, float(log_density + log_volume))


def _curvature(hierarchy: Hierarchy, problem: Problem, position: np.ndarray) -> np.ndarray:
    """Minus the second derivatives, by central differences of the gradient.

    Good to the six digits a preconditioner can use, and there is nothing more to compile.
    """
    step = 1e-5
    columns = []
    for direction in step * np.eye(len(position)):
        up = compiled.value_and_gradient(hierarchy, position + direction, problem)[1]
        down = compiled.value_and_gradient(hierarchy, position - direction, problem)[1]
        columns.append((np.asarray(down) - np.asarray(up)) / (2 * step))
    return (np.array(columns) + np.array(columns).T) / 2
