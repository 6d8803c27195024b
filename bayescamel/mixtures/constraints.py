"""Constraints on a mixture: bounds, sums over groups, tokens that exist, a trust region."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from bayescamel.exceptions import MixtureError, TargetError
from bayescamel.mixtures import Mixtures, as_mixtures
from bayescamel.mixtures.polytope import Balls, Polytope, Row
from bayescamel.targets import Target


@dataclass(frozen=True)
class Group:
    """The weights of several domains together lie between `lower` and `upper`."""

    domains: tuple[str, ...]
    lower: float = 0.0
    upper: float = 1.0


@dataclass(frozen=True, eq=False)
class Near:
    """A trust region: at most `radius` of the tokens change domain (total variation).

    Parameters
    ----------
    radius
        0 to 1.
    reference
        The mixture to stay near, or several, one of which to stay near; None: the mixtures that
        were measured.
    """

    radius: float
    reference: Mixtures | None = None


@dataclass(frozen=True)
class Constraints:
    """Constraints on a mixture.

    Parameters
    ----------
    lower, upper
        Floors and ceilings of single weights, by domain.
    groups
        Bounds on sums of weights.
    available
        Unique tokens that exist of a domain, beside those that the target tells and in their place;
        domains without an entry have no end.
    max_epochs
        How often the available tokens may be repeated in the target's training. None: as often
        as one likes; repetition then only loses its worth (`bayescamel.laws.repetition`).
    near
        Trust region.
    """

    lower: Mapping[str, float] = field(default_factory=dict)
    upper: Mapping[str, float] = field(default_factory=dict)
    groups: tuple[Group, ...] = ()
    available: Mapping[str, float] = field(default_factory=dict)
    max_epochs: float | None = None
    near: Near | None = None

    def polytope(
        self,
        domains: Iterable[str],
        target: Target | None = None,
        measured: np.ndarray | None = None,
    ) -> Polytope:
        """The mixtures that satisfy the constraints when the target is trained.

        Parameters
        ----------
        domains
            Training domains.
        target
            Its tokens decide how often available tokens are repeated.
        measured
            Mixtures (mixture, domain) that were measured, for a trust region around them.

        Raises
        ------
        MixtureError
            When a constraint names an unknown domain or an impossible number. That constraints
            conflict is found when the polytope is first used.
        TargetError
            When available tokens are given and the target's tokens are not.
        """
        names = [str(name) for name in domains]
        self._check_available(names)
        rows = [
            *(self._row((name,), value, 1.0, names) for name, value in self.lower.items()),
            *(self._row((name,), 0.0, value, names) for name, value in self.upper.items()),
        ]
        for group in self.groups:
            # Two rows, so that a conflict names the side that conflicts.
            if group.lower > 0 or group.upper >= 1:
                rows.append(self._row(group.domains, group.lower, 1.0, names))
            if group.upper < 1:
                rows.append(self._row(group.domains, 0.0, group.upper, names))
        rows += self._caps(names, target)
        return Polytope(tuple(names), tuple(rows), self._balls(names, measured))

    def _caps(self, names: list[str], target: Target | None) -> list[Row]:
        if self.max_epochs is None:
            return []
        if not (math.isfinite(self.max_epochs) and self.max_epochs > 0):
            raise MixtureError(f"max_epochs = {self.max_epochs:g}: a positive number is needed")
        if target is None:
            raise TargetError("max_epochs needs a target: its tokens decide what is repeated")
        if not self.available:
            raise MixtureError("max_epochs limits available tokens, but none were given")
        tokens = replace(target, available=self.available).n_tokens
        assert tokens is not None  # or there would be no such target
        rows = []
        for name in names:
            cap = self.max_epochs * self.available.get(name, np.inf) / tokens
            if cap < 1:
                label = (
                    f"{name} ≤ {cap:.4g} ({self.max_epochs:g} epochs of "
                    f"{self.available[name]:.4g} tokens in {target.n_tokens:.4g})"
                )
                rows.append(Row(label, _indicator((name,), names), upper=cap))
        return rows

    def _check_available(self, names: list[str]) -> None:
        for name, tokens in self.available.items():
            _check_known(name, names)
            if not (math.isfinite(tokens) and tokens >= 0):
                raise MixtureError(
                    f"available tokens of {name} = {tokens:g}: a number from 0 is needed; leave a "
                    "domain without end out"
                )

    def _row(self, group: tuple[str, ...], lower: float, upper: float, names: list[str]) -> Row:
        what = " + ".join(group)
        if not group:
            raise MixtureError("a group has no domains: name at least one")
        for name in group:
            _check_known(name, names)
        for value in (lower, upper):
            if not 0 <= value <= 1:
                raise MixtureError(f"{what}: the bound {value:g} is no weight, 0 to 1")
        if lower > 0:
            return Row(f"{what} ≥ {lower:.4g}", _indicator(group, names), lower=lower)
        return Row(f"{what} ≤ {upper:.4g}", _indicator(group, names), upper=upper)

    def _balls(self, names: list[str], measured: np.ndarray | None) -> Balls | None:
        if self.near is None:
            return None
        radius = self.near.radius
        if not 0 <= radius <= 1:
            raise MixtureError(f"near: the radius {radius:g} is no total variation, 0 to 1")
        if self.near.reference is not None:
            centres = as_mixtures(self.near.reference, names).to_numpy()
            what = "the reference" if len(centres) == 1 else "one of the references"
        elif measured is None:
            raise MixtureError("near: there are no measured mixtures here, so name a reference")
        else:
            centres, what = np.unique(measured, axis=0), "a measured mixture"
        return Balls(f"within {radius:.4g} of {what} (total variation)", centres, radius)


def _check_known(name: str, names: list[str]) -> None:
    if name not in names:
        raise MixtureError(f"constraint on unknown domain {name!r}; there are: {', '.join(names)}")


def _indicator(group: tuple[str, ...], names: list[str]) -> np.ndarray:
    return np.array([1.0 if name in group else 0.0 for name in names])
