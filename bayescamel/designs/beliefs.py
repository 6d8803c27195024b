"""What is believed of any run's loss: draws of a law, after runs or before the first one."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayescamel.designs.candidates import active_params
from bayescamel.exceptions import DesignError
from bayescamel.hierarchy import Hierarchy
from bayescamel.laws.base import Array, Inputs, Law
from bayescamel.models.problem import Centre, same_names, scales
from bayescamel.prediction import law_draws

if TYPE_CHECKING:
    from bayescamel.posterior import Posterior

MAX_DRAWS = 2000
"""Draws that are used; more of them are thinned evenly."""

PLAUSIBLE = 3.0
"""A text model's loss lies within this factor of a typical one: it begins near ln 50,000 = 10.8
and ends around 2 to 4 nats per token."""

MAX_BATCHES = 50
"""How often the prior is asked for as many draws as are wanted."""

MAX_ELEMENTS = 4_000_000
"""Numbers in the largest intermediate array of an evaluation in NumPy."""


@dataclass(frozen=True, eq=False)
class Beliefs:
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

    @classmethod
    def of(cls, posterior: "Posterior") -> "Beliefs":
        """What is believed after the posterior's runs."""
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
    ) -> "Beliefs":
        """What is believed before any run: draws of the prior under which losses are plausible.

        The prior of a curved law gives some losses that no run ever had. A model's loss lies
        within a factor of `PLAUSIBLE` of the typical one, and draws that say otherwise of some
        run are left out.

        Parameters
        ----------
        hierarchy
            The law and its prior.
        centre
            Where the law is written: the middle of the runs that will be made.
        runs
            Runs all over the space, as a table of candidates.

        Raises
        ------
        DesignError
            When the prior holds hardly any plausible draw.
        """
        rng = np.random.default_rng(seed)
        own = np.array([[float(v == k) for k in domains] for v in validation])
        plausible: list[Beliefs] = []
        found = 0
        for _ in range(MAX_BATCHES):
            draws = [_prior_draw(hierarchy, own, rng) for _ in range(n_draws)]
            batch = cls._stacked(hierarchy, centre, domains, validation, own, draws)
            with np.errstate(over="ignore"):  # what overflows is left out
                losses = batch.curves(runs) / centre.loss
            keep = ((losses > 1 / PLAUSIBLE) & (losses < PLAUSIBLE)).all(axis=(1, 2))
            plausible.append(batch._kept(np.flatnonzero(keep)))
            found += int(keep.sum())
            if found >= n_draws:
                return _joined(plausible)._kept(np.arange(n_draws))
        raise DesignError(
            f"the prior of law {hierarchy.law.name!r} gives plausible losses in only {found} of "
            f"{MAX_BATCHES * n_draws} draws over this space: narrow the sizes, or plan after a "
            "first fit"
        )

    @classmethod
    def _stacked(
        cls,
        hierarchy: Hierarchy,
        centre: Centre,
        domains: tuple[str, ...],
        validation: tuple[str, ...],
        own: np.ndarray,
        draws: list[dict[str, np.ndarray]],
    ) -> "Beliefs":
        parameters = {}
        for parameter in hierarchy.parameters():
            value = np.stack([draw[parameter.name] for draw in draws])
            axis = () if "validation" in parameter.dims else (1,)
            parameters[parameter.name] = value.reshape(len(draws), 1, *axis, *value.shape[1:])
        names = [c.name for c in hierarchy.law.coefficients]
        # The variance of a typical draw: a mean would be that of the loudest.
        noise = np.median([draw["noise"] for draw in draws])
        size_noise = np.median([draw["size_noise"] for draw in draws])
        return cls(
            law=hierarchy.law,
            centre=centre,
            domains=domains,
            validation=validation,
            parameters=parameters,
            coefficients=np.stack([np.stack([d[n] for n in names], axis=-1) for d in draws]),
            own=own,
            sizes=np.zeros((0, 2)),
            size_effects=np.zeros((len(draws), len(validation), 0)),
            noise=noise * centre.loss**2,
            size_noise=size_noise * centre.loss**2,
        )

    def _kept(self, index: np.ndarray) -> "Beliefs":
        return replace(
            self,
            parameters={name: value[index] for name, value in self.parameters.items()},
            coefficients=self.coefficients[index],
            size_effects=self.size_effects[index],
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

    def inputs(self, runs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Ln of total parameters, active parameters and tokens over the centre's; mixtures.

        Returns
        -------
        logs, mixtures
            Shapes (run, 3) and (run, domain).
        """
        tokens = np.zeros(len(runs))
        if self.centre.n_tokens is not None:
            tokens = np.log(runs["n_tokens"].to_numpy(np.float64) / self.centre.n_tokens)
        total = np.log(runs["n_params"].to_numpy(np.float64) / self.centre.n_params)
        active = np.log(active_params(runs) / self.centre.n_params)
        mixtures = runs[[f"w_{name}" for name in self.domains]].to_numpy(np.float64)
        return np.stack([total, active, tokens], axis=1), mixtures

    def curves(self, runs: pd.DataFrame) -> np.ndarray:
        """The mean curve at each run, (draw, run, validation), in double precision."""
        logs, mixtures = self.inputs(runs)
        n_validation, n_domain = self.own.shape
        step = max(1, MAX_ELEMENTS // (self.n_draws * n_validation * n_domain))
        parts = [
            law_curve(np, self.law, self.arrays, logs[i : i + step], mixtures[i : i + step])
            for i in range(0, len(logs), step)
        ]
        return np.concatenate(parts, axis=1)


def _joined(parts: list[Beliefs]) -> Beliefs:
    return replace(
        parts[0],
        parameters={
            name: np.concatenate([part.parameters[name] for part in parts])
            for name in parts[0].parameters
        },
        coefficients=np.concatenate([part.coefficients for part in parts]),
        size_effects=np.concatenate([part.size_effects for part in parts]),
    )


def law_curve(xp: Any, law: Law, arrays: Any, logs: Array, mixtures: Array) -> Any:
    """A law's mean curve for all draws, (draw, run, validation), in NumPy or JAX.

    Parameters
    ----------
    arrays
        `Beliefs.arrays`.
    logs, mixtures
        `Beliefs.inputs`.
    """
    parameters, coefficients, loss, reference, own = arrays
    total, active, tokens = (logs[:, i, None] for i in range(3))
    inputs = Inputs(total, active, tokens, mixtures[:, None, :], reference, own)
    terms = law.terms(xp, inputs, **parameters)
    result = terms.fixed
    for i, coefficient in enumerate(law.coefficients):
        result = result + coefficients[:, None, :, i] * terms.basis[coefficient.name]
    return result * loss


def _prior_draw(
    hierarchy: Hierarchy, own: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Parameters, coefficients, and the variances ``noise`` and ``size_noise`` of one draw."""
    values: dict[str, np.ndarray] = {}
    for block in hierarchy.blocks():
        location, scale = block.prior(np, values, own)
        values[block.name] = location + scale * rng.normal(size=hierarchy.shape(block.dims))
    draw: dict[str, np.ndarray] = dict(hierarchy.constrained(np, values, own))
    locations, spreads = hierarchy.coefficient_prior(values)
    for coefficient, location, spread in zip(
        hierarchy.law.coefficients, locations, spreads, strict=True
    ):
        value = location + spread * rng.normal(size=hierarchy.n_validation)
        while coefficient.positive and spread > 0 and (value <= 0).any():
            again = location + spread * rng.normal(size=hierarchy.n_validation)
            value = np.where(value <= 0, again, value)
        draw[coefficient.name] = value
    draw["noise"] = np.exp(2 * values["log_sigma"])
    draw["size_noise"] = np.exp(2 * values["log_size_effect_scale"])
    return draw
