"""How runs scatter around a law's curve, draw by draw."""

from typing import NamedTuple

import numpy as np
import xarray as xr

from bayescamel.draws.curves import model_losses
from bayescamel.draws.draws import Draws
from bayescamel.models.hierarchy import lopsidedness
from bayescamel.runs.sizes import Sizes, scales


class Scatter(NamedTuple):
    """Of models around their curves, nats per token, each (draw, model, validation)."""

    shift: np.ndarray
    """Effect of a model's size where that was fitted, else 0."""
    shared: np.ndarray
    """Sd of the effect that models of a size share where it was not fitted, else 0."""
    noise: np.ndarray
    """Sd of a typical run's noise."""


def run_scatter(draws: Draws, models: Sizes, mixtures: np.ndarray) -> Scatter:
    """How models on mixtures (model, domain) scatter around the curve."""
    loss = draws.centre.loss
    noise = draws.flat("sigma")[:, None] * loss
    if draws.hierarchy.noise.mixture_dependent and not draws.is_point_fit:
        growth = draws.flat("noise_lopsided")[:, None]
        noise = noise * np.exp(growth * lopsidedness(mixtures, draws.centre.mixture))[:, :, None]
    shape = (draws.n_draws, len(mixtures), len(loss))
    shift, shared = np.zeros(shape), np.zeros(shape)
    if not draws.is_point_fit:
        sizes, _ = scales(draws.runs)
        pairs = np.stack([models.total, models.active], axis=1)
        same = (pairs[:, None] == sizes).all(axis=2)
        new = ~same.any(axis=1)
        effects = np.swapaxes(draws.flat("size_effect"), 1, 2)
        shift[:, ~new] = effects[:, same[~new].argmax(axis=1)] * loss
        shared[:, new] = draws.flat("size_effect_scale")[:, None, None] * loss
    return Scatter(shift, shared, np.broadcast_to(noise, shape))


def run_noise(draws: Draws, n: int, rng: np.random.Generator) -> np.ndarray:
    """What multiplies the noise of `n` new runs: (draw, run), 1 for a typical one."""
    shape = (draws.n_draws, n)
    if not draws.has_run_noise:
        return np.ones(shape)
    return np.asarray(np.exp(draws.hierarchy.noise.run_spread * rng.normal(size=shape)))


def scattered(loss: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Losses with noise, which acts on their logarithm so that they stay positive.

    To first order the same as adding it, as the likelihood does; a run that goes wrong may be off
    by a large part of its loss, and no loss is negative.
    """
    positive = np.maximum(loss, np.finfo(float).tiny)
    return np.asarray(np.where(loss > 0, positive * np.exp(noise / positive), loss + noise))


def curve_distribution(
    draws: Draws, runs: xr.Dataset, fitted: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sd of each run's loss by draw, (draw, run, validation), by the law alone.

    The law's curve, the effect of the run's size, and the run's noise: that of a typical run, or
    with ``fitted``, where `runs` are some of those that were fitted, each run's own.
    """
    models, mixtures = Sizes.of(runs), runs["mixture"].to_numpy()
    scatter = run_scatter(draws, models, mixtures)
    noise = scatter.noise
    if fitted and draws.has_run_noise:
        known = draws.values["run_noise"].sel(run=runs["run"].to_numpy()).to_numpy()
        noise = noise * known.reshape(draws.n_draws, -1, 1)
    mean = model_losses(draws, models, mixtures) + scatter.shift
    return mean, np.hypot(scatter.shared, noise)
