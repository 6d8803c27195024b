"""A validation domain that no run was measured on, predicted from the hierarchy.

Its parameters are drawn from what the fitted domains are pooled by. That says how such a domain's
loss changes with size, tokens and mixture; it does not say how high the loss is, since a reference
loss is a property of the text. So the reference loss, the mean that the fitted runs would have on
it, is either given (evaluate some of the fitted runs on the new text) or drawn from those of the
fitted domains, which makes the interval as wide as text is varied.

Given the reference loss, a draw's curve is scaled to have it as its mean over the fitted runs: the
contributions E, A, B … of a domain sum to its loss, but independent draws of them do not. Such
draws can also be of a domain on which the loss of a run without its data is a thousandfold, which
no text is: a draw counts where the curve varies over the fitted runs at most `MAX_VARIATION` times
as much as the losses on the most varied fitted domain.
"""

import dataclasses

import numpy as np
import xarray as xr
from scipy.stats import truncnorm

from bayescamel.draws.curves import Curves, all_losses
from bayescamel.draws.draws import Draws
from bayescamel.draws.prediction import Kind, extrapolation
from bayescamel.draws.scatter import outside, run_noise, scattered
from bayescamel.exceptions import TargetError
from bayescamel.mixtures.transforms import variation
from bayescamel.models.blocks import unflatten
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.runs.sizes import Sizes, same_names
from bayescamel.targets import Target

PRIOR_WEIGHT = 2.0
"""How many observations the prior's spread of a pair's effect counts for."""
MAX_VARIATION = 1.5
"""How much more varied over the runs a new domain's losses may be than those of any fitted one."""
MIN_DOMAINS = 3
"""Fewer reference losses say nothing of how they scatter."""


def predict_new_validation(
    draws: Draws,
    target: Target,
    mixtures: xr.DataArray,
    reference_loss: float | None = None,
    own: str | None = None,
    kind: Kind = "mean",
    seed: int = 0,
) -> xr.Dataset:
    """Losses on a validation domain that no run was measured on.

    Parameters
    ----------
    draws
        Partially or fully pooled.
    mixtures
        Dims (mixture, domain).
    reference_loss
        Mean loss of the fitted runs on it, nats per token; None: drawn from a log-t distribution
        around the fitted domains' reference losses.
    own
        The training domain that it belongs to; None: to none.
    kind
        ``"mean"``: the curve; ``"run"``: a new run, with size effect, what the law may miss beyond
        the runs, and noise.
    seed
        Of the draws.

    Returns
    -------
    Dataset
        ``loss (chain, draw, mixture)``, nats per token, and ``extrapolation (mixture)``.

    Raises
    ------
    TargetError
        When the posterior is not pooled, there is no such training domain, or the reference loss
        is not positive or cannot be drawn.
    """
    if draws.hierarchy.pooling == "none":
        raise TargetError(
            "an unpooled posterior knows nothing of a new validation domain: fit with "
            "pooling='partial'"
        )
    rng = np.random.default_rng(seed)
    matching = _matching(draws, own)
    reference = _reference(draws, reference_loss, rng)
    hierarchy = dataclasses.replace(draws.hierarchy, n_validation=1)
    values = _draw_blocks(draws, hierarchy, matching, rng)
    curves = _curves(draws, hierarchy, values, matching, rng)
    weights = mixtures.to_numpy()

    def evaluated(models: Sizes, mixtures: np.ndarray) -> np.ndarray:
        logs = models.logs(draws.centre)
        with np.errstate(over="ignore", invalid="ignore"):
            return all_losses(hierarchy, curves, logs, mixtures)[:, :, 0]

    over_runs = evaluated(Sizes.of(draws.runs), draws.runs["mixture"].to_numpy())
    models = Sizes.of_target(target, draws.runs["domain"].to_numpy(), len(weights))
    relative = evaluated(models, weights)
    possible = np.isfinite(relative).all(axis=1) & _plausible(over_runs, draws)
    if not possible.any():
        raise TargetError(
            "no draw from the hierarchy has losses that vary over the runs as losses do: too few "
            "validation domains were fitted to say anything of another"
        )
    kept = np.where(
        possible, np.arange(len(relative)), rng.choice(np.flatnonzero(possible), len(relative))
    )
    relative = relative[kept] / over_runs[kept].mean(axis=1, keepdims=True)
    if kind == "run":
        scale = np.exp(values["log_size_effect_scale"])[:, None]
        sigma = np.exp(values["log_sigma"])
        beyond = hierarchy.noise.beyond * outside(draws, models, weights)
        scale = np.hypot(scale, beyond * sigma)
        if hierarchy.noise.mixture_dependent:
            lopsided = variation(weights, draws.centre.mixture)
            sigma = sigma * np.exp(values["noise_lopsided"][:, None] * lopsided)
        times = run_noise(draws, len(mixtures), rng)
        noise = sigma * times * rng.normal(size=relative.shape)
        relative = scattered(relative, scale * rng.normal(size=(len(relative), 1)) + noise)
    sizes = draws.values.sizes
    shape = (sizes["chain"], sizes["draw"], len(mixtures))
    loss = (relative * reference[:, None]).reshape(shape)
    return xr.Dataset(
        {
            "loss": (("chain", "draw", "mixture"), loss, {"units": "nats per token"}),
            "extrapolation": extrapolation(draws.runs, target, mixtures),
        },
        {name: draws.values[name].to_numpy() for name in ("chain", "draw")}
        | {"mixture": mixtures["mixture"].to_numpy()},
    )


def _plausible(over_runs: np.ndarray, draws: Draws) -> np.ndarray:
    """Which curves (draw, run) vary over the fitted runs as losses do; see the docstring above."""
    measured = np.log(draws.runs["loss"].to_numpy())
    most = MAX_VARIATION * np.nanstd(measured, axis=0).max()
    positive = np.isfinite(over_runs).all(axis=1) & (over_runs > 0).all(axis=1)
    spread = np.full(len(over_runs), np.inf)
    spread[positive] = np.log(over_runs[positive]).std(axis=1)
    return spread <= most


def _matching(draws: Draws, own: str | None) -> np.ndarray:
    """(1, domain): 1 at the training domain of that name."""
    domains = [str(name) for name in draws.runs["domain"].to_numpy()]
    if own is not None and own not in domains:
        raise TargetError(f"unknown training domain {own!r}; there are: {', '.join(domains)}")
    return np.array([[float(name == own) for name in domains]])


def _reference(draws: Draws, given: float | None, rng: np.random.Generator) -> np.ndarray:
    """Reference loss by draw."""
    n = draws.n_draws
    if given is not None:
        if not (np.isfinite(given) and given > 0):
            raise TargetError(f"reference_loss = {given:g}: give a positive number of nats")
        return np.full(n, float(given))
    logs = np.log(draws.centre.loss)
    if len(logs) < MIN_DOMAINS:
        raise TargetError(
            f"{len(logs)} validation domains do not tell how reference losses scatter: give "
            "reference_loss, the mean loss of the fitted runs on the new domain"
        )
    spread = logs.std(ddof=1) * np.sqrt(1 + 1 / len(logs))
    return np.asarray(np.exp(logs.mean() + spread * rng.standard_t(len(logs) - 1, size=n)))


def _draw_blocks(
    draws: Draws, hierarchy: Hierarchy, own: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Blocks of one new validation domain, draws in front; shared blocks are the posterior's."""
    flat = draws.tree["unconstrained"]["value"].to_numpy()
    known = unflatten(draws.hierarchy, flat.reshape(draws.n_draws, -1))
    pairs = same_names(draws.runs)
    values: dict[str, np.ndarray] = {}
    for block in hierarchy.blocks():
        if "validation" not in block.dims:
            values[block.name] = known[block.name]
            continue
        shape = (draws.n_draws, *hierarchy.shape(block.dims))
        extra = (1,) * len(block.dims)
        shared = {n: v.reshape(len(v), *extra) for n, v in values.items() if v.ndim == 1}
        location, scale = block.prior(np, shared, own)
        if len(block.dims) == 2:
            location, scale = (np.broadcast_to(value, shape).copy() for value in (location, scale))
            constant = float(scale.flat[0])
            for matching in (0.0, 1.0):  # own domains and others are two populations
                columns, fitted = own[0] == matching, pairs == matching
                if columns.any() and fitted.any():
                    effects = known[block.name][:, fitted]
                    centre, spread = _learned(effects, constant, rng)
                    location[:, :, columns] = centre[:, None, None]
                    scale[:, :, columns] = spread[:, None, None]
        values[block.name] = location + scale * rng.normal(size=shape)
    return values


def _learned(
    effects: np.ndarray, prior_sd: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Location and spread of the population that effects (draw, n) are a normal sample of.

    Conjugate draws, one for each. The fit holds the spread of a pair's effects constant, generous
    so that no domain is held back, and far wider than the fitted domains turn out to differ; here
    that constant counts for `PRIOR_WEIGHT` observations.
    """
    draws, n = effects.shape
    squares = ((effects - effects.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    total = PRIOR_WEIGHT * prior_sd**2 + squares
    spread = np.sqrt(total / rng.chisquare(PRIOR_WEIGHT + n - 1, size=draws))
    return effects.mean(axis=1) + spread / np.sqrt(n) * rng.normal(size=draws), spread


def _curves(
    draws: Draws,
    hierarchy: Hierarchy,
    values: dict[str, np.ndarray],
    matching: np.ndarray,
    rng: np.random.Generator,
) -> Curves:
    """A law's curve on one validation domain, in units of its reference loss."""
    coefficients = []
    last = hierarchy.law.coefficients[-1]
    for coefficient, location, spread in zip(
        hierarchy.law.coefficients, *hierarchy.coefficient_prior(values), strict=True
    ):
        if hierarchy.truncated() and coefficient is last:
            low = -np.asarray(location) / spread
            size = draws.n_draws
            drawn = truncnorm.rvs(low, np.inf, location, spread, size=size, random_state=rng)
        else:
            drawn = location + spread * rng.normal(size=draws.n_draws)
        coefficients.append(drawn)
    return Curves(
        parameters=Curves.of(draws).parameters | hierarchy.constrained(np, values, matching),
        coefficients=np.stack(coefficients, axis=-1)[:, None],
        reference_loss=np.ones(1),
        reference=draws.centre.mixture,
        own=matching,
        log_centre=draws.centre.logs,
    )
