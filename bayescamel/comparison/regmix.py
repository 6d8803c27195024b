"""RegMix, for comparisons: a regression of the loss on the mixture at one small size.

Liu et al., *RegMix* (arXiv:2407.01492): LightGBM from mixture to loss; 100,000 mixtures are
simulated as the runs' were and ranked; the answer is the mean of the best 128. That ranks do not
change with size is its assumption, so it predicts no loss of a larger model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayescamel.exceptions import FitError
from bayescamel.mixtures import Mixtures, as_mixtures
from bayescamel.targets import objective_weights

STRENGTHS = (0.1, 5.0)
"""Range of the Dirichlet's total concentration, log-uniform, as in the authors' code."""
ROUNDS = 1000
LEARNING_RATE = 0.01
"""Trees and rate of the authors' code; it stops early on a validation set, which dozens of runs
do not leave."""
MAX_LEAF = 20
"""LightGBM's least number of runs in a leaf; a tenth of the runs where those are fewer."""


@dataclass(frozen=True)
class RegMix:
    """A fitted RegMix.

    Parameters
    ----------
    mixture
        The recommended mixture, dims (domain,).
    n_params
        The size that it was fitted at.
    booster
        LightGBM's model, from weights in the order of ``mixture`` to the objective.
    """

    mixture: xr.DataArray
    n_params: float
    booster: Any

    def predict(self, mixtures: Mixtures) -> np.ndarray:
        """Objective of each mixture at the fitted size, nats per token: shape (mixture,)."""
        table = as_mixtures(mixtures, self.mixture["domain"].to_numpy())
        return np.asarray(self.booster.predict(table.to_numpy()))


def regmix(
    runs: xr.Dataset,
    objective: Mapping[str, float] | None = None,
    *,
    n_params: float | None = None,
    simulated: int = 100_000,
    best: int = 128,
    seed: int = 0,
) -> RegMix:
    """Fit RegMix to the runs of one size; needs LightGBM (extra ``peers``).

    Parameters
    ----------
    runs
        A run table.
    objective
        Weight by validation domain; None weighs all alike.
    n_params
        Which size; None: the smallest.
    simulated, best
        How many mixtures are ranked, and how many of the best are averaged.
    seed
        Of the simulated mixtures and of LightGBM.

    Raises
    ------
    FitError
        When LightGBM is missing, or no run has that size and all losses of the objective.
    """
    try:
        import lightgbm
    except ImportError as error:
        raise FitError("RegMix needs LightGBM: pip install 'bayescamel[peers]'") from error
    weights = objective_weights(objective, runs["validation"].to_numpy())
    size = float(runs["n_params"].min()) if n_params is None else n_params
    loss = runs["loss"].to_numpy()[:, weights > 0] @ weights[weights > 0]
    chosen = (runs["n_params"].to_numpy() == size) & ~np.isnan(loss)
    if not chosen.any():
        raise FitError(f"no run of n_params = {size:g} has every loss of the objective")
    mixture = runs["mixture"].to_numpy()[chosen]
    settings = {
        "objective": "regression",
        "learning_rate": LEARNING_RATE,
        "min_data_in_leaf": max(1, min(MAX_LEAF, len(mixture) // 10)),
        "min_data_in_bin": 1,
        "seed": seed,
        "num_threads": 1,  # the sum over threads would depend on their order
        "verbosity": -1,
    }
    data = lightgbm.Dataset(mixture, loss[chosen])
    booster = lightgbm.train(settings, data, num_boost_round=ROUNDS)
    candidates = _simulate(mixture.mean(axis=0), simulated, np.random.default_rng(seed))
    ranked = np.argsort(booster.predict(candidates))
    answer = candidates[ranked[:best]].mean(axis=0)
    domains = runs["domain"].to_numpy()
    return RegMix(xr.DataArray(answer, {"domain": domains}, ("domain",)), size, booster)


def _simulate(typical: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Mixtures around a typical one, from nearly one domain to nearly the typical: (n, domain)."""
    strength = np.exp(rng.uniform(*np.log(STRENGTHS), size=(n, 1)))
    # A gamma of shape below 1e-2 may underflow for every domain: the floor keeps the sum positive.
    shares = np.maximum(rng.gamma(strength * typical), 1e-300)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))
