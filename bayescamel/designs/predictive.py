"""Draws of any run's loss by a law, from the posterior or before the first run from the prior."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayescamel.designs.prior import centred, own_names, plausible_draws, prior_curves
from bayescamel.draws.curves import Curves, all_losses
from bayescamel.draws.distances import coordinates_of, ranges
from bayescamel.draws.draws import Draws, evenly
from bayescamel.models.blocks import unflatten
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.runs.columns import columns, names_in
from bayescamel.runs.sizes import Centre, LogSizes, active_params, scales

MAX_DRAWS = 2000
"""Draws that are used; more of them are thinned evenly."""


@dataclass(frozen=True, eq=False)
class PredictiveDraws:
    """Draws of a law, and how runs scatter around it.

    Losses are in nats per token; from the prior alone, in units of a typical loss.

    Parameters
    ----------
    hierarchy, centre
        The law, and the point around which it is written.
    domains, validation
        Names of training and validation domains.
    draws
        Of the law.
    sizes, size_effects
        Total and active parameters of the sizes that were measured, (scale, 2), and the effect
        that all runs of such a size share, (draw, validation, scale), in nats.
    noise, size_noise
        Variance of a run around its size's curve, and of the effect of a size that was not
        measured: (validation,), nats².
    fitted
        Ranges of the fitted runs (`bayescamel.draws.distances.ranges`), beyond which the law misses
        something (`bayescamel.designs.missed`); None before the first run.
    """

    hierarchy: Hierarchy
    centre: Centre
    domains: tuple[str, ...]
    validation: tuple[str, ...]
    draws: Curves
    sizes: np.ndarray
    size_effects: np.ndarray
    noise: np.ndarray
    size_noise: np.ndarray
    fitted: np.ndarray | None

    @classmethod
    def of(cls, posterior: Draws) -> "PredictiveDraws":
        """Draws of the posterior."""
        rows = evenly(posterior.n_draws, min(MAX_DRAWS, posterior.n_draws))
        loss = posterior.centre.loss
        return cls(
            hierarchy=posterior.hierarchy,
            centre=posterior.centre,
            domains=tuple(str(name) for name in posterior.runs["domain"].to_numpy()),
            validation=tuple(str(name) for name in posterior.runs["validation"].to_numpy()),
            draws=Curves.of(posterior).take(rows),
            sizes=scales(posterior.runs)[0],
            size_effects=posterior.flat("size_effect")[rows] * loss[:, None],
            noise=(posterior.flat("sigma") ** 2).mean(axis=0) * loss**2,
            size_noise=float((posterior.flat("size_effect_scale") ** 2).mean()) * loss**2,
            fitted=ranges(coordinates_of(posterior.runs)),
        )

    @classmethod
    def prior(
        cls,
        hierarchy: Hierarchy,
        centre: Centre,
        domains: tuple[str, ...],
        validation: tuple[str, ...],
        runs: pd.DataFrame,
        *,
        n_draws: int = MAX_DRAWS,
        seed: int = 0,
    ) -> "PredictiveDraws":
        """Draws before any run; see `bayescamel.designs.prior.plausible_draws`."""
        own = own_names(domains, validation)
        draws = plausible_draws(hierarchy, centre, own, runs, n_draws, seed)
        values = unflatten(hierarchy, draws.flat)
        # The variance of a typical draw: a mean would be that of the loudest.
        noise = float(np.median(np.exp(2 * values["log_sigma"])))
        size_noise = float(np.median(np.exp(2 * values["log_size_effect_scale"])))
        return cls(
            hierarchy=hierarchy,
            centre=centre,
            domains=domains,
            validation=validation,
            draws=prior_curves(hierarchy, centre, own, draws)._replace(reference_loss=centre.loss),
            sizes=np.zeros((0, 2)),
            size_effects=np.zeros((n_draws, len(validation), 0)),
            noise=noise * centre.loss**2,
            size_noise=size_noise * centre.loss**2,
            fitted=None,
        )

    @property
    def n_draws(self) -> int:
        """How many draws there are."""
        return len(self.draws.coefficients)

    def scale_of(self, runs: pd.DataFrame) -> np.ndarray:
        """Which measured size each run has, (run,); -1: one that was not measured."""
        pairs = np.stack([runs["n_params"].to_numpy(np.float64), active_params(runs)], axis=1)
        result = np.full(len(runs), -1)
        for scale, size in enumerate(self.sizes):
            result[(pairs == size).all(axis=1)] = scale
        return result

    def law_inputs(self, runs: pd.DataFrame) -> tuple[LogSizes, np.ndarray]:
        """Logs over the centre's and mixtures; see `bayescamel.designs.prior.centred`.

        Columns ``unique_<domain>`` tell the tokens that exist of a domain: what a run sees of more
        counts by what repeated tokens are worth.
        """
        weights = columns("mixture", self.domains)
        other = [name for name in runs if not names_in("mixture", [name])]
        return centred(self.centre, runs[[*other, *weights]])

    def curves(self, runs: pd.DataFrame) -> np.ndarray:
        """The mean curve at each run, (draw, run, validation), in double precision."""
        return all_losses(self.hierarchy, self.draws, *self.law_inputs(runs))
