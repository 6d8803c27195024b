"""What is extrapolated to: a model's size, its training tokens, and what counts as good."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bayescamel.exceptions import TargetError
from bayescamel.input import shown


@dataclass(frozen=True)
class Target:
    """The model that a prediction or a recommendation is for.

    Parameters
    ----------
    n_params
        Parameters, non-embedding (counted as in the runs).
    n_tokens
        Training tokens; None where the runs do not tell tokens either.
    n_active_params
        Parameters used per token; None for a dense model.
    available
        Unique tokens that exist of a training domain; domains without an entry have no end. What is
        seen more often is repeated, and worth less (`bayescamel.laws.repetition`).

    Raises
    ------
    TargetError
        When a number is not positive and finite, more parameters are active than there are, or
        available tokens are told and training tokens are not.
    """

    n_params: float
    n_tokens: float | None = None
    n_active_params: float | None = None
    available: Mapping[str, float] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for name in ("n_params", "n_tokens", "n_active_params"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise TargetError(f"{name} = {value:g}: a target needs a positive, finite number")
        if self.n_active_params is not None and self.n_active_params > self.n_params:
            raise TargetError(
                f"n_active_params = {self.n_active_params:g} exceeds n_params = {self.n_params:g}"
            )
        for name, tokens in self.available.items():
            if not (math.isfinite(tokens) and tokens >= 0):
                raise TargetError(
                    f"available tokens of {shown(name)} = {tokens:g}: a number from 0 is needed; "
                    "leave a domain without end out"
                )
        if self.available and self.n_tokens is None:
            raise TargetError(
                "available tokens were given, so the target needs n_tokens (--tokens): they decide "
                "how often the available tokens are repeated"
            )

    @classmethod
    def of_run(cls, run: Mapping[Any, Any]) -> "Target":
        """The model that one run of a table is: ``runs.isel(run=i)``, or a row of candidates."""
        tokens = float(run["n_tokens"]) if "n_tokens" in run else None
        active = float(run.get("n_active_params", math.nan))
        available = {}
        if "unique" in run:
            named = zip(run["domain"].to_numpy(), run["unique"].to_numpy(), strict=True)
            available = {str(name): float(unique) for name, unique in named if unique < math.inf}
        active_params = None if math.isnan(active) else active
        return cls(float(run["n_params"]), tokens, active_params, available)

    @property
    def active(self) -> float:
        """Parameters used per token: all of them in a dense model."""
        return self.n_params if self.n_active_params is None else self.n_active_params


def objective_weights(
    objective: Mapping[str, float] | None, validation: Iterable[str]
) -> np.ndarray:
    """Weights of the validation domains in the loss to be minimised.

    Parameters
    ----------
    objective
        Weight by validation domain, scaled here to sum to 1; absent domains weigh 0. None weighs
        all alike.
    validation
        The validation domains of the posterior.

    Returns
    -------
    ndarray, shape (validation,)
        Non-negative, summing to 1.

    Raises
    ------
    TargetError
        When a name is unknown, a weight is negative or not finite, or all are 0.
    """
    names = [str(name) for name in validation]
    if objective is None:
        return np.full(len(names), 1 / len(names))
    for name, weight in objective.items():
        if name not in names:
            raise TargetError(f"unknown objective {name!r}; there are: {', '.join(names)}")
        if not (math.isfinite(weight) and weight >= 0):
            raise TargetError(f"objective {name} = {weight:g}: a weight is non-negative and finite")
    weights = np.array([objective.get(name, 0.0) for name in names], dtype=np.float64)
    if not weights.any():
        raise TargetError("every weight of the objective is 0: give at least one that is not")
    return weights / weights.sum()
