"""The prior of a benchmark law as normal blocks, pooled over benchmarks."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bayescamel.benchmarks.laws.base import BenchmarkLaw, BenchmarkParameter
from bayescamel.benchmarks.problem import Measures
from bayescamel.laws.base import Array
from bayescamel.models.blocks import dimension, unflatten
from bayescamel.models.hierarchy import Block

SCATTER = BenchmarkParameter("scatter", "positive", 0.015, location_sd=0.5, spread=0.5)
"""Sd of a run's accuracy around the curve, wherever on it, beyond that of the questions."""
LATENT_SCATTER = BenchmarkParameter("latent_scatter", "positive", 0.1, location_sd=0.7, spread=0.5)
"""Sd of a run on the logit of what it gained over chance: runs of equal losses differ most where
the benchmark moves."""
SCORE_NOISE = BenchmarkParameter("score_noise", "positive", 0.01, location_sd=1.0, spread=0.5)
"""Sd of a run's smooth score around the curve."""
SHIFT_SHARE = 0.3
"""Scatter over benchmarks of the shift from the accuracy's to the score's value of a parameter,
as a share of the scatter of the parameter itself: small, so that the score speaks for the
accuracy where that is still at chance."""
EDGE_DISTANCE = 1e-4
"""How near 0 and 1 an expected accuracy may come in the likelihood: one guess in ten thousand."""


@dataclass(frozen=True)
class BenchmarkHierarchy:
    """A law, its sizes and what was measured; compiled programs are kept for it.

    Parameters
    ----------
    law
        The law.
    n_benchmark, n_validation
        B and V.
    measures
        ``"accuracy"``, ``"score"`` or ``"both"``.
    """

    law: BenchmarkLaw
    n_benchmark: int
    n_validation: int
    measures: Measures = "accuracy"

    def blocks(self) -> tuple[Block, ...]:
        """All blocks, each after those that it refers to."""
        blocks: list[Block] = []
        for parameter in self.law.parameters:
            blocks += _pooled(parameter)
        if self.measures == "both":
            for parameter in self.law.parameters:
                if parameter.follows_accuracy:
                    spread = math.log(SHIFT_SHARE * parameter.spread)
                    location = f"score_{parameter.name}_shift_location"
                    blocks.append(Block(location, (), 0.0, math.log(parameter.spread)))
                    name = f"score_{parameter.name}_shift"
                    blocks.append(Block(name, ("benchmark",), location, spread))
                else:
                    blocks += _pooled(parameter, prefix="score_", looser=2.0)
        if self.law.listening == "simplex":
            blocks.append(Block("listen_location", ("validation",), 0.0, 0.0))
            blocks.append(Block("listen", ("benchmark", "validation"), "listen_location", 0.0))
        if self.measures != "score":
            blocks += [*_pooled(SCATTER), *_pooled(LATENT_SCATTER)]
        if self.measures != "accuracy":
            blocks += _pooled(SCORE_NOISE)
        return tuple(blocks)

    def shape(self, dims: tuple[str, ...]) -> tuple[int, ...]:
        """Lengths of ``benchmark`` and ``validation`` dims."""
        sizes = {"benchmark": self.n_benchmark, "validation": self.n_validation}
        return tuple(sizes[dim] for dim in dims)

    @property
    def dimension(self) -> int:
        """How many numbers the sampler moves."""
        return dimension(self)

    def unflatten(self, flat: Array) -> dict[str, Array]:
        """The numbers that are sampled, by block (leading axes are kept)."""
        return unflatten(self, flat)

    def natural(
        self, xp: Any, sampled: Mapping[str, Array]
    ) -> tuple[dict[str, Array], Array | float]:
        """The blocks on the prior's scale, and the log volume (...) of the law's coordinates."""
        values, volume = dict(sampled), 0.0
        if self.law.coordinates is None:
            return values, volume
        for prefix in self._curves():
            by_name = {p.name: sampled[self._block(prefix, p)] for p in self.law.parameters}
            raw, each = self.law.coordinates.to_raw(xp, by_name)
            volume = volume + each.sum(axis=-1)
            for p in self.law.parameters:
                name = self._block(prefix, p)
                values[name] = raw[p.name] - (values[p.name] if name.endswith("_shift") else 0.0)
        return values, volume

    def sampled(self, xp: Any, values: Mapping[str, Array]) -> dict[str, Array]:
        """The inverse of `natural`."""
        result = dict(values)
        if self.law.coordinates is None:
            return result
        for prefix in self._curves():
            raw = {}
            for p in self.law.parameters:
                name = self._block(prefix, p)
                raw[p.name] = values[name] + (values[p.name] if name.endswith("_shift") else 0.0)
            sampled = self.law.coordinates.from_raw(xp, raw)
            result |= {self._block(prefix, p): sampled[p.name] for p in self.law.parameters}
        return result

    def _curves(self) -> tuple[str, ...]:
        return ("", "score_") if self.measures == "both" else ("",)

    def _block(self, prefix: str, parameter: BenchmarkParameter) -> str:
        shift = "_shift" if prefix and parameter.follows_accuracy else ""
        return f"{prefix}{parameter.name}{shift}"

    def constrained(self, xp: Any, values: Mapping[str, Array]) -> dict[str, Array]:
        """Parameters in their own units, from blocks on the prior's scale; leading axes are kept.

        Names of the score's parameters begin with ``score_`` where there are accuracies as well.
        """
        result = {p.name: p.constrain(xp, values[p.name]) for p in self.law.parameters}
        if self.measures == "both":
            for p in self.law.parameters:
                if p.follows_accuracy:
                    raw = values[p.name] + values[f"score_{p.name}_shift"]
                else:
                    raw = values[f"score_{p.name}"]
                result[f"score_{p.name}"] = p.constrain(xp, raw)
        for p in (SCATTER, LATENT_SCATTER, SCORE_NOISE):
            if p.name in values:
                result[p.name] = p.constrain(xp, values[p.name])
        if self.law.listening == "simplex":
            result["listening"] = softmax(xp, values["listen"])
        return result

    def curve(
        self, xp: Any, parameters: Mapping[str, Array], loss: Array, chance: Array, prefix: str = ""
    ) -> Array:
        """The law's curve (..., run, benchmark) at losses (..., run, validation).

        Parameters
        ----------
        parameters
            Of `constrained`, with ``listening (..., benchmark, validation)``.
        loss
            Over the reference loss.
        prefix
            ``"score_"`` for the curve of the score where there are accuracies as well.
        """
        signal = xp.matmul(loss, xp.swapaxes(parameters["listening"], -1, -2))
        by_name = {p.name: parameters[prefix + p.name][..., None, :] for p in self.law.parameters}
        return self.law.curve(xp, signal, chance, **by_name)


def run_scatter(
    xp: Any, expected: Array, chance: Array, parameters: Mapping[str, Array]
) -> tuple[Array, Array]:
    """The expected accuracy, kept away from 0 and 1, and the intraclass correlation around it.

    Shapes (..., run, benchmark), both. The correlation is the run's variance over p (1 - p) where
    that is small, and stays below 1.
    """
    p = EDGE_DISTANCE + (1 - 2 * EDGE_DISTANCE) * xp.clip(expected, 0.0, 1.0)
    gained = (p - chance) / (1 - chance)
    latent = (1 - chance) * gained * (1 - gained) * parameters["latent_scatter"][..., None, :]
    ratio = (parameters["scatter"][..., None, :] ** 2 + latent**2) / (p * (1 - p))
    return p, ratio / (1 + ratio)


def _pooled(parameter: BenchmarkParameter, prefix: str = "", looser: float = 1.0) -> list[Block]:
    name = prefix + parameter.name
    location, log_spread = f"{name}_location", f"{name}_log_spread"
    location_sd = math.log(looser * parameter.location_sd)
    return [
        Block(location, (), parameter.unconstrain(parameter.typical), location_sd),
        Block(log_spread, (), math.log(parameter.spread), math.log(parameter.spread_sd)),
        Block(name, ("benchmark",), location, log_spread),
    ]


def softmax(xp: Any, logits: Array) -> Array:
    """Onto the simplex, over the last axis."""
    weights = xp.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)
