"""Linear programming on the simplex: emptiness, a point well inside, the nearest point."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np

from bayescamel.exceptions import MixtureError
from bayescamel.mixtures.transforms import variation

FEASIBILITY_TOLERANCE = 1e-10
"""HiGHS' tightest tolerance."""


INFEASIBLE_STATUS = 2
"""`linprog`'s status when nothing satisfies the constraints."""

ROUNDING_ERROR = 1e-12
"""Rounding of a sum of weights."""


class Halfspace(NamedTuple):
    """``coefficients · w ≤ bound``."""

    coefficients: np.ndarray
    bound: float


def solve_linear_program(
    n: int, cost: np.ndarray, inequalities: list[Halfspace], extra: list[Halfspace] | None = None
) -> np.ndarray | None:
    """Solve a linear program over the mixtures within inequalities.

    Parameters
    ----------
    n
        Domains. A cost longer than this is about further non-negative variables.
    more
        Inequalities over all variables.

    Returns
    -------
    ndarray or None
        All variables; None when no mixture satisfies the inequalities.

    Raises
    ------
    MixtureError
        When the solver gives up.
    """
    from scipy.optimize import linprog  # here: slow to load, and few need it

    pad = np.zeros(len(cost) - n)
    rows = [Halfspace(np.concatenate([i.coefficients, pad]), i.bound) for i in inequalities]
    rows += extra or []
    result = linprog(
        cost,
        A_ub=np.array([row.coefficients for row in rows]) if rows else None,
        b_ub=np.array([row.bound for row in rows]) if rows else None,
        A_eq=np.concatenate([np.ones(n), pad])[None],
        b_eq=np.ones(1),
        bounds=(0, None),
        method="highs",
        options={"primal_feasibility_tolerance": FEASIBILITY_TOLERANCE},
    )
    if result.status == INFEASIBLE_STATUS:
        return None
    if not result.success:
        raise MixtureError(f"the constraints could not be checked: {result.message}")
    return np.asarray(result.x)


def feasible(n: int, inequalities: list[Halfspace]) -> bool:
    """Whether any mixture satisfies the inequalities."""
    return solve_linear_program(n, np.zeros(n), inequalities) is not None


def nearest(centre: np.ndarray, inequalities: list[Halfspace]) -> tuple[np.ndarray, float] | None:
    """The mixture within inequalities nearest to `centre` in total variation, and its distance.

    None when no mixture satisfies the inequalities.
    """
    if all(i.coefficients @ centre <= i.bound + ROUNDING_ERROR for i in inequalities):
        return centre, 0.0
    # Σ (w − centre)₊ is the total variation; a second set of variables stands for it.
    n = len(centre)
    extra = [
        Halfspace(np.concatenate([row, -row]), value)
        for row, value in zip(np.eye(n), centre, strict=True)
    ]
    cost = np.concatenate([np.zeros(n), np.ones(n)])
    point = solve_linear_program(n, cost, inequalities, extra)
    if point is None:
        return None
    mixture = point[:n]
    return mixture, float(variation(mixture, centre))


@dataclass(frozen=True, eq=False)
class Region:
    """The mixtures within linear inequalities, where there are any; made by `of`.

    Parameters
    ----------
    inequalities
        Those that some mixture satisfies with room to spare.
    equalities
        Those that hold with equality for every mixture inside, the sum of 1 first.
    middle
        A point inside, away from every inequality, shape (n,).
    """

    inequalities: list[Halfspace]
    equalities: list[Halfspace]
    middle: np.ndarray

    @classmethod
    def of(cls, n: int, inequalities: list[Halfspace], tight: float) -> Self | None:
        """Find what holds with equality, and a point inside; None when there is no point.

        The middle is the mean of the points that satisfy each inequality best, so that it
        satisfies each by at least its best over their number.
        """
        points: list[np.ndarray] = []
        loose: list[Halfspace] = []
        equal = [Halfspace(np.ones(n), 1.0)]
        for inequality in inequalities:
            best = solve_linear_program(n, inequality.coefficients, inequalities)
            if best is None:
                return None
            points.append(best)
            slack = inequality.bound - float(inequality.coefficients @ best)
            (equal if slack <= tight else loose).append(inequality)
        rough = cls(loose, equal, np.mean(points, axis=0))
        return cls(loose, equal, rough.onto_equalities(rough.middle[None])[0])

    @cached_property
    def _equations(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        matrix = np.array([e.coefficients for e in self.equalities])
        return matrix, np.array([e.bound for e in self.equalities]), np.linalg.pinv(matrix)

    @cached_property
    def directions(self) -> np.ndarray:
        """Orthonormal directions along which one can move inside, shape (dimension, n)."""
        matrix, _, _ = self._equations
        _, values, right = np.linalg.svd(matrix)
        rank = int((values > 1e-10 * values[0]).sum())
        return np.asarray(right[rank:])

    @cached_property
    def sides(self) -> tuple[np.ndarray, np.ndarray]:
        """The inequalities as a matrix (R, n) and bounds (R,)."""
        matrix = np.array([i.coefficients for i in self.inequalities])
        matrix = matrix.reshape(-1, len(self.middle))
        return matrix, np.array([i.bound for i in self.inequalities])

    def onto_equalities(self, mixtures: np.ndarray) -> np.ndarray:
        """The nearest points that satisfy the equalities; shape (N, n)."""
        matrix, bounds, inverse = self._equations
        for _ in range(2):  # the second pass removes the rounding of the first
            mixtures = mixtures - (mixtures @ matrix.T - bounds) @ inverse.T
        return mixtures

    def share_to_inside(self, mixtures: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """The share of the way to points inside after which all inequalities hold; (N,)."""
        matrix, bounds = self.sides
        over = mixtures @ matrix.T - bounds
        slack = np.maximum(bounds - inside @ matrix.T, 0.0)
        part = np.where(over > 0, over / np.maximum(over + slack, np.finfo(float).tiny), 0.0)
        return np.asarray(part.max(axis=1, initial=0.0))
