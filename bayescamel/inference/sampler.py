"""How a posterior is sampled: what every fit is told of its chains."""

from dataclasses import dataclass
from typing import TypedDict

from bayescamel.exceptions import FitError

LEAST = {"chains": 2, "draws": 50, "tune": 50}
"""Fewer cannot be judged: R-hat compares chains, and effective draws are counted in them."""
SETTLING_SHARE = 1 / 7
"""Share of the warm-up in which the chains that are kept find their step size."""


@dataclass(frozen=True)
class Sampler:
    """Numbers for NUTS; draws and warm-up steps (`tune`) are per chain.

    Raises
    ------
    FitError
        When there are too few chains, draws or warm-up steps to judge convergence.
    """

    chains: int = 4
    draws: int = 1000
    tune: int = 700
    seed: int = 0
    target_accept: float = 0.9

    def __post_init__(self) -> None:
        for name, least in LEAST.items():
            if getattr(self, name) < least:
                raise FitError(
                    f"{name} = {getattr(self, name)}: at least {least} are needed to judge "
                    "convergence"
                )

    def iterations(self, warm: bool) -> int:
        """Iterations of all chains together."""
        return self.chains * ((self.settling if warm else self.tune) + self.draws)

    @property
    def settling(self) -> int:
        """Iterations in which the step size is found where the geometry is known."""
        return round(SETTLING_SHARE * self.tune)


class SamplerOptions(TypedDict, total=False):
    """Fields of a `Sampler` as keywords of their own."""

    chains: int
    draws: int
    tune: int
    seed: int
    target_accept: float


SAMPLER = Sampler()
