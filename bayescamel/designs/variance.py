"""Variance reduction per FLOP: which runs would teach the most about the target.

The draws stand for a joint Gaussian of the target's objective t and the losses y of a candidate,
so that observing y would reduce the variance of t by

    Cov(t, y) (Cov(y) + noise)⁻¹ Cov(y, t)

whatever value y takes. After a candidate is chosen every quantity is conditioned on it by moving
the draws, t ← t - Cov(t, y) (Cov(y) + noise)⁻¹ (y + ε), and the next one is scored on what is
left: two candidates that teach the same are not both chosen.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.designs.candidates import candidate_losses, check_candidates, training_flops
from bayescamel.exceptions import TargetError
from bayescamel.mixtures import as_mixtures
from bayescamel.targets import Target, objective_weights

if TYPE_CHECKING:
    from bayescamel.posterior import Posterior


def next_runs(
    posterior: "Posterior",
    candidates: pd.DataFrame,
    target: Target,
    *,
    n: int = 3,
    budget: float | None = None,
    objective: Mapping[str, float] | None = None,
    mixtures: xr.DataArray | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Choose the candidates that most reduce the target's variance per FLOP.

    Parameters
    ----------
    candidates
        See `bayescamel.designs.candidates.check_candidates`.
    n
        How many to choose at most.
    budget
        FLOPs that the chosen may cost together; None: no limit.
    objective
        Weights over validation domains; None weighs all alike.
    mixtures
        Where the objective shall be known, dims (mixture, domain); None: at every measured
        mixture, alike.

    Returns
    -------
    DataFrame
        The chosen candidates in order, with ``flops``, ``variance_reduction`` (share of the
        target's present variance that the run removes after those above it) and ``per_flop``.

    Raises
    ------
    TargetError
        When no candidate is within the budget, or n is not positive.
    """
    if n < 1:
        raise TargetError(f"n = {n}: choose at least one run")
    domains = [str(name) for name in posterior.runs["domain"].to_numpy()]
    table = check_candidates(candidates, domains, "n_tokens" in posterior.runs)
    flops = training_flops(table)
    if budget is not None and flops.min() > budget:
        raise TargetError(
            f"the budget of {budget:.3g} FLOPs is below the cheapest candidate's "
            f"{flops.min():.3g}: raise the budget or offer smaller runs"
        )
    if mixtures is None:
        mixtures = as_mixtures(np.unique(posterior.runs["mixture"].to_numpy(), axis=0), domains)
    weights = objective_weights(objective, posterior.runs["validation"].to_numpy())
    at_target = posterior.predict(target, mixtures)["loss"].to_numpy() @ weights
    wanted = at_target.reshape(-1, len(mixtures))
    chosen, gains = choose_by_variance(
        wanted - wanted.mean(axis=0),
        candidate_losses(posterior, table),
        noise_variance(posterior),
        flops,
        n=n,
        budget=np.inf if budget is None else budget,
        seed=seed,
    )
    result = table.iloc[chosen].assign(
        flops=flops[chosen],
        variance_reduction=gains,
        per_flop=np.asarray(gains) / flops[chosen],
    )
    return result.reset_index(drop=True)


def noise_variance(posterior: "Posterior") -> np.ndarray:
    """Variance of a new run's loss around the curve, by validation domain (nats²)."""
    draws = posterior.tree["posterior"].to_dataset()
    relative = draws["sigma"] ** 2 + draws["size_effect_scale"] ** 2
    mean = relative.mean(("chain", "draw")).to_numpy()
    return np.asarray(mean * posterior.centre.loss**2)


def choose_by_variance(
    wanted: np.ndarray,
    losses: np.ndarray,
    noise: np.ndarray,
    flops: np.ndarray,
    *,
    n: int,
    budget: float,
    seed: int,
) -> tuple[list[int], list[float]]:
    """Greedy choice on draws; see this module's docstring.

    Parameters
    ----------
    wanted
        Centred draws of what shall be known, shape (draw, quantity).
    losses
        Draws of the candidates' mean losses, shape (draw, candidate, validation).
    noise
        Variance of a run around its mean loss, shape (validation,).
    flops
        Cost by candidate.

    Returns
    -------
    chosen, gains
        Indices in order; share of the initial variance that each removes.
    """
    rng = np.random.default_rng(seed)
    wanted = wanted.copy()
    losses = losses - losses.mean(axis=0)
    degrees = len(wanted) - 1
    total = float((wanted**2).sum() / degrees)
    chosen: list[int] = []
    gains: list[float] = []
    left = budget
    open_ = np.ones(len(flops), dtype=bool)
    while len(chosen) < n:
        affordable = open_ & (flops <= left)
        if not affordable.any():
            break
        covariance = np.einsum("scv,scw->cvw", losses, losses, optimize=True) / degrees
        covariance += np.diag(noise)
        cross = np.einsum("scv,sq->cvq", losses, wanted, optimize=True) / degrees
        removed = (cross * np.linalg.solve(covariance, cross)).sum(axis=(1, 2))
        best = int(np.argmax(np.where(affordable, removed / flops, -np.inf)))
        observed = losses[:, best] + rng.normal(size=(len(wanted), len(noise))) * np.sqrt(noise)
        inverse = np.linalg.inv(covariance[best])
        shared = np.einsum("sv,scw->vcw", losses[:, best], losses, optimize=True) / degrees
        wanted -= observed @ (inverse @ cross[best])
        losses = losses - np.einsum("sv,vcw->scw", observed @ inverse, shared, optimize=True)
        chosen.append(best)
        gains.append(float(removed[best] / total))
        left -= flops[best]
        open_[best] = False
    return chosen, gains
