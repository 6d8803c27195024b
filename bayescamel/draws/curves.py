"""The evaluation of a law for draws: of any models on any mixtures, in NumPy and in JAX.

Whatever reads draws reads them here: what a prediction says of a mixture is what a decision, a
ranking, a design or a picture says of it.
"""

from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from bayescamel.draws.draws import Draws
from bayescamel.laws.base import Array, Inputs
from bayescamel.laws.repetition import REPETITION, Repetition
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.runs.sizes import LogSizes, Sizes, same_names

if TYPE_CHECKING:  # of the test extra: only the tests evaluate the shapes below
    from jaxtyping import Float

type DrawnCoefficients = Float[Any, "draw validation coefficient"]
type ValidationLosses = Float[Any, " validation"]
type DomainWeights = Float[Any, " domain"]
type MatchingNames = Float[Any, "validation domain"]
type OfCentre = Float[Any, "2"]
type MixtureWeights = Float[Any, "... mixture domain"]
type DrawnLosses = Float[Any, "draw mixture validation"]

MAX_ELEMENTS = 4_000_000
"""Numbers in the largest intermediate array of an evaluation in NumPy: 32 MB, near the cache."""


class Curves(NamedTuple):
    """Arrays of a law's draws: a tree that JAX compiles for."""

    parameters: dict[str, Array]
    """By name, (draw, ...), in their own units; with R*, even where no run told of it."""
    coefficients: DrawnCoefficients
    """In units of the reference loss."""
    reference_loss: ValidationLosses
    """Nats per token."""
    reference: DomainWeights
    """The centre's mixture."""
    own: MatchingNames
    """1 where names match."""
    log_centre: OfCentre
    """Where the centre is, see `Inputs`."""

    @classmethod
    def of(cls, draws: Draws, repetition: Repetition | None = None) -> Self:
        """All draws of a law, chains stacked.

        Parameters
        ----------
        repetition
            What repeated tokens are taken to be worth in place of what the runs tell; None: that,
            which is the prior where no run repeats any.
        """
        parameters = {p.name: draws.flat(p.name) for p in draws.hierarchy.parameters()}
        if repetition is not None or not draws.hierarchy.repeated:
            assumed = Repetition() if repetition is None else repetition
            shape = (draws.n_draws, draws.hierarchy.n_domain)
            parameters[REPETITION.name] = assumed.draws(*shape)
        return cls(
            parameters=parameters,
            coefficients=np.stack([draws.flat(c.name) for c in draws.law.coefficients], axis=-1),
            reference_loss=draws.centre.loss,
            reference=draws.centre.mixture,
            own=same_names(draws.runs),
            log_centre=draws.centre.logs,
        )

    def take(self, rows: Any) -> Self:
        """Some of the draws."""
        some = {name: value[rows] for name, value in self.parameters.items()}
        return self._replace(parameters=some, coefficients=self.coefficients[rows])


def losses(
    xp: Any, hierarchy: Hierarchy, curves: Curves, models: LogSizes, mixtures: MixtureWeights
) -> DrawnLosses:
    """Losses (draw, mixture, validation), nats per token, by the law alone.

    Parameters
    ----------
    models
        One model, () or (1,), or one for each mixture, (mixture,).
    mixtures
        (mixture, domain), or with draws in front.
    """
    inputs = Inputs(
        log_total=models.total,
        log_active=models.active,
        log_capacity=models.active,
        log_tokens=models.tokens,
        mixture=mixtures[..., None, :, :],
        reference=curves.reference,
        own=curves.own[:, None],
        log_centre=curves.log_centre,
        unique=None if models.unique is None else models.unique[None],
    )
    relative = hierarchy.curve(xp, curves.parameters, curves.coefficients, inputs)
    shape = (len(curves.coefficients), len(curves.reference_loss), mixtures.shape[-2])
    return xp.swapaxes(xp.broadcast_to(relative, shape), 1, 2) * curves.reference_loss


def all_losses(
    hierarchy: Hierarchy, curves: Curves, models: LogSizes, mixtures: np.ndarray
) -> np.ndarray:
    """`losses` in NumPy, of mixtures (mixture, domain) and as many models, a few at a time."""
    n_draws, n_validation, _ = curves.coefficients.shape
    result = np.empty((n_draws, len(mixtures), n_validation))
    step = max(1, MAX_ELEMENTS // (n_draws * n_validation * mixtures.shape[-1]))
    for first in range(0, len(mixtures), step):
        part = slice(first, first + step)
        result[:, part] = losses(np, hierarchy, curves, models.take(part), mixtures[part])
    return result


def model_losses(draws: Draws, models: Sizes, mixtures: np.ndarray) -> np.ndarray:
    """Losses (draw, model, validation), nats per token, each model on its mixture (domain,)."""
    return all_losses(draws.hierarchy, Curves.of(draws), models.logs(draws.centre), mixtures)
