"""The objective as a function of the mixture, draw by draw, in NumPy and in JAX."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayescamel.decisions.objectives import Aim
from bayescamel.draws.curves import MAX_ELEMENTS, Curves, losses
from bayescamel.draws.draws import Draws
from bayescamel.laws.base import Array
from bayescamel.laws.repetition import Repetition
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.runs.sizes import LogSizes, Sizes
from bayescamel.targets import Target

if TYPE_CHECKING:  # of the test extra: only the tests evaluate the shapes below
    from jaxtyping import Float

type DrawnMixtures = Float[Any, "#draw mixture domain"]
type DrawnObjective = Float[Any, "draw mixture"]

FLOOR = 1e-6
"""Added to every weight in a search: it visits corners, where a law in single precision may lose
its gradient. A millionth of the tokens moves no optimum."""


class Curve(NamedTuple):
    """The arrays of the objective at one target."""

    draws: Curves
    logs: LogSizes
    """Of the target."""
    aim: dict[str, Array]


def make_curve(
    draws: Draws, target: Target, aim: dict[str, np.ndarray], repetition: Repetition | None
) -> Curve:
    """Gather the arrays of a law's draws; those of the aim are for the same draws."""
    sizes = Sizes.of_target(target, draws.runs["domain"].to_numpy())
    return Curve(Curves.of(draws, repetition), sizes.logs(draws.centre), aim)


def objective_values(
    xp: Any,
    laws: tuple[Hierarchy, ...],
    value: Any,
    curves: tuple[Curve, ...],
    mixtures: DrawnMixtures,
) -> DrawnObjective:
    """The objective (draw, mixture) of mixtures (draw or 1, mixture, domain).

    Draws of the laws one after the other.
    """
    parts = [
        value(xp, losses(xp, law, curve.draws, curve.logs, some + FLOOR), curve.aim)
        for law, curve, some in zip(laws, curves, _split(curves, mixtures), strict=True)
    ]
    return xp.concatenate(parts, axis=0)


def _split(curves: tuple[Curve, ...], by_draw: Array) -> list[Array]:
    """The part of each curve of an array with draws, or one for all draws, in front."""
    if by_draw.shape[0] == 1:
        return [by_draw] * len(curves)
    parts, first = [], 0
    for curve in curves:
        parts.append(by_draw[first : first + len(curve.draws.coefficients)])
        first += len(curve.draws.coefficients)
    return parts


def evaluate(
    laws: tuple[Hierarchy, ...],
    aim: Aim,
    curves: tuple[Curve, ...],
    mixtures: np.ndarray,
    effects: np.ndarray | None = None,
) -> np.ndarray:
    """`objective_values` in NumPy and double precision, a few mixtures at a time.

    Parameters
    ----------
    effects
        Added to the losses, (draw, mixture, validation), nats per token.
    """
    if effects is None:
        effects = np.zeros((1, mixtures.shape[1], 1))
    results = []
    for law, curve, some, shift in zip(
        laws, curves, _split(curves, mixtures), _split(curves, effects), strict=True
    ):
        n_draws, n_validation, _ = curve.draws.coefficients.shape
        step = max(1, MAX_ELEMENTS // (n_draws * n_validation * mixtures.shape[-1]))
        parts = []
        for first in range(0, mixtures.shape[1], step):
            part = slice(first, first + step)
            loss = losses(np, law, curve.draws, curve.logs, some[:, part]) + shift[:, part]
            parts.append(aim.value(np, loss, curve.aim))
        results.append(np.concatenate(parts, axis=1))
    return np.concatenate(results)
