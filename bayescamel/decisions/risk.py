"""Risk measures that sum up draws of the objective: mean, quantile, or mean of the worst.

All three are weighted sums of the sorted draws, so that one search serves them.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from bayescamel.exceptions import TargetError

type Attitude = Literal["mean", "quantile", "cvar"]


@dataclass(frozen=True)
class Risk:
    """The functional of the objective's posterior that is minimised.

    Parameters
    ----------
    attitude
        ``"mean"``; ``"quantile"``: the objective that is exceeded with probability 1 − level;
        ``"cvar"``: the mean of the worst 1 − level of the draws (conditional value at risk).
    level
        Between 0 and 1; not used by the mean.

    Raises
    ------
    TargetError
        When the attitude is unknown or the level is not between 0 and 1.
    """

    attitude: Attitude = "mean"
    level: float = 0.9

    def __post_init__(self) -> None:
        if self.attitude not in get_args(Attitude.__value__):
            raise TargetError(f"unknown risk {self.attitude!r}: mean, quantile or cvar")
        if not 0 < self.level < 1:
            raise TargetError(f"risk: the level {self.level:g} is not between 0 and 1")

    @classmethod
    def parse(cls, text: str) -> "Risk":
        """Read ``mean``, ``quantile:0.9`` or ``cvar:0.9``."""
        attitude, colon, level = text.partition(":")
        if not colon:
            return cls(attitude)  # type: ignore[arg-type]  # checked by the class
        try:
            return cls(attitude, float(level))  # type: ignore[arg-type]
        except ValueError:
            raise TargetError(f"risk {text!r}: the level {level!r} is no number") from None

    def __str__(self) -> str:
        return "mean" if self.attitude == "mean" else f"{self.attitude}:{self.level:g}"

    def weights(self, n: int) -> np.ndarray:
        """Weights of n sorted draws, the smallest first; they sum to 1.

        The quantile is Harrell and Davis' (1982), whose weights vary smoothly over neighbouring
        draws: a single draw's gradient says little of the distribution's.
        """
        if self.attitude == "mean":
            return np.full(n, 1 / n)
        edges = np.arange(n + 1) / n
        if self.attitude == "cvar":
            mass = np.maximum(edges - self.level, 0.0) / (1 - self.level)
        else:
            from scipy.special import betainc

            mass = betainc((n + 1) * self.level, (n + 1) * (1 - self.level), edges)
        return np.asarray(np.diff(mass))

    def of(self, values: np.ndarray) -> np.ndarray:
        """Sum up draws along the first axis."""
        weights = self.weights(len(values)).reshape(-1, *(1,) * (values.ndim - 1))
        return np.asarray((np.sort(values, axis=0) * weights).sum(axis=0))
