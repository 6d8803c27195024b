"""Losses at a target, draw by draw, and how far from the data they are."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import xarray as xr

from bayescamel.draws.curves import model_losses
from bayescamel.draws.draws import Draws
from bayescamel.draws.residuals import Residuals
from bayescamel.draws.scatter import (
    around_curve,
    draw_missed,
    run_noise,
    run_scatter,
    scattered,
)
from bayescamel.exceptions import TargetError
from bayescamel.input import shown
from bayescamel.mixtures.transforms import variation
from bayescamel.runs.sizes import Sizes
from bayescamel.targets import Target

IMPOSSIBLE_SHARE = 0.01
"""Of draws at or below 0, on some mixture, from which the losses of a domain are doubted."""

type Kind = Literal["curve", "mean", "run"]


def predict(
    draws: Draws,
    residuals: Residuals | None,
    target: Target,
    mixtures: xr.DataArray,
    kind: Kind = "mean",
    seed: int = 0,
) -> xr.Dataset:
    """Losses of a model of the target's size on each mixture.

    Parameters
    ----------
    residuals
        What the law misses of the runs; None for a point fit.
    mixtures
        Dims (mixture, domain).
    kind
        ``"curve"``: the law alone. ``"mean"``: the loss to expect, which adds what the runs tell
        that the curve misses of these mixtures or ones near to them (`bayescamel.draws.residuals`),
        and what the law may miss beyond the sizes and tokens of the runs, the same for all mixtures
        (`bayescamel.draws.scatter`). ``"run"``: a new run's loss, which adds the effect that all
        runs of its size share (drawn afresh for a size that was not fitted), what is left open of
        what the curve misses, and the run's noise.
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
    weights = mixtures.to_numpy()
    models = Sizes.of_target(target, draws.runs["domain"].to_numpy(), len(weights))
    loss = model_losses(draws, models, weights)
    if kind != "curve":
        scatter = run_scatter(draws, models, weights)
        local = None if residuals is None else residuals.at(models, weights)
        missed = draw_missed(draws, scatter)
        if kind == "mean":
            loss = scattered(loss, missed)
            loss += 0.0 if local is None else scatter.noise * local.mean
        else:
            rng = np.random.default_rng(seed)
            new_size = rng.normal(size=(len(loss), 1, loss.shape[2]))
            times = run_noise(draws, len(weights), rng)
            if local is None:
                noise = times[:, :, None] * rng.normal(size=loss.shape)
            else:
                noise = local.draw(rng, times)
            shift = scatter.shift + missed + scatter.shared * new_size
            loss = scattered(loss, shift + scatter.noise * noise)
    dims = ("chain", "draw", "mixture", "validation")
    values = draws.values
    shape = (values.sizes["chain"], values.sizes["draw"], *loss.shape[1:])
    coords = {name: values[name].to_numpy() for name in ("chain", "draw", "validation")}
    return xr.Dataset(
        {
            "loss": (dims, loss.reshape(shape), {"units": "nats per token"}),
            "extrapolation": extrapolation(draws.runs, target, mixtures),
        },
        coords | {"mixture": mixtures["mixture"].to_numpy()},
    )


def impossible(losses: np.ndarray, names: np.ndarray | Sequence[str]) -> tuple[str, ...]:
    """What is to be said of losses (..., mixture, validation) that no model has.

    A law may fall below 0 where its runs do not tell at which loss it levels off.
    """
    draws = losses.reshape(-1, *losses.shape[-2:])
    share = (draws <= 0).mean(axis=0).max(axis=0)
    doubted = np.asarray(names)[share > IMPOSSIBLE_SHARE]
    found = [shown(repr(str(name))) for name in doubted]
    if not found:
        return ()
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return (
        f"at this target draws put the loss on {', '.join(found[:3])}{more} at or below 0, where "
        "none lies: the runs do not tell where it levels off, and what is said of it so far beyond "
        "them is worth nothing; train larger proxies, or ask for a nearer target",
    )


def run_distribution(
    draws: Draws, residuals: Residuals | None, runs: xr.Dataset
) -> tuple[np.ndarray, np.ndarray]:
    """What draws say of each new run's loss: mean and sd by draw, (draw, run, validation).

    `bayescamel.draws.scatter.curve_distribution` with what the fitted runs tell that the law misses
    of such mixtures, and runs that scatter as differently as they do.
    """
    models, mixtures = Sizes.of(runs), runs["mixture"].to_numpy()
    scatter = run_scatter(draws, models, mixtures)
    mean, sd = around_curve(draws, models, mixtures, scatter)
    if residuals is None:
        return mean, sd
    local, noise = residuals.at(models, mixtures), scatter.noise
    # The same for every table of as many runs, so that scores can be repeated.
    times = run_noise(draws, runs.sizes["run"], np.random.default_rng(0))[:, :, None]
    mean = mean + noise * local.mean
    # The noise of the curve's distribution is told in part: what is left has this variance.
    left = local.variance + local.fresh * times**2 - 1
    return mean, np.sqrt(sd**2 + noise**2 * left)


def extrapolation(runs: xr.Dataset, target: Target, mixtures: xr.DataArray) -> xr.DataArray:
    """How far outside the runs a prediction is: dims (mixture,), 0 for inside.

    The largest of four: how far the size, the tokens, and the epochs of the most repeated domain
    lie beyond the fitted range, in units of that range on the log scale; and the total variation
    distance to the nearest measured mixture beyond the distance that measured mixtures typically
    have among themselves, in units of that distance. At 1 a prediction reaches as far out as the
    runs reach.
    """
    sizes = Sizes.of(runs)
    beyond = _beyond(target.active, sizes.active)
    if target.n_tokens is not None and sizes.tokens is not None:
        # Where all runs see the same tokens, a factor of e is as far as one goes on trust.
        beyond = max(beyond, _beyond(target.n_tokens, sizes.tokens))
    measured = np.unique(runs["mixture"].to_numpy(), axis=0)
    nearest = variation(mixtures.to_numpy()[:, None], measured).min(axis=1)
    among = variation(measured[:, None], measured)
    np.fill_diagonal(among, np.inf)
    spacing = float(np.median(among.min(axis=1))) if len(measured) > 1 else 1.0
    distance = np.maximum(beyond, np.maximum(nearest - spacing, 0.0) / spacing)
    if target.available:
        domains, weights = runs["domain"].to_numpy(), mixtures.to_numpy()
        models, fitted = Sizes.of_target(target, domains, len(weights)), runs["mixture"].to_numpy()
        seen = sizes.epochs(fitted)
        repeats = [_beyond(float(times), seen) for times in models.epochs(weights)]
        distance = np.maximum(distance, repeats)
    return xr.DataArray(distance, dims=("mixture",), name="extrapolation")


def _beyond(value: float, measured: np.ndarray) -> float:
    low, high = float(np.log(measured.min())), float(np.log(measured.max()))
    outside = max(float(np.log(value)) - high, low - float(np.log(value)), 0.0)
    return outside / (high - low) if high > low else outside
