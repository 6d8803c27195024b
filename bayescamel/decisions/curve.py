"""The objective as a function of the mixture, draw by draw, in NumPy and in JAX."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayescamel.decisions.objectives import Aim
from bayescamel.decisions.repetition import effective_tokens
from bayescamel.draws.prediction import law_draws, target_inputs
from bayescamel.laws.base import Array, Inputs, Law
from bayescamel.mixtures import centroid
from bayescamel.targets import Target

if TYPE_CHECKING:
    from bayescamel.posterior import Posterior

MAX_ELEMENTS = 4_000_000
"""Numbers in the largest intermediate array of an evaluation in NumPy."""


FLOOR = 1e-6
"""Added to every weight: some laws divide by a weight, or take its logarithm, and a search visits
corners. A millionth of the tokens moves no law that is finite there."""


class Repeated(NamedTuple):
    """What is needed to count repeated tokens."""

    unique: Array
    """(domain,) available tokens over the target's tokens; may be infinite."""
    r_star: Array
    """(draw, 1, 1)."""


class Curve(NamedTuple):
    """The arrays of the objective at one target: draws in front, then mixtures."""

    parameters: dict[str, Array]
    coefficients: Array
    """(draw, validation, coefficient)."""
    reference_loss: Array
    """(validation,) nats per token."""
    size: tuple[Array, Array, Array]
    """ln of total parameters, active parameters and tokens over the centre's, each (1, 1)."""
    reference: Array
    own: Array
    aim: dict[str, Array]
    repeated: Repeated | None


def make_curve(
    posterior: "Posterior", target: Target, aim: dict[str, np.ndarray], repeated: Repeated | None
) -> Curve:
    """Gather the arrays of a law's draws; those of the aim are for the same draws."""
    parameters, coefficients = law_draws(posterior)
    inputs = target_inputs(posterior, target, centroid(posterior.runs["domain"].to_numpy()))
    return Curve(
        parameters=parameters,
        coefficients=coefficients,
        reference_loss=posterior.centre.loss,
        size=(inputs.log_total, inputs.log_active, inputs.log_tokens),
        reference=inputs.reference,
        own=inputs.own,
        aim=aim,
        repeated=repeated,
    )


def curve_losses(xp: Any, law: Law, curve: Curve, mixtures: Array) -> Array:
    """Losses (draw, mixture, validation), nats per token, of mixtures (draw or 1, mixture, domain).

    Repeated tokens count as the fresh tokens that they are worth: the law is given weights that
    sum to less than 1. Scaled up to 1, they would reward a mixture for burning tokens on a domain
    whose repetition is worth nothing, since the others' shares would fall.
    """
    total, active, tokens = curve.size
    mixtures = mixtures + FLOOR
    if curve.repeated is not None:
        unique, r_star = curve.repeated
        mixtures = effective_tokens(xp, mixtures, unique, r_star)
    inputs = Inputs(total, active, tokens, mixtures[:, :, None, :], curve.reference, curve.own)
    terms = law.terms(xp, inputs, **curve.parameters)
    loss = terms.fixed
    for i, coefficient in enumerate(law.coefficients):
        loss = loss + curve.coefficients[:, None, :, i] * terms.basis[coefficient.name]
    return loss * curve.reference_loss


def objective_values(
    xp: Any, laws: tuple[Law, ...], value: Any, curves: tuple[Curve, ...], mixtures: Array
) -> Array:
    """The objective (draw, mixture) of mixtures (draw or 1, mixture, domain).

    Draws of the laws one after the other.
    """
    parts = [
        value(xp, curve_losses(xp, law, curve, some), curve.aim)
        for law, curve, some in zip(laws, curves, _split(curves, mixtures), strict=True)
    ]
    return xp.concatenate(parts, axis=0)


def _split(curves: tuple[Curve, ...], by_draw: Array) -> list[Array]:
    """The part of each curve of an array with draws, or one for all draws, in front."""
    if by_draw.shape[0] == 1:
        return [by_draw] * len(curves)
    parts, first = [], 0
    for curve in curves:
        parts.append(by_draw[first : first + len(curve.coefficients)])
        first += len(curve.coefficients)
    return parts


def evaluate(
    laws: tuple[Law, ...],
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
        n_draws, n_validation, _ = curve.coefficients.shape
        step = max(1, MAX_ELEMENTS // (n_draws * n_validation * mixtures.shape[-1]))
        parts = []
        for first in range(0, mixtures.shape[1], step):
            part = slice(first, first + step)
            losses = curve_losses(np, law, curve, some[:, part]) + shift[:, part]
            parts.append(aim.value(np, losses, curve.aim))
        results.append(np.concatenate(parts, axis=1))
    return np.concatenate(results)
