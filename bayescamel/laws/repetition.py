"""The worth of repeated tokens, by the data-constrained law of Muennighoff et al.

Muennighoff et al., *Scaling Data-Constrained Language Models*, NeurIPS 2023 (arXiv:2305.16264):
D tokens drawn from U unique ones are worth

    D' = U_D + U_D R* (1 − exp(−R / R*)),   U_D = min(D, U),   R = D / U_D − 1

fresh tokens. R* says how soon repetition loses its worth; R* = 15.39 was fitted on C4. We apply it
to each training domain on its own: r_k = D'_k / D_k is what a token of it is worth on average. A
law sees, in its token term and in its interplay alike, a run without repeats of

    D · r tokens,   weights D'_k / (D r),   r = max_k r_k.

Where all domains are repeated alike this is the published equation for a single corpus, whatever
the mixture; where nothing is repeated it changes nothing; and a law that looks at the tokens of a
domain, D w_k, sees D'_k. What one domain's tokens lost beyond the best one's is in no weight, so
that weights sum to less than 1: it counts like tokens of no use to anybody. Scaled up to 1, they
would reward a mixture for burning tokens on a domain whose repetition is worth nothing, since the
shares of all others would fall.

The equation's other half, parameters in excess of what unique tokens can fill (R_N*), is left out.

R* is a parameter of the posterior where some run repeats tokens (`REPETITION`); where none does,
its posterior is its prior.
"""

import math
from dataclasses import dataclass

import numpy as np

from bayescamel.exceptions import TargetError
from bayescamel.laws.base import Array, Inputs, Parameter

LEAST_UNIQUE = 1e-9
"""A domain without a token is taken as one with next to none, so that nothing divides by 0."""

SHARED = 0.64
"""Share of the prior's variance of ln R* that all domains have in common. Published fits, and our
tables, repeat one corpus or all domains alike, and tell nothing of how domains differ: a domain
that no run repeats is less well known than those that some did."""


@dataclass(frozen=True)
class Repetition:
    """Prior of R*, log-normal, the same for each domain.

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

    @property
    def parameter(self) -> Parameter:
        """R* as a parameter of a law, one number a training domain."""
        together, apart = math.sqrt(SHARED) * self.log_sd, math.sqrt(1 - SHARED) * self.log_sd
        return Parameter("r_star", ("domain",), "positive", self.r_star, together, apart)

    def draws(self, n: int, n_domain: int) -> np.ndarray:
        """Draws of R*, (n, domain): the same whoever asks, so that answers belong together."""
        rng = np.random.default_rng([15, 39])
        prior = self.parameter
        location = prior.location_sd * rng.normal(size=(n, 1))
        return self.r_star * np.exp(location + prior.spread * rng.normal(size=(n, n_domain)))


REPETITION = Repetition().parameter
"""R*, pooled over training domains."""


def worth_of_a_token(xp: Array, tokens: Array, unique: Array, r_star: Array) -> Array:
    """D' / D: fresh tokens that `tokens` are worth, of which `unique` exist, a token.

    Units cancel: both may be tokens, or shares of a run's tokens.

    Parameters
    ----------
    xp
        Array namespace, NumPy, JAX or PyTensor.
    tokens, unique, r_star
        Broadcast together; ``unique`` may be infinite.
    """
    repeats = xp.maximum(tokens / xp.maximum(unique, LEAST_UNIQUE), 1.0) - 1.0
    return (1.0 + r_star * (1.0 - xp.exp(-repeats / r_star))) / (1.0 + repeats)


def as_fresh(xp: Array, inputs: Inputs, r_star: Array) -> Inputs:
    """The run without repeats that is worth as much as one with: see this module's docstring.

    Parameters
    ----------
    inputs
        With ``unique``.
    r_star
        With the axes of `Inputs` (`Parameter.beside_runs`).
    """
    worth = worth_of_a_token(xp, inputs.mixture, inputs.unique, r_star)
    best = xp.max(worth, axis=-1)
    return inputs._replace(
        log_tokens=inputs.log_tokens + xp.log(best),
        mixture=inputs.mixture * worth / best[..., None],
        unique=None,
    )
