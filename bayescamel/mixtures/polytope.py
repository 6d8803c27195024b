"""The mixtures that satisfy linear constraints, and a distance to given mixtures.

The set is ``lower ≤ C w ≤ upper`` on the simplex, met with balls in total variation where a trust
region is set: one ball around a reference, or the union of balls around measured mixtures. What is
needed of it is exact: whether it is empty and why, a point well inside, and the way back into it
from a point that a single-precision search left just outside.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bayescamel.exceptions import MixtureError
from bayescamel.mixtures.programming import Halfspace, Region, feasible, nearest
from bayescamel.mixtures.transforms import variation

EQUALITY_TOLERANCE = 1e-8
"""A constraint that no feasible mixture satisfies by more than this holds with equality."""

BALL_TOLERANCE = 1e-9
"""How far beyond a ball's radius a mixture may be: the precision that is promised."""


@dataclass(frozen=True, eq=False)
class Row:
    """``lower ≤ coefficients · w ≤ upper``, and the words by which a person knows it."""

    label: str
    coefficients: np.ndarray
    lower: float = -np.inf
    upper: float = np.inf


@dataclass(frozen=True, eq=False)
class Balls:
    """Mixtures within ``radius`` in total variation of one of the ``centres`` (M, domain)."""

    label: str
    centres: np.ndarray
    radius: float


@dataclass(frozen=True, eq=False)
class Polytope:
    """A set of mixtures.

    Parameters
    ----------
    domains
        Names of the K training domains.
    rows
        Linear constraints beyond non-negativity and the sum of 1.
    balls
        Trust region, or None.

    Raises
    ------
    MixtureError
        From every property when no mixture satisfies all constraints; the message names a
        smallest set that conflicts.
    """

    domains: tuple[str, ...]
    rows: tuple[Row, ...] = ()
    balls: Balls | None = None

    @cached_property
    def box(self) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of each weight, shapes (domain,)."""
        lower, upper = np.zeros(len(self.domains)), np.ones(len(self.domains))
        for row in self.rows:
            place = _single(row)
            if place is not None:
                lower[place] = max(lower[place], row.lower)
                upper[place] = min(upper[place], row.upper)
        return lower, upper

    @cached_property
    def sums(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Constraints on several domains: matrix (R, domain) and bounds (R,)."""
        several = [row for row in self.rows if _single(row) is None]
        matrix = np.array([row.coefficients for row in several])
        bounds = np.array([[row.lower, row.upper] for row in several]).reshape(-1, 2)
        return matrix.reshape(-1, len(self.domains)), bounds[:, 0], bounds[:, 1]

    @cached_property
    def region(self) -> Region:
        """The linear part as equalities and inequalities around a point well inside."""
        inequalities = [Halfspace(-row, 0.0) for row in np.eye(len(self.domains))]
        for row in self.rows:
            inequalities += _sides(row)
        region = Region.of(len(self.domains), inequalities, EQUALITY_TOLERANCE)
        if region is None:
            raise MixtureError(self._conflict())
        return region

    @cached_property
    def anchors(self) -> tuple[np.ndarray, np.ndarray]:
        """The balls that meet the linear constraints.

        Returns
        -------
        centres, inside
            Both (M, domain): centres of these balls, and a point well inside each of them and
            the linear constraints. Without balls, M = 1 and the centre means nothing.
        """
        middle = self.region.middle
        if self.balls is None:
            return middle[None], middle[None]
        centres, inside = [], []
        sides = [side for row in self.rows for side in _sides(row)]
        for centre in self.balls.centres:
            found = nearest(centre, sides)
            if found is None or found[1] > self.balls.radius + BALL_TOLERANCE:
                continue
            start, distance = found
            beyond = variation(middle, centre) - distance
            room = 0.5 * max(self.balls.radius - distance, 0.0)
            share = 1.0 if beyond <= room else room / beyond
            centres.append(centre)
            inside.append(start + share * (middle - start))
        if not centres:
            raise MixtureError(self._conflict())
        return np.array(centres), np.array(inside)

    def repair(self, mixtures: np.ndarray, anchor: np.ndarray | None = None) -> np.ndarray:
        """Bring mixtures just outside back in, exactly; those inside stay.

        Parameters
        ----------
        mixtures
            Shape (N, domain).
        anchor
            Which ball of `anchors` each must lie in; None: the nearest.
        """
        centres, inside = self.anchors
        if anchor is None:
            anchor = np.abs(mixtures[:, None] - centres).sum(axis=2).argmin(axis=1)
        result = self.region.onto_equalities(mixtures)
        share = self.region.share_to_inside(result, inside[anchor])
        if self.balls is not None:
            # Total variation is convex, so it falls at least in proportion on the way inside.
            over = variation(result, centres[anchor]) - self.balls.radius
            slack = self.balls.radius - variation(inside[anchor], centres[anchor])
            part = over / np.maximum(over + np.maximum(slack, 0.0), np.finfo(float).tiny)
            share = np.maximum(share, np.clip(part, 0.0, 1.0))
        result = result + share[:, None] * (inside[anchor] - result)
        return np.asarray(np.maximum(result, 0.0))

    def violation(self, mixtures: np.ndarray) -> np.ndarray:
        """By how much each of (N, domain) mixtures breaks its worst constraint; ≤ 0: inside."""
        worst = np.maximum(np.abs(mixtures.sum(axis=1) - 1), -mixtures.min(axis=1))
        for row in self.rows:
            value = mixtures @ row.coefficients
            worst = np.maximum(worst, np.maximum(value - row.upper, row.lower - value))
        if self.balls is not None:
            to_all = variation(mixtures[:, None], self.balls.centres)
            worst = np.maximum(worst, to_all.min(axis=1) - self.balls.radius)
        return np.asarray(worst)

    def binding(self, mixture: np.ndarray, tolerance: float = 1e-4) -> tuple[str, ...]:
        """Labels of the constraints that a mixture (domain,) meets with equality."""
        labels = []
        for row in self.rows:
            value = float(mixture @ row.coefficients)
            if value > row.upper - tolerance or value < row.lower + tolerance:
                labels.append(row.label)
        if self.balls is not None:
            nearest = variation(self.balls.centres, mixture).min()
            if nearest > self.balls.radius - tolerance:
                labels.append(self.balls.label)
        return tuple(labels)

    def _feasible(self, rows: list[Row], balls: Balls | None) -> bool:
        sides = [side for row in rows for side in _sides(row)]
        if balls is None:
            return feasible(len(self.domains), sides)
        found = (nearest(centre, sides) for centre in balls.centres)
        return any(f is not None and f[1] <= balls.radius + BALL_TOLERANCE for f in found)

    def _conflict(self) -> str:
        """Name an irreducible infeasible subset: each constraint is dropped if it can be."""
        kept, balls = list(self.rows), self.balls
        for row in self.rows:
            rest = [other for other in kept if other is not row]
            if not self._feasible(rest, balls):
                kept = rest
        if balls is not None and not self._feasible(kept, None):
            balls = None
        labels = [row.label for row in kept] + ([] if balls is None else [balls.label])
        return (
            "no mixture satisfies all constraints; these conflict, given that weights sum to 1: "
            + "; ".join(labels)
            + " (loosening one of them is enough for this conflict)"
        )


def _single(row: Row) -> int | None:
    """The domain that a row is about when it bounds one weight."""
    places = np.flatnonzero(row.coefficients)
    return int(places[0]) if len(places) == 1 and row.coefficients[places[0]] == 1 else None


def _sides(row: Row) -> list[Halfspace]:
    sides = []
    if np.isfinite(row.upper):
        sides.append(Halfspace(row.coefficients, row.upper))
    if np.isfinite(row.lower):
        sides.append(Halfspace(-row.coefficients, -row.lower))
    return sides
