"""Benchmarks as an objective: what a mixture is chosen for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescamel.benchmarks.laws.base import BenchmarkLaw
from bayescamel.benchmarks.prediction import heard, paired_parameters
from bayescamel.decisions.objectives import DrawObjective
from bayescamel.exceptions import BenchmarkError
from bayescamel.laws.base import Array
from bayescamel.targets import objective_weights

if TYPE_CHECKING:
    from bayescamel.benchmarks.posterior import BenchmarkPosterior
    from bayescamel.posterior import Posterior


def benchmark_objective(
    chain: "BenchmarkPosterior",
    posterior: "Posterior",
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
    if chain.design.measures == "score":
        raise BenchmarkError("only smooth scores were fitted: an objective needs accuracies")
    names = [str(name) for name in chain.facts["benchmark"].to_numpy()]
    shares = objective_weights(weights, names)
    used = np.flatnonzero(shares)
    draws = posterior.tree["posterior"].to_dataset()
    validation = heard(chain, draws["validation"])
    n_draws = draws.sizes["chain"] * draws.sizes["draw"]
    parameters = paired_parameters(chain, n_draws, np.random.default_rng(seed))
    wanted = [p.name for p in chain.law.parameters]
    # In nats: the weights of the listening are on losses over their reference.
    listening = parameters["listening"][:, used] / chain.reference.to_numpy()
    error = _Error(
        law=chain.law,
        validation=tuple(validation),
        weights=tuple(map(float, shares[used])),
        chance=tuple(map(float, chain.facts["chance"].to_numpy()[used])),
    )
    own = {name: parameters[name][:, used] for name in wanted}
    return DrawObjective(error, {"listening": listening, **own}, "expected error")


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
            own = {name: value[..., b] for name, value in parameters.items()}
            total = total + weight * (1 - self.law.curve(xp, signal, self.chance[b], **own))
        return total


def _namespace(array: Array) -> Any:
    return array.__array_namespace__()
