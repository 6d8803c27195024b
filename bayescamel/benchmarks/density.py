"""The log density of a benchmark law: beta-binomial accuracies, Gaussian scores.

A run's accuracy on a benchmark with n questions is beta-binomial around the curve p: its true
accuracy scatters around p with variance

    scatter² + ((1 - chance) e (1 - e) latent_scatter)²,    e = (p - chance) / (1 - chance)

(the scatter of runs, and what the curve misses), and the questions add p (1 - p) / n on top. So a
benchmark of 100 questions is not believed like one of 10,000, and runs of equal losses may differ.

The first part is the same all along the curve. Were it in proportion to p (1 - p), as that of the
questions is, the many small models near zero would be believed most, and the curve bent to them
and away from the few large ones that matter.
"""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np

from bayescamel.benchmarks.hierarchy import BenchmarkHierarchy, run_scatter
from bayescamel.benchmarks.problem import BenchmarkProblem
from bayescamel.laws.base import Array

N_SHIFTS = 6
"""Steps up before Stirling's series is used."""


def log_density(hierarchy: BenchmarkHierarchy, flat: Array, problem: BenchmarkProblem) -> Array:
    """Log density of the sampled numbers given the runs, up to a constant."""
    values, volume = hierarchy.natural(jnp, hierarchy.unflatten(flat))
    parameters = hierarchy.constrained(jnp, values)
    if hierarchy.law.listening == "single":
        parameters["listening"] = problem.listens
    total = _log_prior(hierarchy, values) + volume
    if hierarchy.measures != "score":
        expected = hierarchy.curve(jnp, parameters, problem.loss, problem.chance)
        p, correlation = run_scatter(jnp, expected, problem.chance, parameters)
        concentration = 1 / correlation - 1
        a, b = p * concentration, (1 - p) * concentration
        each = log_ratio_of_betas(a, b, problem.correct, problem.questions - problem.correct)
        total = total + jnp.sum(problem.measured * each)
    if hierarchy.measures != "accuracy":
        prefix = "score_" if hierarchy.measures == "both" else ""
        expected = hierarchy.curve(jnp, parameters, problem.loss, problem.score_chance, prefix)
        noise = parameters["score_noise"]
        each = -0.5 * ((problem.score - expected) / noise) ** 2 - jnp.log(noise)
        total = total + jnp.sum(problem.scored * each)
    return total


def log_ratio_of_betas(a: Array, b: Array, correct: Array, wrong: Array) -> Array:
    """The log of B(correct + a, wrong + b) / B(a, b), to 1e-9, for positive a and b.

    By Stirling's series `N_SHIFTS` further up, where four terms are that exact, and back by the
    recurrence: faster than JAX's ``betaln``, and a fit spends its time here.
    """
    more = (correct + a, wrong + b, a + b)
    less = (a, b, correct + wrong + a + b)
    total = sum(_stirling(x + N_SHIFTS) for x in more) - sum(_stirling(x + N_SHIFTS) for x in less)
    # One logarithm for all steps back: with a million questions a factor is below 1e40.
    ratio = 1.0
    for x, y in zip(less, more, strict=True):
        ratio = ratio * (_rising(x) / _rising(y))
    return total + jnp.log(ratio)


def _stirling(x: Array) -> Array:
    """The log of Γ(x) for x >= N_SHIFTS, without the constant, which cancels."""
    inverse = 1 / x
    square = inverse * inverse
    series = 1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680))
    return (x - 0.5) * jnp.log(x) - x + inverse * series


def _rising(x: Array) -> Array:
    """The product x (x + 1) ... (x + N_SHIFTS - 1)."""
    product = x
    for step in range(1, N_SHIFTS):
        product = product * (x + step)
    return product


def _log_prior(hierarchy: BenchmarkHierarchy, values: Mapping[str, Array]) -> Array:
    total = jnp.zeros(())
    nothing = np.zeros(())  # no block has a location of its own where names match
    for block in hierarchy.blocks():
        location, scale = block.prior(jnp, values, nothing)
        z = (values[block.name] - location) / scale
        total = total - jnp.sum(0.5 * z**2 + jnp.broadcast_to(jnp.log(scale), z.shape))
    return total
