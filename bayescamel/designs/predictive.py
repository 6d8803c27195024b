"""Draws of any run's loss by a law, from the posterior or before the first run from the prior."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayescamel.designs.prior import broadcast, centred, law_curve, own_names, plausible_draws
from bayescamel.draws.prediction import law_draws
from bayescamel.laws.base import Law
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.runs.sizes import Centre, active_params, same_names, scales

if TYPE_CHECKING:
    from bayescamel.posterior import Posterior

DISCREPANCY = 0.1
"""Share of a difference in loss that a law misses."""

MAX_DRAWS = 2000
"""Draws that are used; more of them are thinned evenly."""

MAX_ELEMENTS = 4_000_000
"""Numbers in the largest intermediate array of an evaluation in NumPy."""


@dataclass(frozen=True, eq=False)
class PredictiveDraws:
    """Draws of a law, and how runs scatter around it.

    Losses are in nats per token; from the prior alone, in units of a typical loss.

    Parameters
    ----------
    law, centre
        The equation, and the point around which it is written.
    domains, validation
        Names of training and validation domains.
    parameters
        Draws by name, shaped (draw, 1, ...) to broadcast over runs.
    coefficients
        (draw, validation, coefficient), in units of the reference loss.
    own
        (validation, domain): 1 where names match.
    sizes, size_effects
        Total and active parameters of the sizes that were measured, (scale, 2), and the effect
        that all runs of such a size share, (draw, validation, scale), in nats.
    noise, size_noise
        Variance of a run around its size's curve, and of the effect of a size that was not
        measured: (validation,), nats².
    discrepancy
        Share of a difference in loss that the law misses; see `bayescamel.designs.projection`.
    """

    law: Law
    centre: Centre
    domains: tuple[str, ...]
    validation: tuple[str, ...]
    parameters: dict[str, np.ndarray]
    coefficients: np.ndarray
    own: np.ndarray
    sizes: np.ndarray
    size_effects: np.ndarray
    noise: np.ndarray
    size_noise: np.ndarray
    discrepancy: float = DISCREPANCY

    @classmethod
    def of(cls, posterior: "Posterior") -> "PredictiveDraws":
        """Draws of the posterior."""
        parameters, coefficients = law_draws(posterior)
        draws = posterior.tree["posterior"].to_dataset()
        n_draws, n_validation, _ = coefficients.shape
        keep = np.linspace(0, n_draws - 1, min(MAX_DRAWS, n_draws)).round().astype(int)
        effects = draws["size_effect"].transpose("chain", "draw", "validation", "scale").to_numpy()
        loss = posterior.centre.loss
        size_variance = float((draws["size_effect_scale"] ** 2).mean())
        return cls(
            law=posterior.law,
            centre=posterior.centre,
            domains=tuple(str(name) for name in posterior.runs["domain"].to_numpy()),
            validation=tuple(str(name) for name in posterior.runs["validation"].to_numpy()),
            parameters={name: value[keep] for name, value in parameters.items()},
            coefficients=coefficients[keep],
            own=same_names(posterior.runs),
            sizes=scales(posterior.runs)[0],
            size_effects=effects.reshape(n_draws, n_validation, -1)[keep] * loss[:, None],
            noise=(draws["sigma"] ** 2).mean(("chain", "draw")).to_numpy() * loss**2,
            size_noise=size_variance * loss**2,
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
        from bayescamel.models.blocks import unflatten

        own = own_names(domains, validation)
        draws = plausible_draws(hierarchy, centre, own, runs, n_draws, seed)
        values = unflatten(hierarchy, draws.flat)
        # The variance of a typical draw: a mean would be that of the loudest.
        noise = float(np.median(np.exp(2 * values["log_sigma"])))
        size_noise = float(np.median(np.exp(2 * values["log_size_effect_scale"])))
        return cls(
            law=hierarchy.law,
            centre=centre,
            domains=domains,
            validation=validation,
            parameters=broadcast(hierarchy, hierarchy.constrained(np, values, own)),
            coefficients=draws.coefficients,
            own=own,
            sizes=np.zeros((0, 2)),
            size_effects=np.zeros((n_draws, len(validation), 0)),
            noise=noise * centre.loss**2,
            size_noise=size_noise * centre.loss**2,
        )

    @property
    def n_draws(self) -> int:
        """How many draws there are."""
        return len(self.coefficients)

    @cached_property
    def arrays(self) -> tuple[Any, ...]:
        """What `law_curve` needs beside the runs."""
        return (
            self.parameters,
            self.coefficients,
            self.centre.loss,
            self.centre.mixture,
            self.own,
        )

    def scale_of(self, runs: pd.DataFrame) -> np.ndarray:
        """Which measured size each run has, (run,); -1: one that was not measured."""
        pairs = np.stack([runs["n_params"].to_numpy(np.float64), active_params(runs)], axis=1)
        result = np.full(len(runs), -1)
        for scale, size in enumerate(self.sizes):
            result[(pairs == size).all(axis=1)] = scale
        return result

    def law_inputs(self, runs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Logs over the centre's and mixtures; see `bayescamel.designs.prior.centred`."""
        weights = [f"w_{name}" for name in self.domains]
        other = [name for name in runs if not str(name).startswith("w_")]
        return centred(self.centre, runs[[*other, *weights]])

    def curves(self, runs: pd.DataFrame) -> np.ndarray:
        """The mean curve at each run, (draw, run, validation), in double precision."""
        logs, mixtures = self.law_inputs(runs)
        n_validation, n_domain = self.own.shape
        step = max(1, MAX_ELEMENTS // (self.n_draws * n_validation * n_domain))
        parts = [
            law_curve(np, self.law, self.arrays, logs[i : i + step], mixtures[i : i + step])
            for i in range(0, len(logs), step)
        ]
        return np.concatenate(parts, axis=1)
