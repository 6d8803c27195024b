"""Sampling a benchmark law: a mode, pilots that learn the whitening, the draws that are kept.

Given what is pooled, benchmarks are independent, so the curvature at the mode is one small block a
benchmark, and takes few evaluations.
"""

from collections.abc import Callable

import jax
import numpy as np
from scipy.optimize import minimize

from bayescamel.benchmarks.density import log_density
from bayescamel.benchmarks.hierarchy import BenchmarkHierarchy
from bayescamel.benchmarks.problem import BenchmarkProblem
from bayescamel.exceptions import FitError
from bayescamel.inference.nuts import Chains, Geometry
from bayescamel.inference.sampler import Sampler
from bayescamel.inference.stages import explore, keep
from bayescamel.models.blocks import flatten, groups, marked
from bayescamel.models.compiled import value_and_gradient

MAX_STEPS = 500
"""Of the search for the mode, which only serves as a place to start from."""
STEP = 1e-4
"""Of the differences that give the curvature, in prior sds."""
MIN_CURVATURE = 0.5
"""Least curvature used, over the prior's: what the runs leave open is as wide as the prior."""


def sample(
    hierarchy: BenchmarkHierarchy,
    problem: BenchmarkProblem,
    sampler: Sampler,
    on_progress: Callable[[int, int], None] = lambda _iterations, _divergences: None,
) -> Chains:
    """Draw from the posterior, and again with smaller steps where a draw diverged."""
    centre, scale = prior_typical(hierarchy)
    with jax.enable_x64(True):
        mode = find_mode(hierarchy, problem, centre)
        root = _curvature_root(hierarchy, problem, mode, scale)
    by_benchmark = groups(hierarchy, "benchmark")
    at_mode = Geometry(mode, root, 0.1, np.ones(hierarchy.dimension), by_benchmark)
    whitening = explore(
        hierarchy, problem, sampler, at_mode, by_benchmark, log_density, on_progress
    )
    return keep(hierarchy, problem, sampler, whitening, log_density, on_progress)


def prior_typical(hierarchy: BenchmarkHierarchy) -> tuple[np.ndarray, np.ndarray]:
    """Centre and sd a priori of every number that is sampled, pooled ones at their typical values.

    The sd of a sampled number is how far it moves with its parameter's.
    """
    values: dict[str, np.ndarray] = {}
    scales: dict[str, np.ndarray] = {}
    for block in hierarchy.blocks():
        location, scale = block.prior(np, values, np.zeros(()))
        shape = hierarchy.shape(block.dims)
        values[block.name] = np.broadcast_to(location, shape)
        scales[block.name] = np.broadcast_to(scale, shape)
    centre = hierarchy.sampled(np, values)
    for name, scale in scales.items():
        moved = hierarchy.sampled(np, values | {name: values[name] + scale})
        scales[name] = np.abs(moved[name] - centre[name])
    return flatten(hierarchy, centre), flatten(hierarchy, scales)


def find_mode(
    hierarchy: BenchmarkHierarchy, problem: BenchmarkProblem, start: np.ndarray
) -> np.ndarray:
    """The mode with the pooling spreads held where they start.

    The joint mode would shrink a spread to nothing, where no draw ever is.

    Raises
    ------
    FitError
        When the density is not finite at the start.
    """
    free = ~_spreads(hierarchy)

    def objective(moved: np.ndarray) -> tuple[float, np.ndarray]:
        flat = start.copy()
        flat[free] = moved
        value, gradient = value_and_gradient(log_density, hierarchy, flat, problem)
        if not np.isfinite(value):  # the line search steps back from infinity
            return np.inf, np.zeros_like(moved)
        return -float(value), -np.asarray(gradient)[free]

    options = {"maxiter": MAX_STEPS}
    found = minimize(objective, start[free], jac=True, method="L-BFGS-B", options=options)
    if not np.isfinite(found.fun):
        raise FitError(
            "the posterior density of the benchmark law is not finite: check the accuracies and "
            "losses for values far from the rest"
        )
    mode = start.copy()
    mode[free] = found.x
    return mode


def _spreads(hierarchy: BenchmarkHierarchy) -> np.ndarray:
    return marked(hierarchy, lambda name: name.endswith("_log_spread"))


def _curvature_root(
    hierarchy: BenchmarkHierarchy, problem: BenchmarkProblem, mode: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    """Root of the covariance by blocks, from differences of the gradient.

    Moving one number of every benchmark at once gives a column of all blocks.
    """
    *benchmarks, pooled = groups(hierarchy, "benchmark")
    together = np.stack(benchmarks)
    directions = [*together.T, *pooled[:, None]]
    root = np.zeros((hierarchy.dimension, hierarchy.dimension))
    columns = {}
    for moved in directions:
        step = np.zeros(hierarchy.dimension)
        step[moved] = STEP * scale[moved]
        up = np.asarray(value_and_gradient(log_density, hierarchy, mode + step, problem)[1])
        down = np.asarray(value_and_gradient(log_density, hierarchy, mode - step, problem)[1])
        change = scale * (down - up) / (2 * STEP)
        for place in moved:
            columns[int(place)] = change
    held = _spreads(hierarchy)
    for part in (*benchmarks, pooled):
        block = np.stack([columns[int(place)][part] for place in part])
        block = (block + block.T) / 2
        still = held[part]
        block[still], block[:, still] = 0.0, 0.0
        block[still, still] = 1.0
        curvature, axes = np.linalg.eigh(block)
        curvature = np.maximum(curvature, MIN_CURVATURE)
        root[np.ix_(part, part)] = scale[part][:, None] * (axes / np.sqrt(curvature))
    return root
