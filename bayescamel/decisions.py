"""The mixture to train a target on: a distribution over mixtures, and a recommendation."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xarray as xr

from bayescamel.laws.base import Array, Inputs, Law
from bayescamel.mixtures import centroid, corners, dirichlet
from bayescamel.prediction import extrapolation, law_draws, target_inputs
from bayescamel.targets import Target, objective_weights

if TYPE_CHECKING:
    from bayescamel.posterior import Posterior

MAX_DRAWS = 2000
"""Draws that are optimised one by one; more of them are thinned evenly."""

STARTS = 64
"""Space-filling starts; each draw sets out from its best."""

STEPS = 150
"""Gradient steps of a search: multiplicative steps reach a corner at a geometric rate."""


@dataclass(frozen=True)
class OptimalMixture:
    """A decision and how sure it is.

    Parameters
    ----------
    mixture
        The recommendation, dims (domain,): least posterior expected objective.
    interval
        Dims (domain, bound): 90 % of the draws' own optima lie between ``lower90`` and
        ``upper90``, weight by weight.
    expected
        Posterior mean of the objective at the recommendation, nats per token.
    regret
        Expected regret: by how much each draw's optimum would beat the recommendation in that
        draw, on average.
    draws
        Each draw's optimum, dims (sample, domain).
    extrapolation
        How far outside the runs the recommendation lies; see `bayescamel.prediction`.
    """

    mixture: xr.DataArray
    interval: xr.DataArray
    expected: float
    regret: float
    draws: xr.DataArray
    extrapolation: float

    def __repr__(self) -> str:
        lines = [
            f"OptimalMixture: expected objective {self.expected:.4f} nats per token, expected "
            f"regret {self.regret:.4f}"
        ]
        width = max(len(str(name)) for name in self.mixture["domain"].to_numpy())
        for name in self.mixture["domain"].to_numpy():
            low, high = self.interval.sel(domain=name).to_numpy()
            share = float(self.mixture.sel(domain=name))
            lines.append(f"  {name:<{width}}  {share:.3f}  ({low:.3f} to {high:.3f})")
        where = "inside" if self.extrapolation == 0 else f"{self.extrapolation:.2g} beyond"
        lines.append(f"  {where} the runs; intervals: 90 % of the draws' optima")
        return "\n".join(lines)


class Curve(NamedTuple):
    """The objective as a function of the mixture, for every draw: arrays with draws in front."""

    parameters: dict[str, Array]
    coefficients: Array
    weights: Array
    log_size: Array
    reference: Array
    own: Array


def optimal_mixture(
    posterior: "Posterior",
    target: Target,
    objective: Mapping[str, float] | None = None,
    *,
    seed: int = 0,
) -> OptimalMixture:
    """Find the mixture of least posterior expected objective, and each draw's own optimum.

    Parameters
    ----------
    posterior, target
        What is known, and the model that the mixture is for.
    objective
        Weight by validation domain; None weighs all alike.
    seed
        Of the starts.

    Raises
    ------
    TargetError
        When the objective names an unknown validation domain, or the target lacks tokens that
        the runs have.
    """
    domains = [str(name) for name in posterior.runs["domain"].to_numpy()]
    curve = _curve(posterior, target, objective)
    starts = np.concatenate(
        [
            centroid(domains).to_numpy(),
            0.9 * corners(domains).to_numpy() + 0.1 / len(domains),
            dirichlet(STARTS, domains, seed).to_numpy(),
        ]
    )
    best, each = _search(posterior.law, curve, starts)
    values = _evaluate(posterior.law, curve, best[None, None])[:, 0]
    optima = _evaluate(posterior.law, curve, each[:, None])[:, 0]
    mixture = xr.DataArray(best, {"domain": domains}, ("domain",), "mixture")
    named = {"domain": domains, "bound": ["lower90", "upper90"]}
    bounds = np.quantile(each, [0.05, 0.95], axis=0).T
    return OptimalMixture(
        mixture=mixture,
        interval=xr.DataArray(bounds, named, ("domain", "bound"), "interval"),
        expected=float(values.mean()),
        # A search stops near its optimum: a draw knows no mixture worse than the recommendation.
        regret=float(np.maximum(values - optima, 0.0).mean()),
        draws=xr.DataArray(each, {"domain": domains}, ("sample", "domain"), "draws"),
        extrapolation=float(extrapolation(posterior, target, mixture.expand_dims("mixture"))[0]),
    )


def _curve(posterior: "Posterior", target: Target, objective: Mapping[str, float] | None) -> Curve:
    validation = posterior.runs["validation"].to_numpy()
    parameters, coefficients = law_draws(posterior)
    n_draws = len(coefficients)
    keep = np.linspace(0, n_draws - 1, min(MAX_DRAWS, n_draws)).round().astype(int)
    inputs = target_inputs(posterior, target, centroid(posterior.runs["domain"].to_numpy()))
    return Curve(
        parameters={name: values[keep] for name, values in parameters.items()},
        coefficients=coefficients[keep],
        weights=objective_weights(objective, validation) * posterior.centre.loss,
        log_size=np.stack([inputs.log_total, inputs.log_active, inputs.log_tokens]),
        reference=inputs.reference,
        own=inputs.own,
    )


def _objective(xp: Any, law: Law, curve: Curve, mixtures: Array) -> Array:
    """Nats per token, (draw, mixture), of mixtures (draw or 1, mixture, domain)."""
    total, active, tokens = curve.log_size
    rows = mixtures[:, :, None, :]
    inputs = Inputs(total, active, tokens, rows, curve.reference, curve.own)
    terms = law.terms(xp, inputs, **curve.parameters)
    loss = terms.fixed
    for i, coefficient in enumerate(law.coefficients):
        loss = loss + curve.coefficients[:, None, :, i] * terms.basis[coefficient.name]
    return (loss * curve.weights).sum(axis=-1)


def _evaluate(law: Law, curve: Curve, mixtures: np.ndarray) -> np.ndarray:
    return np.asarray(_objective(np, law, curve, mixtures))


def _search(law: Law, curve: Curve, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mixture of least mean objective, and each draw's own: (domain,), (draw, domain)."""
    import jax

    from bayescamel.inference.compiled import use_cache
    from bayescamel.sampling import cache_folder

    use_cache(cache_folder() / "jax")
    single = jax.tree.map(lambda values: np.asarray(values, np.float32), curve)
    best, each = _compiled_search()(law, single, np.asarray(starts, np.float32))
    return _normalised(best), _normalised(each)


def _normalised(mixtures: Array) -> np.ndarray:
    weights = np.asarray(mixtures, np.float64)
    return weights / weights.sum(axis=-1, keepdims=True)


@cache
def _compiled_search() -> Any:
    import jax
    import jax.numpy as jnp

    @partial(jax.jit, static_argnums=0)
    def search(law: Law, curve: Curve, starts: Array) -> tuple[Array, Array]:
        def each(mixtures: Array) -> Array:
            return _objective(jnp, law, curve, mixtures[:, None])[:, 0]

        def mean(mixtures: Array) -> Array:
            return _objective(jnp, law, curve, mixtures[None]).mean(axis=0)

        values = jax.lax.map(lambda start: each(start[None]), starts)
        own = descend(each, starts[values.argmin(axis=0)])
        # The mean is searched from its best start and from the middle of the draws' optima.
        pair = jnp.stack([starts[values.mean(axis=1).argmin()], own.mean(axis=0)])
        both = descend(mean, pair)
        return both[mean(both).argmin()], own

    def descend(function: Any, start: Array) -> Array:
        """Exponentiated gradient: a gradient step on the softmax transform's natural metric."""
        gradient = jax.value_and_grad(lambda w: (lambda f: (f.sum(), f))(function(w)), has_aux=True)

        def step(state: Any, _: None) -> tuple[Any, None]:
            log_w, rate, value, slope = state
            trial = jax.nn.log_softmax(log_w - rate[:, None] * slope)
            (_, new), new_slope = gradient(jnp.exp(trial))
            better = new < value
            pick = better[:, None]
            return (
                jnp.where(pick, trial, log_w),
                rate * jnp.where(better, 1.7, 0.4),
                jnp.where(better, new, value),
                jnp.where(pick, new_slope, slope),
            ), None

        (_, value), slope = gradient(start)
        rate = 1.0 / (abs(slope - slope.mean(axis=1, keepdims=True)).max(axis=1) + 1e-9)
        state = (jnp.log(start), rate, value, slope)
        (log_w, *_), _ = jax.lax.scan(step, state, length=STEPS)
        return jnp.exp(log_w)

    return search
