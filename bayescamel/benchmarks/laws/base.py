"""Laws from loss to benchmark: parameters with priors, and one pure function of a signal.

A benchmark listens to the validation losses through one number, its signal: a weighted mean of the
losses with weights on the simplex (`Listening` ``"simplex"``), or one of the losses
(``"single"``). The law turns the signal into an accuracy. It is evaluated by NumPy and JAX alike:
it gets the array namespace as an argument and uses nothing beyond ``exp``, ``log``,
``logaddexp``, ``tanh`` and operators.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from bayescamel.laws.base import Array, Support

type Listening = Literal["simplex", "single"]


def logistic(xp: Any, x: Array) -> Array:
    """1 / (1 + exp(-x)) that does not overflow."""
    return 0.5 * (1 + xp.tanh(0.5 * x))


@dataclass(frozen=True)
class BenchmarkParameter:
    """A parameter, one number a benchmark, and its prior.

    The unconstrained scale is the logarithm of a positive parameter, the logit of one in the unit
    interval and the value itself of a real one. Benchmarks scatter with sd ``exp(log_spread)``
    around a location ~ Normal(typical, location_sd); log_spread ~ Normal(ln spread, spread_sd).

    Parameters
    ----------
    name
        Keyword of the law's curve and name in the posterior.
    support
        Which scale is unconstrained.
    typical
        Prior median, in the parameter's own units.
    location_sd, spread, spread_sd
        On the unconstrained scale.
    follows_accuracy
        For the curve of the smooth score: the score's value is the accuracy's plus a shift that
        is pooled over benchmarks, instead of a value of its own.
    """

    name: str
    support: Support
    typical: float
    location_sd: float
    spread: float
    spread_sd: float = 0.3
    follows_accuracy: bool = False

    def unconstrain(self, value: float) -> float:
        """From the parameter's own units to the unconstrained scale."""
        match self.support:
            case "positive":
                return float(np.log(value))
            case "unit":
                return float(np.log(value / (1 - value)))
            case "real":
                return value

    def constrain(self, xp: Any, raw: Array) -> Array:
        """From the unconstrained scale to the parameter's own."""
        match self.support:
            case "positive":
                return xp.exp(raw)
            case "unit":
                return logistic(xp, raw)
            case "real":
                return raw


@dataclass(frozen=True)
class Coordinates:
    """Numbers to sample in place of the unconstrained parameters, which the runs pin down better.

    Parameters
    ----------
    to_raw
        ``to_raw(xp, sampled)``: unconstrained parameters by name, and the log volume of the change
        of coordinates, one a benchmark.
    from_raw
        The inverse, without the volume.
    """

    to_raw: Callable[[Any, Mapping[str, Array]], tuple[dict[str, Array], Array]]
    from_raw: Callable[[Any, Mapping[str, Array]], dict[str, Array]]


@dataclass(frozen=True)
class BenchmarkLaw:
    """A law: equation and priors.

    Parameters
    ----------
    name, title
        Registry key; one line for people.
    listening
        How the signal is made of the losses.
    parameters
        Their priors.
    curve
        ``curve(xp, signal, chance, *, <parameter names>)``: accuracy. The signal is relative: loss
        over the reference loss, 1 where the runs are centred.
    bounded
        Whether the curve lies between chance and 1 whatever the parameters.
    coordinates
        What is sampled; None samples the unconstrained parameters.
    """

    name: str
    title: str
    listening: Listening
    parameters: tuple[BenchmarkParameter, ...]
    curve: Callable[..., Array]
    bounded: bool
    coordinates: Coordinates | None = None

    def __post_init__(self) -> None:
        keywords = {
            name
            for name, keyword in inspect.signature(self.curve).parameters.items()
            if keyword.kind is inspect.Parameter.KEYWORD_ONLY
        }
        declared = {parameter.name for parameter in self.parameters}
        if keywords != declared:
            raise TypeError(
                f"law {self.name!r}: its curve takes {sorted(keywords)} but priors are declared "
                f"for {sorted(declared)}"
            )
