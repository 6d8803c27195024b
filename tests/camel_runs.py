"""Runs simulated from a law at known parameters."""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel import read_runs
from bayescamel.laws import Inputs, get_law
from bayescamel.models.hierarchy import Hierarchy

DOMAINS = ("web", "code", "math")
SIZES = (1e6, 4e6, 16e6, 64e6)
N_RUNS = 48
NOISE, SIZE_EFFECT = 0.003, 0.002


def truth(domains: tuple[str, ...] = DOMAINS) -> dict[str, np.ndarray]:
    """Parameters and coefficients of `camel` in units of ``unit``, nats per token; a row a domain.

    Sizes span a factor of 64 and tokens one of 2, so the size slope and its bend can be learned.
    """
    n = len(domains)
    rng = np.random.default_rng(7)
    return {
        "alpha": 0.22 * np.exp(0.1 * rng.normal(size=n)),
        "beta": np.full(n, 0.3),
        "elasticity": 0.01 + 0.07 * np.eye(n) * np.exp(0.2 * rng.normal(size=(n, n))),
        "size_fading": np.linspace(0.02, 0.06, n),
        "level": np.linspace(0.94, 0.96, n),
        "size_slope": np.linspace(0.08, 0.1, n),
        "crossing": np.full(n, -0.005),
        "token_slope": np.linspace(0.06, 0.05, n),
        "unit": np.linspace(3.2, 3.0, n),
    }


def curve(
    parameters: dict[str, np.ndarray], table: pd.DataFrame, centre: dict[str, Any]
) -> np.ndarray:
    """Mean loss by run and domain, nats per token; with ``r_star`` where tokens are repeated."""
    law = get_law("camel")
    weights = table[[c for c in table if str(c).startswith("w_")]].to_numpy()
    n = weights.shape[1]
    log_size = np.log(table["n_params"].to_numpy() / centre["n_params"])
    inputs = Inputs(
        log_total=log_size,
        log_active=log_size,
        log_capacity=log_size,
        log_tokens=np.log(table["n_tokens"].to_numpy() / centre["n_tokens"]),
        mixture=weights[None],
        reference=centre["mixture"],
        own=np.eye(n)[:, None],
        log_centre=np.log([centre["n_params"] / 1e8, centre["n_tokens"] / 1e10]),
    )
    if "r_star" in parameters:
        named = [str(c).replace("w_", "unique_") for c in table if str(c).startswith("w_")]
        unique = table[named].to_numpy() / table[["n_tokens"]].to_numpy()
        inputs = inputs._replace(unique=unique[None])
    coefficients = np.stack([parameters[c.name] for c in law.coefficients], axis=-1)
    relative = Hierarchy(law, n, n).curve(np, parameters, coefficients, inputs)
    return np.asarray(np.asarray(relative).T * parameters["unit"])


def simulated_table(
    seed: int = 0, n_runs: int = N_RUNS, r_star: float | None = None
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A wide table of runs at `truth`, and the centre that its parameters refer to.

    With `r_star` every third run sees each domain four to sixty times, and every third just one of
    them: what repeated tokens are worth in all domains.
    """
    rng = np.random.default_rng(seed)
    mixtures = rng.dirichlet(np.ones(len(DOMAINS)), size=n_runs)
    table = pd.DataFrame(mixtures, columns=[f"w_{d}" for d in DOMAINS])
    table.insert(0, "run_id", [f"run-{i:03d}" for i in range(n_runs)])
    table["n_params"] = np.resize(SIZES, n_runs)
    table["n_tokens"] = np.where(np.arange(n_runs) % 3 == 0, 2e9, 1e9)
    centre = {
        "n_params": float(np.exp(np.log(np.unique(table["n_params"])).mean())),
        "n_tokens": float(np.exp(np.log(table["n_tokens"]).mean())),
        "mixture": mixtures.mean(axis=0),
    }
    parameters = truth()
    if r_star is not None:
        parameters["r_star"] = np.full(len(DOMAINS), r_star)
        seen = mixtures * table[["n_tokens"]].to_numpy()
        epochs = 4 * 15 ** rng.uniform(size=(n_runs, 1))
        run = np.arange(n_runs)[:, None]
        repeated = (run % 3 == 0) | ((run % 3 == 1) & (run // 3 % 3 == np.arange(3)))
        table[[f"unique_{d}" for d in DOMAINS]] = np.where(repeated, seen / epochs, np.inf)
    mean = curve(parameters, table, centre)
    reference = mean.mean(axis=0)
    _, scale = np.unique(table["n_params"], return_inverse=True)
    size_effect = SIZE_EFFECT * rng.normal(size=(scale.max() + 1, len(DOMAINS)))[scale]
    loss = mean + reference * (size_effect + NOISE * rng.normal(size=mean.shape))
    for i, domain in enumerate(DOMAINS):
        table[f"loss_{domain}"] = loss[:, i]
    return table, centre


def simulated_runs(seed: int = 0, n_runs: int = N_RUNS) -> xr.Dataset:
    """`simulated_table` as a run table."""
    return read_runs(simulated_table(seed, n_runs)[0])


def hierarchy_of(runs: xr.Dataset, law: str = "camel", **options: Any) -> Hierarchy:
    """The default hierarchy of a law for these runs."""
    return Hierarchy(get_law(law), runs.sizes["validation"], runs.sizes["domain"], **options)
