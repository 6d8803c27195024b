"""The worth of repeated tokens, by the data-constrained law of Muennighoff et al.

Muennighoff et al., *Scaling Data-Constrained Language Models*, NeurIPS 2023 (arXiv:2305.16264):
D tokens drawn from U unique ones are worth

    D' = U_D + U_D R* (1 − exp(−R / R*)),   U_D = min(D, U),   R = D / U_D − 1

fresh tokens. R* says how soon repetition loses its worth; R* = 15.39 was fitted on C4. We apply it
to each training domain on its own.
"""

from dataclasses import dataclass

import numpy as np

from bayescamel.exceptions import TargetError
from bayescamel.laws.base import Array

LEAST_UNIQUE = 1e-9
"""A domain without a token is taken as one with next to none, so that nothing divides by 0."""


@dataclass(frozen=True)
class Repetition:
    """Prior of R*, log-normal.

    Parameters
    ----------
    r_star
        Median. The paper's fit.
    log_sd
        Standard deviation of ln R*: one corpus and one tokeniser were fitted, so that a factor of
        1.5 either way for another corpus is taken as no surprise.

    Raises
    ------
    TargetError
        When a number is not positive and finite.
    """

    r_star: float = 15.387756
    log_sd: float = 0.4

    def __post_init__(self) -> None:
        for name in ("r_star", "log_sd"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise TargetError(f"repetition: {name} = {value:g} must be positive and finite")

    def draws(self, n: int, seed: int) -> np.ndarray:
        """Draws of R*, shape (n,)."""
        normal = np.random.default_rng(seed).normal(size=n)
        return np.asarray(self.r_star * np.exp(self.log_sd * normal))


def effective_tokens(xp: Array, tokens: Array, unique: Array, r_star: Array) -> Array:
    """Fresh tokens that are worth as much as `tokens`, of which `unique` exist.

    Units cancel: all three may be tokens, or shares of the target's tokens.

    Parameters
    ----------
    xp
        Array namespace, NumPy or JAX.
    tokens, unique, r_star
        Broadcast together; ``unique`` may be infinite.
    """
    first = xp.minimum(tokens, unique)
    repeats = xp.maximum(tokens / xp.maximum(unique, LEAST_UNIQUE), 1.0) - 1.0
    return first * (1.0 + r_star * (1.0 - xp.exp(-repeats / r_star)))
