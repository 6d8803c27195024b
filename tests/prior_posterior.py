"""A posterior whose draws are of the prior: any law, any pooling, without sampling."""

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel import read_runs
from bayescamel.designs.prior import plausible_draws
from bayescamel.draws.status import Status
from bayescamel.inference.assembly import assemble
from bayescamel.inference.nuts import Chains
from bayescamel.laws import get_law
from bayescamel.models.hierarchy import Pooling
from bayescamel.models.problem import hierarchy_for
from bayescamel.posterior import Posterior
from bayescamel.runs.sizes import Centre, same_names, scales

DOMAINS = ("code", "math", "web")


def example_runs(
    *, tokens_vary: bool = True, sparse: bool = False, repeated: bool = False
) -> xr.Dataset:
    """Eighteen runs of three sizes; their losses are all 2 nats."""
    weights = np.random.default_rng(0).dirichlet(np.full(3, 2.0), size=18)
    size = np.repeat([1e7, 3e7, 9e7], 6)
    table = pd.DataFrame({"run_id": [f"r{i}" for i in range(18)], "n_params": size})
    table["n_tokens"] = 20 * size if tokens_vary else 1e9
    if sparse:
        table["n_active_params"] = size / (1 + np.arange(18) % 2)
    if repeated:
        table["unique_math"] = np.where(np.arange(18) % 3, np.nan, 1e7)
    for name, column in zip(DOMAINS, weights.T, strict=True):
        table[f"w_{name}"] = column
        table[f"loss_{name}"] = 2.0
    return read_runs(table)


def prior_posterior(
    runs: xr.Dataset, law: str = "camel", pooling: Pooling = "partial", n_draws: int = 40
) -> Posterior:
    """Two chains of plausible draws of the prior, around the centre of the runs."""
    hierarchy, centre = hierarchy_for(runs, get_law(law), pooling), Centre.of(runs)
    table = pd.DataFrame({name: runs[name].to_numpy() for name in ("n_params", "n_tokens")})
    for name in DOMAINS:
        table[f"w_{name}"] = runs["mixture"].sel(domain=name).to_numpy()
    if "n_active_params" in runs:
        table["n_active_params"] = runs["n_active_params"].to_numpy()
    rng = np.random.default_rng(1)
    draws = plausible_draws(hierarchy, centre, same_names(runs), table, n_draws, seed=0)
    noise = hierarchy.noise.run_spread * rng.normal(size=(n_draws, runs.sizes["run"]))
    chains = Chains(np.concatenate([draws.flat, noise], axis=1).reshape(2, n_draws // 2, -1), {})
    effects = 0.003 * rng.normal(size=(2, n_draws // 2, 3, len(scales(runs)[0])))
    coefficients = draws.coefficients.reshape(2, n_draws // 2, 3, -1)
    return Posterior(
        tree=assemble(hierarchy, runs, centre, chains, coefficients, effects),
        runs=runs,
        hierarchy=hierarchy,
        centre=centre,
        status=Status(1.0, 1000.0, 1000.0, 0, 1.0, 0.0),
    )
