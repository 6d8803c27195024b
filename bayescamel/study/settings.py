"""What a study is about, decided once: space, target, objective, budget, and how it chooses."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescamel.designs import get_acquisition
from bayescamel.designs.space import Space
from bayescamel.exceptions import StudyError
from bayescamel.inference.sampler import Sampler
from bayescamel.input import MAX_NAME, shown
from bayescamel.laws import get_law
from bayescamel.runs.checks import runs_needed
from bayescamel.targets import Target, objective_weights

if TYPE_CHECKING:
    from bayescamel.study.storage import Storage

MAX_SETTINGS = {
    **{"chains": 64, "draws": 100_000, "tune": 100_000},
    **{"seed": 2**32 - 1, "max_runs": 1_000_000},
}
"""What a fit takes at most."""


@dataclass(frozen=True)
class FitOptions(Sampler):
    """The law, and how its posterior is sampled; see `bayescamel.fit`.

    ``max_runs``: of more runs a representative part is fitted (`bayescamel.study.subset`).

    Raises
    ------
    FitError
        When the law is unknown, or the draws would be too few to judge convergence.
    StudyError
        When they would be more than a study can keep, or the seed is none.
    """

    draws: int = 500
    law: str = "camel"
    max_runs: int = 1000

    def __post_init__(self) -> None:
        super().__post_init__()
        get_law(self.law)
        for name, most in MAX_SETTINGS.items():
            if not 0 <= (value := getattr(self, name)) <= most:
                raise StudyError(f"{name} = {shown(value)}: 0 to {most} can be used")


def check_name(name: str, what: str) -> str:
    """A name that can be stored, shown and told from others.

    Raises
    ------
    StudyError
        When it is blank, has blanks at its ends or control characters, or is too long.
    """
    if not (name and name == name.strip() and name.isprintable() and len(name) <= MAX_NAME):
        raise StudyError(
            f"{what} {shown(name)!r}: a name has 1 to {MAX_NAME} printable characters and no blank "
            "at its ends"
        )
    return name


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
        A name in `bayescamel.designs.ACQUISITIONS`, with parameters of its own where they are to
        differ: ``weighted-regret(outcomes=256, shortlist=32)``.
    start
        Runs that are spread over small sizes before the first fit; None: twice as many as
        domains, and never fewer than a law needs; 0: none, what the law's prior wants is asked for.
    fit
        How the posterior is sampled.
    losses
        The validation domains; None: those of the first run that is told.

    Raises
    ------
    StudyError, DesignError
        When the budget does not pay for the start, a number is not positive, or there is no such
        acquisition.
    """

    space: Space
    target: Target
    budget: float
    objective: Mapping[str, float] | None = None
    acquisition: str = "variance"
    start: int | None = None
    fit: FitOptions = field(default_factory=FitOptions)
    losses: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.budget) and self.budget > 0):
            raise StudyError(f"budget = {self.budget:g} FLOPs: a positive, finite number is needed")
        if self.budget < self.space.cheapest():
            raise StudyError(
                f"the budget of {self.budget:.3g} FLOPs does not pay for the cheapest run, "
                f"{self.space.cheapest():.3g}: raise it or offer smaller runs"
            )
        if self.start is not None and self.start < 0:
            raise StudyError(f"start = {self.start}: a number of runs is needed, or 0 for none")
        if self.target.n_tokens is None:
            raise StudyError("the runs of a study have tokens, so its target needs n_tokens too")
        get_acquisition(self.acquisition)
        self._check_names()

    def _check_names(self) -> None:
        if self.losses is not None and len(set(self.losses)) < max(1, len(self.losses)):
            raise StudyError(f"losses {list(self.losses)}: name at least one, each once")
        names = {
            "training domain": self.space.domains,
            "validation domain": self.losses or (),
            "objective": tuple(self.objective or ()),
        }
        for what, values in names.items():
            for name in values:
                check_name(name, what)
        if self.objective is not None:
            objective_weights(self.objective, self.losses or self.objective)

    def check_space(self) -> None:
        """Refuse bounds that leave no mixture.

        Raises
        ------
        MixtureError
            Naming those that conflict.
        """
        even = np.full((1, len(self.space.domains)), 1 / len(self.space.domains))
        self.space.region().repair(even)

    @property
    def first_runs(self) -> int:
        """Runs before the first fit."""
        domains = len(self.space.domains)
        return max(2 * domains, runs_needed(domains)) if self.start is None else self.start

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
                "losses": None if values.get("losses") is None else tuple(values["losses"]),
            }
        )


def change_settings(storage: "Storage", changes: Mapping[str, Any]) -> bool:
    """Change settings of a stored study, such as ``{"budget": 2e19}``; see `Storage.change`.

    Those before need not be ones that this version takes: this is how they are mended.

    Raises
    ------
    StudyError, DesignError, TargetError, FitError
        When a setting is unknown or cannot be.
    """
    before = storage.settings()
    for name in changes:
        if name not in Settings.__dataclass_fields__:
            known = ", ".join(Settings.__dataclass_fields__)
            raise StudyError(f"unknown setting {shown(name)!r}; there are: {known}")
    plain = {
        key: asdict(value) if isinstance(value, Space | Target | FitOptions) else value
        for key, value in changes.items()
    }
    fit = before["fit"] | dict(plain.get("fit", {}))
    after = Settings.from_dict(before | plain | {"fit": fit})
    after.check_space()
    if list(after.space.domains) != list(before["space"]["domains"]):
        raise StudyError("the training domains of a study stay: make another study")
    return storage.change(json.loads(json.dumps(after.to_dict())), after.losses)
