"""What a study is about, decided once: space, target, objective, budget, and how it chooses."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from bayescamel.designs.space import Space
from bayescamel.exceptions import StudyError
from bayescamel.targets import Target


@dataclass(frozen=True)
class FitOptions:
    """How the posterior is sampled; see `bayescamel.fit`.

    Raises
    ------
    StudyError
        When there would be no draws.
    """

    law: str = "camel"
    chains: int = 4
    draws: int = 500
    tune: int = 700
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("chains", "draws", "tune"):
            if getattr(self, name) < 1:
                raise StudyError(f"{name} = {getattr(self, name)}: at least 1 is needed")


@dataclass(frozen=True)
class Settings:
    """What a study is about.

    Parameters
    ----------
    space
        What may be trained.
    target
        The model that the study is for.
    budget
        FLOPs that the study may spend.
    objective
        Weight by validation domain; None weighs all alike.
    acquisition
        A name in `bayescamel.designs.ACQUISITIONS`.
    start
        Runs that are spread over small sizes before the first fit; None: twice as many as
        domains, and never fewer than a law needs.
    fit
        How the posterior is sampled.

    Raises
    ------
    StudyError
        When the budget does not pay for the start, or a number is not positive.
    """

    space: Space
    target: Target
    budget: float
    objective: Mapping[str, float] | None = None
    acquisition: str = "variance"
    start: int | None = None
    fit: FitOptions = field(default_factory=FitOptions)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.budget) and self.budget > 0):
            raise StudyError(f"budget = {self.budget:g} FLOPs: a positive, finite number is needed")
        if self.budget < self.space.cheapest():
            raise StudyError(
                f"the budget of {self.budget:.3g} FLOPs does not pay for the cheapest run, "
                f"{self.space.cheapest():.3g}: raise it or offer smaller runs"
            )
        if self.start is not None and self.start < 1:
            raise StudyError(f"start = {self.start}: at least 1 run is needed")
        if self.target.n_tokens is None:
            raise StudyError("the runs of a study have tokens, so its target needs n_tokens too")

    @property
    def first_runs(self) -> int:
        """Runs before the first fit."""
        domains = len(self.space.domains)
        return max(2 * domains, domains + 3) if self.start is None else self.start

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"space": self.space.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Settings":
        """Read `to_dict`'s values."""
        return cls(
            **dict(values)
            | {
                "space": Space.from_dict(values["space"]),
                "target": Target(**values["target"]),
                "fit": FitOptions(**values["fit"]),
            }
        )
