"""Point fits of the benchmark laws: least squares, benchmark by benchmark, no pooling.

What the papers do. A single-loss law takes the loss that leaves the smallest residuals, which is
kinder to it than a loss fixed beforehand.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from scipy.optimize import least_squares
from scipy.stats import t

from bayescamel.benchmarks.hierarchy import softmax
from bayescamel.benchmarks.laws.base import BenchmarkLaw
from bayescamel.benchmarks.problem import BenchmarkProblem, Measures, build_problem

STARTS = {
    "slope": (4.0, 15.0),
    "rate": (1.0, 4.0, 12.0),
    "midpoint": (-0.3, 0.0),
}
"""Where the search sets out, by parameter; the others start at their prior medians."""
BOUND = 20.0
"""Bound on the unconstrained numbers: e^20 is beyond any use, and keeps exp finite."""


@dataclass(frozen=True)
class PointFits:
    """A law fitted to each benchmark by itself.

    Parameters
    ----------
    law, reference
        What was fitted, and the reference losses.
    parameters
        By name, shape (benchmark,).
    listening
        Weights on the relative losses, shape (benchmark, validation).
    sd
        Standard error of the residuals, shape (benchmark,).
    degrees
        Degrees of freedom behind it, shape (benchmark,).
    chance
        Shape (benchmark,).
    """

    law: BenchmarkLaw
    reference: xr.DataArray
    parameters: dict[str, np.ndarray]
    listening: np.ndarray
    sd: np.ndarray
    degrees: np.ndarray
    chance: np.ndarray

    def predict(self, losses: xr.DataArray) -> np.ndarray:
        """Accuracy (run, benchmark) at losses (run, validation)."""
        relative = (losses / self.reference).transpose(..., "validation").to_numpy()
        signal = relative @ self.listening.T
        return np.asarray(self.law.curve(np, signal, self.chance, **self.parameters))

    def interval(self, predicted: np.ndarray, share: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """Predicted ± the scatter of the residuals: all that a point fit knows of its error."""
        half = t.ppf(0.5 + share / 2, self.degrees) * self.sd
        return predicted - half, predicted + half


def fit_points(
    law: BenchmarkLaw,
    runs: xr.Dataset,
    facts: xr.Dataset,
    reference: xr.DataArray,
    measures: Measures = "accuracy",
) -> PointFits:
    """Fit a law to each benchmark.

    Parameters
    ----------
    runs
        Of `measured_runs`.
    measures
        ``"score"`` fits the smooth scores, else the accuracies are fitted.
    """
    measure: Measures = "score" if measures == "score" else "accuracy"
    problem = build_problem(runs, facts, reference, measure)
    chance = problem.chance if measure == "accuracy" else problem.score_chance
    n_validation = runs.sizes["validation"]
    found = [_best(law, problem, b, measure, chance[b]) for b in range(runs.sizes["benchmark"])]
    free = len(law.parameters) + (n_validation - 1 if law.listening == "simplex" else 0)
    counts = (problem.measured if measure == "accuracy" else problem.scored).sum(axis=0)
    degrees = np.maximum(counts - free, 1)
    squares = np.array([2 * fit.cost for fit, _ in found])
    raw = np.stack([fit.x[: len(law.parameters)] for fit, _ in found])
    return PointFits(
        law=law,
        reference=reference,
        parameters={p.name: p.constrain(np, raw[:, i]) for i, p in enumerate(law.parameters)},
        listening=np.stack([listening for _, listening in found]),
        sd=np.sqrt(squares / degrees),
        degrees=degrees,
        chance=chance,
    )


def _best(
    law: BenchmarkLaw, problem: BenchmarkProblem, b: int, measure: Measures, chance: float
) -> tuple[Any, np.ndarray]:
    there = (problem.measured if measure == "accuracy" else problem.scored)[:, b] > 0
    accuracy = problem.correct[:, b] / problem.questions[b]
    value = accuracy if measure == "accuracy" else problem.score[:, b]
    loss, observed = problem.loss[there], value[there]
    n_validation = loss.shape[1]
    n = len(law.parameters)

    def residuals(x: np.ndarray, listening: np.ndarray | None) -> np.ndarray:
        weights = softmax(np, x[n:]) if listening is None else listening
        named = {p.name: p.constrain(np, x[i]) for i, p in enumerate(law.parameters)}
        return np.asarray(law.curve(np, loss @ weights, chance, **named) - observed)

    best = None
    simplex = law.listening == "simplex"
    for listening in [None] if simplex else list(np.eye(n_validation)):
        for start in _starts(law):
            full = np.concatenate([start, np.zeros(n_validation)]) if simplex else start
            fit = least_squares(
                residuals,
                full,
                bounds=(-BOUND, BOUND),
                args=(listening,),
                max_nfev=200,
            )
            if best is None or fit.cost < best[0].cost:
                weights = softmax(np, fit.x[n:]) if listening is None else listening
                best = (fit, weights)
    assert best is not None  # there is at least one loss and one start
    return best


def _starts(law: BenchmarkLaw) -> list[np.ndarray]:
    grids = [STARTS.get(p.name, (p.typical,)) for p in law.parameters]
    return [
        np.array([p.unconstrain(v) for p, v in zip(law.parameters, values, strict=True)])
        for values in itertools.product(*grids)
    ]
