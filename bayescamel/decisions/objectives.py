"""Objectives: weighted losses, the worst of several, or any function of the losses.

Every objective becomes an `Aim`: a function of the losses of every draw, plus arrays. Smaller is
better; an objective that should grow, such as an accuracy, is given with its sign changed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bayescamel.exceptions import TargetError
from bayescamel.laws.base import Array
from bayescamel.targets import objective_weights

NATS = "nats per token"

SOFTNESS = (3e-2, 6e-3, 1.2e-3)
"""How far a smooth maximum exceeds the maximum, per ln of the objectives, search after search."""


@dataclass(frozen=True)
class WorstCase:
    """The worst of several weighted losses.

    Parameters
    ----------
    objectives
        Each as weight by validation domain.
    relative
        Compare them in units of each validation domain's mean loss over the runs, so that a
        domain is not the worst merely because its text is hard to predict; else in nats per token.
    """

    objectives: tuple[Mapping[str, float], ...]
    relative: bool = True


@dataclass(frozen=True, eq=False)
class DrawObjective:
    """A function of the losses with parameters that have draws of their own.

    Parameters
    ----------
    function
        ``function(losses, **draws)``: losses by validation domain, each (draw, mixture) in nats
        per token; returns (draw, mixture). It must work on JAX arrays (operators and methods do).
    draws
        By keyword, arrays (draw, ...) that go with the posterior's draws, chains stacked. The
        function gets them as (draw, 1, ...).
    unit
        Of the value.
    """

    function: Callable[..., Array]
    draws: Mapping[str, np.ndarray] = field(default_factory=dict)
    unit: str = "objective"


type Objective = (
    Mapping[str, float] | WorstCase | DrawObjective | Callable[[Mapping[str, Array]], Array] | None
)
"""None weighs all validation domains alike."""


@dataclass(frozen=True, eq=False)
class Aim:
    """An objective, ready to be evaluated.

    Parameters
    ----------
    value
        ``value(xp, loss, arrays)``: losses (draw, mixture, validation) in nats per token to
        (draw, mixture).
    searched
        The same without kinks, for a search by gradients.
    shared, by_draw
        Its arrays: the same for all draws, and draws in front.
    unit
        Of the value.
    stages
        Arrays that change from one search to the next, each of which starts where the last ended.
    """

    value: Callable[..., Array]
    searched: Callable[..., Array]
    shared: dict[str, np.ndarray]
    by_draw: dict[str, np.ndarray]
    unit: str = NATS
    stages: tuple[dict[str, np.ndarray], ...] = ({},)

    def arrays(self, draws: np.ndarray) -> dict[str, np.ndarray]:
        """The arrays for some of the draws, given by index."""
        return self.shared | {name: values[draws] for name, values in self.by_draw.items()}


def as_aim(
    objective: Objective, validation: list[str], reference_loss: np.ndarray, n_draws: int | None
) -> Aim:
    """Check an objective and make it ready.

    Parameters
    ----------
    n_draws
        Draws of the posterior, with which an objective's own draws must go; None for several laws
        that are averaged, whose draws nothing can go with.

    Raises
    ------
    TargetError
        When it names an unknown validation domain, a weight is negative, or its draws do not go
        with the posterior's.
    """
    if objective is None or isinstance(objective, Mapping):
        weights = objective_weights(objective, validation)
        return Aim(_weighted, _weighted, {"weights": weights}, {})
    if isinstance(objective, WorstCase):
        if not objective.objectives:
            raise TargetError("a worst case needs at least one objective")
        several = np.array([objective_weights(o, validation) for o in objective.objectives])
        if objective.relative:
            several = several / reference_loss
        unit = "of the mean loss over the runs" if objective.relative else NATS
        stages = tuple({"softness": np.array(softness)} for softness in SOFTNESS)
        return Aim(_worst, _nearly_worst, {"weights": several}, {}, unit, stages)
    if not isinstance(objective, DrawObjective):
        objective = DrawObjective(objective)
    by_draw = {}
    for name, values in objective.draws.items():
        if n_draws is None:
            raise TargetError(f"objective: the draws of {name!r} need a posterior of one law")
        if len(values) != n_draws:
            raise TargetError(
                f"objective: {name!r} has {len(values)} draws, the posterior {n_draws}"
            )
        by_draw[name] = values[:, None]
    function = _Custom(objective.function, tuple(validation))
    return Aim(function, function, {}, by_draw, objective.unit)


@dataclass(frozen=True)
class _Custom:
    """A user's function in the form of an aim; equal for equal functions, so that jit knows it."""

    function: Callable[..., Array]
    validation: tuple[str, ...]

    def __call__(self, _: Any, loss: Array, arrays: Mapping[str, Array]) -> Array:
        named = {name: loss[..., i] for i, name in enumerate(self.validation)}
        return self.function(named, **arrays)


def _weighted(xp: Any, loss: Array, arrays: Mapping[str, Array]) -> Array:
    return xp.sum(loss * arrays["weights"], axis=-1)


def _each(xp: Any, loss: Array, arrays: Mapping[str, Array]) -> Array:
    return xp.sum(loss[..., None, :] * arrays["weights"], axis=-1)


def _worst(xp: Any, loss: Array, arrays: Mapping[str, Array]) -> Array:
    return _each(xp, loss, arrays).max(axis=-1)


def _nearly_worst(xp: Any, loss: Array, arrays: Mapping[str, Array]) -> Array:
    # A search by gradients zigzags along the kinks of a maximum.
    values, softness = _each(xp, loss, arrays), arrays["softness"]
    top = values.max(axis=-1)
    return top + softness * xp.log(xp.sum(xp.exp((values - top[..., None]) / softness), axis=-1))
