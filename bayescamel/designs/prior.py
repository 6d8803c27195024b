"""Draws of a law's prior under which losses are plausible, for choices before any run."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.draws.curves import Curves, all_losses
from bayescamel.draws.prior import draw_prior
from bayescamel.exceptions import DesignError
from bayescamel.laws.repetition import REPETITION, Repetition
from bayescamel.models.blocks import unflatten
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.runs.columns import columns
from bayescamel.runs.sizes import Centre, LogSizes, Sizes, active_params, mixtures_of, same_names

PLAUSIBLE_FACTOR = 3.0
"""A text model's loss lies within this factor of a typical one: it begins near ln 50,000 = 10.8
and ends around 2 to 4 nats per token."""

MAX_BATCHES = 50
"""How often the prior is asked for as many draws as are wanted."""


class PriorDraws(NamedTuple):
    """Draws of what a sampler moves, and of the coefficients."""

    flat: np.ndarray
    """(draw, number): the hierarchy's blocks in their order, unconstrained."""
    coefficients: np.ndarray
    """(draw, validation, coefficient), in units of the reference loss."""


def plausible_draws(
    hierarchy: Hierarchy,
    centre: Centre,
    own: np.ndarray,
    runs: pd.DataFrame,
    n_draws: int,
    seed: int,
) -> PriorDraws:
    """Draws of the prior that give every run a plausible loss.

    The prior of a curved law gives some losses that no run ever had: draws that put some run
    beyond a factor of `PLAUSIBLE_FACTOR` of the typical loss are left out.

    Parameters
    ----------
    centre
        Where the law is written: the middle of the runs that will be made.
    own
        See `own_names`.
    runs
        Runs all over the space: ``n_params, n_active_params, n_tokens, w_*``.

    Raises
    ------
    DesignError
        When the prior holds hardly any plausible draw.
    """
    rng = np.random.default_rng(seed)
    kept: list[PriorDraws] = []
    found = 0
    for _ in range(MAX_BATCHES):
        batch, loss = prior_losses(hierarchy, centre, own, runs, n_draws, rng)
        keep = ((loss > 1 / PLAUSIBLE_FACTOR) & (loss < PLAUSIBLE_FACTOR)).all(axis=(1, 2))
        kept.append(PriorDraws(*(part[keep] for part in batch)))
        found += int(keep.sum())
        if found >= n_draws:
            parts = zip(*kept, strict=True)
            return PriorDraws(*(np.concatenate(part)[:n_draws] for part in parts))
    raise DesignError(
        f"the prior of law {hierarchy.law.name!r} gives plausible losses in only {found} of "
        f"{MAX_BATCHES * n_draws} draws over this space: narrow the sizes, or plan after a first "
        "fit"
    )


def prior_losses(
    hierarchy: Hierarchy,
    centre: Centre,
    own: np.ndarray,
    runs: pd.DataFrame,
    n_draws: int,
    rng: np.random.Generator,
) -> tuple[PriorDraws, np.ndarray]:
    """Draws of the prior, and the loss of each run under each: (draw, run, validation).

    Losses are the curve's, over the reference loss; arguments as in `plausible_draws`.
    """
    logs, mixtures = centred(centre, runs)
    batch = _stack([_draw(hierarchy, own, rng) for _ in range(n_draws)])
    curves = prior_curves(hierarchy, centre, own, batch)
    with np.errstate(over="ignore"):  # what overflows is no loss, and left out by who reads it
        return batch, all_losses(hierarchy, curves, logs, mixtures)


def prior_curves(
    hierarchy: Hierarchy, centre: Centre, own: np.ndarray, draws: PriorDraws
) -> Curves:
    """Curves of draws of the prior, over the reference loss; no run tells of repeats."""
    repetition = {REPETITION.name: Repetition().draws(len(draws.flat), hierarchy.n_domain)}
    values = repetition | hierarchy.constrained(np, unflatten(hierarchy, draws.flat), own)
    one = np.ones(hierarchy.n_validation)
    return Curves(values, draws.coefficients, one, centre.mixture, own, centre.logs)


def own_names(domains: tuple[str, ...], validation: tuple[str, ...]) -> np.ndarray:
    """(validation, domain): 1 where a validation domain is a training domain too."""
    return same_names(xr.Dataset(coords={"domain": list(domains), "validation": list(validation)}))


def centre_of(runs: pd.DataFrame, domains: tuple[str, ...], n_validation: int) -> Centre:
    """The middle of runs that are not trained yet; losses in units of a typical one."""
    sizes = np.unique(active_params(runs))
    return Centre(
        n_params=float(np.exp(np.log(sizes).mean())),
        n_tokens=float(np.exp(np.log(runs["n_tokens"].to_numpy(np.float64)).mean())),
        mixture=runs[columns("mixture", domains)].to_numpy(np.float64).mean(axis=0),
        loss=np.ones(n_validation),
    )


def centred(centre: Centre, runs: pd.DataFrame) -> tuple[LogSizes, np.ndarray]:
    """Logs of the runs' sizes over the centre's; mixtures (run, domain) in the table's order."""
    sizes = Sizes.of(runs)
    if centre.n_tokens is None:
        sizes = sizes._replace(tokens=None, unique=None)
    return sizes.logs(centre), mixtures_of(runs)


def _draw(
    hierarchy: Hierarchy, own: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    values, coefficients = draw_prior(hierarchy, own, rng)
    flat = np.concatenate([np.ravel(value) for value in values.values()])
    return flat, coefficients


def _stack(draws: list[tuple[np.ndarray, np.ndarray]]) -> PriorDraws:
    return PriorDraws(*(np.stack(parts) for parts in zip(*draws, strict=True)))
