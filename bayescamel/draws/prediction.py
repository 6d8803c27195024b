"""Losses at a target, draw by draw, and how far from the data they are."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from bayescamel.exceptions import TargetError
from bayescamel.laws.base import Array, Inputs, Terms
from bayescamel.models.hierarchy import lopsidedness
from bayescamel.models.problem import active_params, same_names, scales
from bayescamel.targets import Target

if TYPE_CHECKING:
    from bayescamel.draws.residuals import LocalEffects
    from bayescamel.posterior import Kind, Posterior

UNSEEN_TOKENS = 0.07
"""Scale of -d ln L / d ln D where it was not seen. Hoffmann et al. 2022's fit has 0.11 at a billion
tokens and 1e8 parameters, 0.05 at 30 billion, 0.02 at a trillion."""
MAX_ELEMENTS = 4_000_000
"""Numbers in the largest intermediate array: 32 MB, so that it stays near the cache."""


def predict(
    posterior: "Posterior",
    target: Target,
    mixtures: xr.DataArray,
    kind: "Kind" = "mean",
    seed: int = 0,
) -> xr.Dataset:
    """Losses of a model of the target's size on each mixture.

    Parameters
    ----------
    mixtures
        Dims (mixture, domain).
    kind
        ``"curve"``: the law alone. ``"mean"``: the curve and what the runs tell that it misses of
        these mixtures or ones near to them (`bayescamel.draws.residuals`). ``"run"``: a new run's
        loss, which adds the effect that all runs of its size share (drawn afresh for a size that
        was not fitted), what is left open of the law's miss, and its own noise.
    seed
        Of the scatter that ``"run"`` adds.

    Returns
    -------
    Dataset
        ``loss (chain, draw, mixture, validation)``, nats per token, and
        ``extrapolation (mixture)``, see `extrapolation`.

    Raises
    ------
    TargetError
        When `kind` is unknown, or the runs tell tokens and the target does not.
    """
    if kind not in ("curve", "mean", "run"):
        raise TargetError(
            f"unknown kind {kind!r}: 'curve' is the law alone, 'mean' the expected loss, 'run' a "
            "new run"
        )
    draws = posterior.tree["posterior"].to_dataset()
    inputs = target_inputs(posterior, target, mixtures)
    parameters, coefficients = law_draws(posterior)
    n_draws, n_mixtures = len(coefficients), len(mixtures)
    per_mixture = n_draws * posterior.hierarchy.n_validation * posterior.hierarchy.n_domain
    step = max(1, MAX_ELEMENTS // per_mixture)
    relative = np.empty((n_draws, n_mixtures, posterior.hierarchy.n_validation))
    for first in range(0, n_mixtures, step):
        part = slice(first, first + step)
        chunk = inputs._replace(mixture=inputs.mixture[part])
        terms = posterior.law.terms(np, chunk, **parameters)
        relative[:, part] = mean_curve(terms, coefficients, posterior)
    relative *= unseen_tokens(posterior, target)[:, None]
    if kind != "curve":
        rng = np.random.default_rng(seed)
        shift, shared, own = run_scatter(posterior, target, mixtures.to_numpy())
        effects = local_effects(posterior, target, mixtures.to_numpy())
        if kind == "run":
            shift = shift + shared * rng.normal(size=shift.shape)
            times = run_noise(posterior, n_mixtures, rng)
            if effects is None:
                noise = times[:, :, None] * rng.normal(size=relative.shape)
            else:
                noise = effects.draw(rng, times)
            relative = scattered(relative, shift[:, None] + own * noise)
        elif effects is not None:
            relative += own * effects.mean
    loss = (relative * posterior.centre.loss).reshape(
        draws.sizes["chain"], draws.sizes["draw"], *relative.shape[1:]
    )
    coords = {name: draws[name].to_numpy() for name in ("chain", "draw", "validation")}
    return xr.Dataset(
        {
            "loss": (("chain", "draw", "mixture", "validation"), loss, {"units": "nats per token"}),
            "extrapolation": extrapolation(posterior, target, mixtures),
        },
        coords | {"mixture": mixtures["mixture"].to_numpy()},
    )


def unseen_tokens(posterior: "Posterior", target: Target) -> np.ndarray:
    """The factor by which tokens change the loss where all runs saw the same tokens.

    Such runs say nothing of tokens beyond the law's own token term: what they show as capacity
    limited or irreducible falls with more tokens too. So the loss gets a factor (D/D₀)^(-ω_v),
    with ω at its prior, a half-normal of scale `UNSEEN_TOKENS`; it is 1 for every fitted run.

    Returns
    -------
    ndarray, shape (draw, validation)
        1 where tokens vary over the runs, or the target has those of the runs.
    """
    shape = (posterior.n_draws, posterior.hierarchy.n_validation)
    centre = posterior.centre.n_tokens
    if target.n_tokens is None or centre is None:
        return np.ones(shape)
    if "unconstrained" not in posterior.tree.children:  # a point fit: the law's word is all it has
        return np.ones(shape)
    if np.ptp(posterior.runs["n_tokens"].to_numpy()) > 0:
        return np.ones(shape)
    # The same exponents at every target, so that predictions of one posterior belong together.
    omega = UNSEEN_TOKENS * np.abs(np.random.default_rng(0).normal(size=shape))
    return np.asarray(np.exp(-omega * np.log(target.n_tokens / centre)))


def run_scatter(
    posterior: "Posterior", target: Target, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How runs at the target scatter around the curve, draw by draw.

    Parameters
    ----------
    weights
        Their mixtures, shape (mixture, domain).

    Returns
    -------
    shift, shared, own
        In units of the reference loss. Shapes (draw, validation): the effect of the target's size
        where it was fitted, else 0; the sd of that effect where it was not, else 0. And shape
        (draw, mixture, validation): the sd of a typical run's noise.
    """
    draws = posterior.tree["posterior"].to_dataset()
    n_validation = posterior.hierarchy.n_validation
    own = draws["sigma"].to_numpy().reshape(-1, 1, n_validation)
    if "noise_lopsided" in draws:
        growth = draws["noise_lopsided"].to_numpy().reshape(-1, 1)
        lopsided = lopsidedness(weights, posterior.centre.mixture)
        own = own * np.exp(growth * lopsided)[:, :, None]
    flat = (len(own), n_validation)
    sizes, _ = scales(posterior.runs)
    active = target.n_active_params or target.n_params
    fitted = np.flatnonzero((sizes == [target.n_params, active]).all(axis=1))
    if len(fitted):
        effect = draws["size_effect"].isel(scale=fitted[0]).to_numpy()
        return effect.reshape(flat), np.zeros(flat), own
    scale = draws["size_effect_scale"].to_numpy().reshape(-1, 1)
    return np.zeros(flat), np.broadcast_to(scale, flat), own


def scattered(loss: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Losses with noise, which acts on their logarithm so that they stay positive.

    To first order the same as adding it, as the likelihood does; a run that goes wrong may be off
    by a large part of its loss, and no loss is negative.
    """
    positive = np.maximum(loss, np.finfo(float).tiny)
    return np.asarray(np.where(loss > 0, positive * np.exp(noise / positive), loss + noise))


def run_noise(posterior: "Posterior", n: int, rng: np.random.Generator) -> np.ndarray:
    """What multiplies the noise of `n` new runs: (draw, run), 1 for a typical one."""
    shape = (posterior.n_draws, n)
    if "run_noise" not in posterior.tree["posterior"].data_vars:  # a point fit, or runs all alike
        return np.ones(shape)
    return np.asarray(np.exp(posterior.hierarchy.noise.run_spread * rng.normal(size=shape)))


def law_draws(posterior: "Posterior") -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The law's parameters and coefficients, draws stacked.

    Returns
    -------
    parameters, coefficients
        By name, shaped (draw, 1, ...) to broadcast over mixtures; and
        (draw, validation, coefficient), in units of the reference loss.
    """
    draws = posterior.tree["posterior"].to_dataset()
    n_draws = draws.sizes["chain"] * draws.sizes["draw"]
    parameters = {}
    for parameter in posterior.hierarchy.parameters():
        value = draws[parameter.name].to_numpy()
        shape = value.shape[2:]
        # A domain's or a global parameter has no validation axis of its own: insert one.
        axis = () if "validation" in parameter.dims else (1,)
        parameters[parameter.name] = value.reshape(n_draws, 1, *axis, *shape)
    names = [c.name for c in posterior.law.coefficients]
    coefficients = np.stack([draws[n].to_numpy() for n in names], axis=-1)
    return parameters, coefficients.reshape(n_draws, *coefficients.shape[2:])


def mean_curve(terms: Terms, coefficients: Array, posterior: "Posterior") -> Array:
    """Put a law's terms and coefficients together: (draw, mixture, validation)."""
    total = terms.fixed
    for i, coefficient in enumerate(posterior.law.coefficients):
        total = total + coefficients[:, None, :, i] * terms.basis[coefficient.name]
    return total


def target_inputs(posterior: "Posterior", target: Target, mixtures: xr.DataArray) -> Inputs:
    """What a law is told of a model at the target; axes (mixture, validation, domain).

    Raises
    ------
    TargetError
        When the runs tell tokens and the target does not, or the other way round.
    """
    centre = posterior.centre
    if (target.n_tokens is None) != (centre.n_tokens is None):
        if target.n_tokens is None:
            raise TargetError("the target needs n_tokens (--tokens), as the runs have them")
        raise TargetError(
            "the runs have no 'n_tokens' column, so nothing is known of tokens: leave n_tokens out"
        )
    active = target.n_active_params or target.n_params
    tokens = 0.0
    if target.n_tokens is not None and centre.n_tokens is not None:
        tokens = float(np.log(target.n_tokens / centre.n_tokens))
    return Inputs(
        log_total=np.full((1, 1), np.log(target.n_params / centre.n_params)),
        log_active=np.full((1, 1), np.log(active / centre.n_params)),
        log_tokens=np.full((1, 1), tokens),
        mixture=mixtures.to_numpy()[:, None, :],
        reference=centre.mixture,
        own=same_names(posterior.runs),
    )


def extrapolation(posterior: "Posterior", target: Target, mixtures: xr.DataArray) -> xr.DataArray:
    """How far outside the runs a prediction is: dims (mixture,), 0 for inside.

    The largest of three: how far the size, and the tokens, lie beyond the fitted range, in units
    of that range on the log scale; and the total variation distance to the nearest measured
    mixture beyond the distance that measured mixtures typically have among themselves, in units
    of that distance. At 1 a prediction reaches as far out as the runs reach.
    """
    runs = posterior.runs
    active = target.n_active_params or target.n_params
    beyond = _beyond(np.log(active), np.log(active_params(runs)))
    if target.n_tokens is not None and "n_tokens" in runs:
        tokens = np.log(runs["n_tokens"].to_numpy())
        # Where all runs see the same tokens, a factor of e is as far as one goes on trust.
        beyond = max(beyond, _beyond(np.log(target.n_tokens), tokens))
    measured = np.unique(runs["mixture"].to_numpy(), axis=0)
    nearest = _total_variation(mixtures.to_numpy(), measured).min(axis=1)
    among = _total_variation(measured, measured)
    np.fill_diagonal(among, np.inf)
    spacing = float(np.median(among.min(axis=1))) if len(measured) > 1 else 1.0
    distance = np.maximum(beyond, np.maximum(nearest - spacing, 0.0) / spacing)
    return xr.DataArray(distance, dims=("mixture",), name="extrapolation")


def _beyond(value: float, measured: np.ndarray) -> float:
    low, high = float(measured.min()), float(measured.max())
    outside = max(value - high, low - value, 0.0)
    return outside / (high - low) if high > low else outside


def _total_variation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.stack([0.5 * np.abs(a - row).sum(axis=1) for row in b], axis=1)


def local_effects(
    posterior: "Posterior", target: Target, mixtures: np.ndarray
) -> "LocalEffects | None":
    """What the law misses of these mixtures; None for the replicates of a point fit."""
    if "unconstrained" not in posterior.tree.children:
        return None
    return posterior.residuals.at(target, mixtures)


def curve_distribution(
    posterior: "Posterior", runs: xr.Dataset, fitted: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sd of each run's loss by draw, (draw, run, validation), by the law alone.

    The law's curve, the effect of the run's size, and the run's noise: that of a typical run, or
    with ``fitted``, where `runs` are some of those that were fitted, each run's own.
    """
    shape = (posterior.n_draws, runs.sizes["run"], runs.sizes["validation"])
    mean, sd = np.empty(shape), np.empty(shape)
    for target, rows in targets_of(runs):
        weights = runs["mixture"].to_numpy()[rows]
        loss = posterior.predict(target, weights, kind="curve")["loss"].to_numpy()
        shift, shared, own = run_scatter(posterior, target, weights)
        reference = posterior.centre.loss
        mean[:, rows] = loss.reshape(-1, *loss.shape[2:]) + (shift * reference)[:, None]
        sd[:, rows] = np.hypot(shared[:, None], own) * reference
    draws = posterior.tree["posterior"]
    if fitted and "run_noise" in draws.data_vars:
        own_noise = draws["run_noise"].sel(run=runs["run"].to_numpy()).to_numpy()
        sd *= own_noise.reshape(posterior.n_draws, -1, 1)
    return mean, sd


def run_distribution(posterior: "Posterior", runs: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """What a posterior says of each new run's loss: mean and sd by draw, (draw, run, validation).

    `curve_distribution` with what the fitted runs tell that the law misses of such mixtures, and
    runs that scatter as differently as they do.
    """
    mean, sd = curve_distribution(posterior, runs)
    # The same for every table of as many runs, so that scores can be repeated.
    times = run_noise(posterior, runs.sizes["run"], np.random.default_rng(0))[:, :, None]
    for target, rows in targets_of(runs):
        weights = runs["mixture"].to_numpy()[rows]
        effects = local_effects(posterior, target, weights)
        if effects is None:
            continue
        own = run_scatter(posterior, target, weights)[2] * posterior.centre.loss
        mean[:, rows] += own * effects.mean
        # The noise of the curve's distribution is told in part: what is left has this variance.
        left = effects.run_variance - 1 + effects.own * (times[:, rows] ** 2 - 1)
        sd[:, rows] = np.sqrt(sd[:, rows] ** 2 + own**2 * left)
    return mean, sd


def targets_of(runs: xr.Dataset) -> Iterator[tuple[Target, np.ndarray]]:
    """The distinct models among runs, and which rows are of each."""
    total, active = runs["n_params"].to_numpy(), active_params(runs)
    tokens = runs["n_tokens"].to_numpy() if "n_tokens" in runs else np.full(len(total), np.nan)
    keys, index = np.unique(
        np.stack([total, active, np.nan_to_num(tokens)], axis=1), axis=0, return_inverse=True
    )
    for i, (size, used, seen) in enumerate(keys):
        known = None if np.isnan(tokens[0]) else float(seen)
        sparse = None if used == size else float(used)
        yield Target(float(size), known, sparse), np.flatnonzero(index.ravel() == i)
