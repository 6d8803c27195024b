"""Benchmarks as the objective that a mixture is chosen for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayescamel.benchmarks.draws import BenchmarkDraws
from bayescamel.benchmarks.laws.base import BenchmarkLaw
from bayescamel.benchmarks.prediction import heard, paired_parameters
from bayescamel.decisions.objectives import DrawObjective
from bayescamel.draws.status import warn_of
from bayescamel.exceptions import BenchmarkError
from bayescamel.laws.base import Array
from bayescamel.posterior import Posterior
from bayescamel.targets import objective_weights


def benchmark_objective(
    fitted: BenchmarkDraws,
    posterior: Posterior,
    weights: Mapping[str, float] | None = None,
    seed: int = 0,
) -> DrawObjective:
    """Weighted mean error, 1 - accuracy, over benchmarks: smaller is better.

    Every draw of `posterior` goes with a draw of the benchmark law, so what is decided by this
    objective carries both uncertainties.

    Parameters
    ----------
    posterior
        The loss law whose draws the objective goes with.
    weights
        Weight by benchmark; None weighs all alike.

    Raises
    ------
    TargetError
        When a name is unknown or a weight is negative.
    BenchmarkError
        When only smooth scores were fitted, or `posterior` predicts no loss that they listen to.
    """
    if fitted.hierarchy.measures == "score":
        raise BenchmarkError("only smooth scores were fitted: an objective needs accuracies")
    names = [str(name) for name in fitted.facts["benchmark"].to_numpy()]
    shares = objective_weights(weights, names)
    used = np.flatnonzero(shares)
    draws = posterior.tree["posterior"].to_dataset()
    validation = heard(fitted, draws["validation"])
    n_draws = draws.sizes["chain"] * draws.sizes["draw"]
    parameters = paired_parameters(fitted, n_draws, np.random.default_rng(seed))
    wanted = [p.name for p in fitted.law.parameters]
    # In nats: the weights of the listening are on losses over their reference.
    listening = parameters["listening"][:, used] / fitted.reference.to_numpy()
    error = _Error(
        law=fitted.law,
        validation=tuple(validation),
        weights=tuple(map(float, shares[used])),
        chance=tuple(map(float, fitted.facts["chance"].to_numpy()[used])),
    )
    arrays = {name: parameters[name][:, used] for name in wanted}
    warn_of(fitted.doubts)
    return DrawObjective(error, {"listening": listening, **arrays}, "expected error")


@dataclass(frozen=True)
class _Error:
    """Weighted error as a function of losses; equal for equal settings, so that jit knows it."""

    law: BenchmarkLaw
    validation: tuple[str, ...]
    weights: tuple[float, ...]
    chance: tuple[float, ...]

    def __call__(self, losses: Mapping[str, Array], listening: Array, **parameters: Array) -> Array:
        xp = _namespace(listening)
        total = 0.0
        for b, weight in enumerate(self.weights):
            signal = sum(
                losses[name] * listening[..., b, v] for v, name in enumerate(self.validation)
            )
            single = {name: value[..., b] for name, value in parameters.items()}
            total = total + weight * (1 - self.law.curve(xp, signal, self.chance[b], **single))
        return total


def _namespace(array: Array) -> Any:
    return array.__array_namespace__()
