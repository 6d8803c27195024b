"""How well runs would pin down a target, in many scenarios.

A scenario is a draw θ of the parameters, from the prior or from the posterior. In each of them
the law is linearised: prior and likelihood are sums of squares of standardised residuals r, so
that the information in the runs is

    I(θ) = Jᵀ J,   J = ∂r/∂θ

(Gauss-Newton: prior rows (θ - location)/spread, run rows (loss - curve)/σ), and the loss at the
target, with gradient g, will be known to the variance gᵀ I⁻¹ g. Averaged over draws this is
Bayesian experimental design for a curved law (Chaloner and Verdinelli 1995); it holds from the
prior alone, where no single linearisation would.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from bayescamel.designs.prior import (
    centre_of,
    centred,
    own_names,
    plausible_draws,
)
from bayescamel.draws.curves import Curves, losses
from bayescamel.draws.distances import coordinates_of, ranges
from bayescamel.draws.draws import Draws
from bayescamel.laws.base import Array
from bayescamel.laws.repetition import REPETITION
from bayescamel.models.blocks import unflatten
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.runs.sizes import Centre, LogSizes
from bayescamel.runs.wide import wide_table

N_SCENARIOS = 48
"""Draws that are tried: enough to tell expected errors to about a tenth."""


@dataclass(frozen=True, eq=False)
class Scenarios:
    """Draws of the parameters, and the information in prior and told runs.

    Parameters
    ----------
    hierarchy, centre, own
        The law with its prior, where it is written, and which names match.
    flat, coefficients
        Draws: (draw, number) and (draw, validation, coefficient).
    information
        What prior and told runs say, (draw, P, P), over ``flat`` and the coefficients; effects of
        sizes are integrated out, and new runs of a size that was told count as if its effect
        were unknown.
    fitted
        Ranges of told runs (`bayescamel.draws.distances.ranges`), beyond which the law misses
        something (`bayescamel.designs.missed`); None: no run was told.
    """

    hierarchy: Hierarchy
    centre: Centre
    own: np.ndarray
    flat: np.ndarray
    coefficients: np.ndarray
    information: np.ndarray
    fitted: np.ndarray | None

    @classmethod
    def prior(
        cls,
        hierarchy: Hierarchy,
        domains: tuple[str, ...],
        validation: tuple[str, ...],
        runs: pd.DataFrame,
        *,
        n: int = N_SCENARIOS,
        seed: int = 0,
    ) -> "Scenarios":
        """Draws of the prior; `runs` cover the space."""
        centre = centre_of(runs, domains, len(validation))
        own = own_names(domains, validation)
        draws = plausible_draws(hierarchy, centre, own, runs, n, seed)
        return cls._informed_by(hierarchy, centre, own, draws.flat, draws.coefficients, None)

    @classmethod
    def of(cls, posterior: Draws, *, n: int = N_SCENARIOS) -> "Scenarios":
        """Draws of a posterior."""
        flat = posterior.tree["unconstrained"]["value"].to_numpy()
        flat = flat.reshape(-1, flat.shape[-1])
        keep = np.linspace(0, len(flat) - 1, min(n, len(flat))).round().astype(int)
        curves = Curves.of(posterior).take(keep)
        known = (posterior.hierarchy, posterior.centre, curves.own, flat[keep])
        return cls._informed_by(*known, curves.coefficients, wide_table(posterior.runs))

    @classmethod
    def _informed_by(
        cls,
        hierarchy: Hierarchy,
        centre: Centre,
        own: np.ndarray,
        flat: np.ndarray,
        coefficients: np.ndarray,
        told: pd.DataFrame | None,
    ) -> "Scenarios":
        rows = np.asarray(_compiled()["prior"](hierarchy, flat, coefficients, own))
        information = np.swapaxes(rows, 1, 2) @ rows
        scenarios = cls(hierarchy, centre, own, flat, coefficients, information, None)
        if told is None:
            return scenarios
        told_more = information + scenarios.information_in(told)
        return replace(scenarios, information=told_more, fitted=ranges(coordinates_of(told)))

    def gradients(self, runs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Curve and gradient of each run's losses, in units of the reference loss.

        Returns
        -------
        loss, gradient
            Shapes (draw, run, validation) and (draw, run, validation, P).
        """
        logs, mixtures = centred(self.centre, runs)
        centre = (self.centre.mixture, self.centre.logs)
        arrays = (self.flat, self.coefficients, centre, self.own)
        loss, gradient = _compiled()["runs"](self.hierarchy, *arrays, logs, mixtures)
        return np.asarray(loss), np.asarray(gradient)

    def variances(self) -> tuple[np.ndarray, np.ndarray]:
        """Variances of a run and of a size's effect, (draw, validation) and (draw, 1)."""
        values = unflatten(self.hierarchy, self.flat)
        size = np.exp(2 * values["log_size_effect_scale"]).reshape(-1, 1)
        return np.exp(2 * values["log_sigma"]), size

    def information_in(self, runs: pd.DataFrame) -> np.ndarray:
        """Information in runs, (draw, P, P), the effects of their sizes integrated out."""
        _, gradient = self.gradients(runs)
        sizes = runs["n_params"].to_numpy()
        total = np.zeros_like(self.information)
        for size in np.unique(sizes):
            rows = gradient[:, sizes == size]
            total += size_information(rows, np.ones(rows.shape[1]), *self.variances())
        return total


def size_information(
    gradient: np.ndarray, times: np.ndarray, noise: np.ndarray, effect: np.ndarray
) -> np.ndarray:
    """Information in runs of one size, which share an effect: (draw, P, P).

    With Σ = σ² 1 + τ² 11ᵀ between runs of a validation domain, by Sherman and Morrison,

        Gᵀ Σ⁻¹ G = (Σᵢ gᵢ gᵢᵀ - τ² s sᵀ / (σ² + n τ²)) / σ²,   s = Σᵢ gᵢ.

    Parameters
    ----------
    gradient
        (draw, run, validation, P).
    times
        How often each run is made, (run,).
    noise, effect
        σ² (draw, validation) and τ² (draw, 1).
    """
    weighted = gradient * times[:, None, None]
    outer = np.einsum("srvp,srvq,sv->spq", weighted, gradient, 1 / noise, optimize=True)
    total = weighted.sum(axis=1)
    shared = effect / (noise * (noise + times.sum() * effect))
    return np.asarray(outer - np.einsum("svp,svq,sv->spq", total, total, shared, optimize=True))


@cache
def _compiled() -> dict[str, Any]:
    import jax
    import jax.numpy as jnp

    def residuals(hierarchy: Hierarchy, own: Array, flat: Array, coefficients: Array) -> Array:
        """Standardised distance of every number from its prior."""
        values = unflatten(hierarchy, flat)
        parts = []
        for block in hierarchy.blocks():
            location, spread = block.prior(jnp, values, own)
            parts.append(jnp.ravel((values[block.name] - location) / spread))
        locations, spreads = hierarchy.coefficient_prior(values)
        for i, (location, spread) in enumerate(zip(locations, spreads, strict=True)):
            # A fully pooled coefficient has no scatter of its own: tie it to its location.
            parts.append((coefficients[:, i] - location) / max(spread, 1e-4))
        return jnp.concatenate(parts)

    def curve(
        hierarchy: Hierarchy,
        own: Array,
        centre: tuple[Array, Array],
        logs: LogSizes,
        mixtures: Array,
        flat: Array,
        coefficients: Array,
    ) -> Array:
        """(run, validation), in units of the reference loss."""
        # A target may repeat tokens though no run does.
        typical = {REPETITION.name: jnp.full((1, hierarchy.n_domain), REPETITION.typical)}
        values = typical | hierarchy.constrained(jnp, unflatten(hierarchy, flat[None]), own)
        reference, log_centre = centre
        one = jnp.ones(len(own))
        curves = Curves(values, coefficients[None], one, reference, own, log_centre)
        return losses(jnp, hierarchy, curves, logs, mixtures)[0]

    def joined(derivatives: tuple[Array, Array], lead: int) -> Array:
        by_flat, by_coefficient = derivatives
        shape = by_coefficient.shape[:lead]
        return jnp.concatenate([by_flat, by_coefficient.reshape(*shape, -1)], axis=-1)

    def prior(hierarchy: Hierarchy, flat: Array, coefficients: Array, own: Array) -> Array:
        def one(u: Array, c: Array) -> Array:
            rows = jax.jacfwd(lambda a, b: residuals(hierarchy, own, a, b), argnums=(0, 1))(u, c)
            return joined(rows, 1)

        return jax.lax.map(lambda pair: one(*pair), (flat, coefficients))

    def runs(
        hierarchy: Hierarchy,
        flat: Array,
        coefficients: Array,
        centre: tuple[Array, Array],
        own: Array,
        logs: LogSizes,
        mixtures: Array,
    ) -> tuple[Array, Array]:
        def one(u: Array, c: Array) -> tuple[Array, Array]:
            def function(a: Array, b: Array) -> Array:
                return curve(hierarchy, own, centre, logs, mixtures, a, b)

            return function(u, c), joined(jax.jacfwd(function, argnums=(0, 1))(u, c), 2)

        result: tuple[Array, Array] = jax.lax.map(lambda pair: one(*pair), (flat, coefficients))
        return result

    def in_double(function: Any) -> Any:
        compiled = jax.jit(function, static_argnums=0)

        def call(*arguments: Any) -> Any:
            with jax.enable_x64(True):
                return compiled(*arguments)

        return call

    return {"prior": in_double(prior), "runs": in_double(runs)}
