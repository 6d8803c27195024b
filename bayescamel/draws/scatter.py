"""How runs scatter around a law's curve, draw by draw."""

from typing import NamedTuple

import numpy as np
import xarray as xr

from bayescamel.draws.curves import model_losses
from bayescamel.draws.distances import coordinates, coordinates_of, distances, ranges
from bayescamel.draws.draws import Draws
from bayescamel.mixtures.transforms import variation
from bayescamel.runs.sizes import Sizes, scales


class Scatter(NamedTuple):
    """Of models around their curves, nats per token, each (draw, model, validation)."""

    shift: np.ndarray
    """Effect of a model's size where that was fitted, else 0."""
    shared: np.ndarray
    """Sd of the effect that models of a size share where it was not fitted, else 0."""
    missed: np.ndarray
    """Sd of what the law misses of a model beyond the fitted sizes, tokens and epochs, else 0."""
    noise: np.ndarray
    """Sd of a typical run's noise."""


def run_scatter(draws: Draws, models: Sizes, mixtures: np.ndarray) -> Scatter:
    """How models on mixtures (model, domain) scatter around the curve."""
    loss = draws.centre.loss
    noise = draws.flat("sigma")[:, None] * loss
    if draws.hierarchy.noise.mixture_dependent and not draws.is_point_fit:
        growth = draws.flat("noise_lopsided")[:, None]
        noise = noise * np.exp(growth * variation(mixtures, draws.centre.mixture))[:, :, None]
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
    missed = np.zeros(shape)
    if not draws.is_point_fit:
        sigma = draws.flat("sigma")[:, None] * loss
        missed = draws.hierarchy.noise.beyond * outside(draws, models, mixtures)[:, None] * sigma
    return Scatter(shift, shared, missed, np.broadcast_to(noise, shape))


def outside(draws: Draws, models: Sizes, mixtures: np.ndarray) -> np.ndarray:
    """How far models lie outside the fitted sizes, tokens and epochs, on their logs: (model,)."""
    fitted = ranges(coordinates_of(draws.runs))
    return np.asarray(np.linalg.norm(distances(fitted, coordinates(models, mixtures)), axis=1))


def draw_missed(draws: Draws, scatter: Scatter) -> np.ndarray:
    """One draw of what the law misses, the same for all mixtures: (draw, model, validation).

    Validation domains share a part of it (`Noise.beyond_shared`). The same numbers underlie every
    target, so that predictions of one posterior belong together.
    """
    n_draws, _, n_validation = scatter.missed.shape
    shared = draws.hierarchy.noise.beyond_shared
    unit = correlated(np.random.default_rng(0), (n_draws, n_validation), shared)
    return np.asarray(scatter.missed * unit[:, None])


def correlated(rng: np.random.Generator, shape: tuple[int, ...], correlation: float) -> np.ndarray:
    """Standard normal numbers, any two along the last axis with this correlation."""
    together, apart = rng.normal(size=(*shape[:-1], 1)), rng.normal(size=shape)
    return np.asarray(np.sqrt(correlation) * together + np.sqrt(1 - correlation) * apart)


def run_noise(draws: Draws, n: int, rng: np.random.Generator) -> np.ndarray:
    """What multiplies the noise of `n` new runs: (draw, run), 1 for a typical one."""
    shape = (draws.n_draws, n)
    if not draws.has_run_noise:
        return np.ones(shape)
    return np.asarray(np.exp(draws.hierarchy.noise.run_spread * rng.normal(size=shape)))


def scattered(loss: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Losses with noise: added where it raises them, and on their logarithm where it lowers them.

    To first order the same as adding it, as the likelihood does; a run that goes wrong may be off
    by a large part of its loss, and no positive loss becomes negative.
    """
    positive = np.maximum(loss, np.finfo(float).tiny)
    lower = positive * np.exp(np.minimum(noise, 0.0) / positive)
    return np.asarray(np.where((loss > 0) & (noise < 0), lower, loss + noise))


def curve_distribution(
    draws: Draws, runs: xr.Dataset, fitted: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sd of each run's loss by draw, (draw, run, validation), by the law alone.

    The law's curve, what it misses beyond the runs, the effect of the run's size, and the run's
    noise: that of a typical run, or with ``fitted``, where `runs` are some of those that were
    fitted, each run's own.
    """
    models, mixtures = Sizes.of(runs), runs["mixture"].to_numpy()
    scatter = run_scatter(draws, models, mixtures)
    if fitted and draws.has_run_noise:
        known = draws.values["run_noise"].sel(run=runs["run"].to_numpy()).to_numpy()
        scatter = scatter._replace(noise=scatter.noise * known.reshape(draws.n_draws, -1, 1))
    return around_curve(draws, models, mixtures, scatter)


def around_curve(
    draws: Draws, models: Sizes, mixtures: np.ndarray, scatter: Scatter
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sd (draw, model, validation) of models that scatter so around the law's curve."""
    mean = model_losses(draws, models, mixtures) + scatter.shift
    return mean, np.sqrt(scatter.shared**2 + scatter.missed**2 + scatter.noise**2)
