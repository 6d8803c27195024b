"""`fit`: from runs and a law to a posterior."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.checks import check_fittable
from bayescamel.exceptions import ConvergenceError, FitError
from bayescamel.hierarchy import POOLINGS, Hierarchy, Noise, Pooling
from bayescamel.laws import Law, get_law
from bayescamel.models.problem import Centre, build, is_sparse
from bayescamel.progress import progress_bar
from bayescamel.runs import read_runs

if TYPE_CHECKING:
    from bayescamel.posterior import Posterior


def fit(
    runs: xr.Dataset | pd.DataFrame | str | Path,
    law: str | Law = "camel",
    *,
    pooling: Pooling = "partial",
    noise: Noise | None = None,
    chains: int = 4,
    draws: int = 1000,
    tune: int = 700,
    seed: int = 0,
    target_accept: float = 0.9,
    warm_start: "Posterior | None" = None,
    progress: bool = True,
    strict: bool = False,
) -> "Posterior":
    """Sample the posterior of a law given runs.

    Finds the modes from several starts, whitens by the curvature at the best and runs NUTS there
    on the law's curved parameters; coefficients and size effects are integrated out and drawn
    exactly afterwards (`bayescamel.models.density`).

    Parameters
    ----------
    runs
        A run table from `read_runs`, or what `read_runs` reads.
    law
        A name in `bayescamel.laws.LAWS`, or a law.
    pooling
        How parameters are shared over validation domains.
    noise
        Priors of the scatter around the law.
    chains, draws, tune, seed, target_accept
        As in NUTS elsewhere; draws and tune are per chain.
    warm_start
        A posterior of the same law and domains: its mass matrix, step size and positions are
        reused and the search for modes is skipped, which makes a refit take seconds.
    progress
        Show a bar on stderr.
    strict
        Raise instead of returning draws that failed a diagnostic.

    Returns
    -------
    Posterior
        Its ``status`` says whether the draws can be used.

    Raises
    ------
    RunTableError
        When the runs cannot be read, or are too few or of one size only.
    FitError
        When an option or the runs do not suit the law.
    ConvergenceError
        When ``strict`` and a diagnostic failed.
    """
    began = time.perf_counter()
    chosen = get_law(law)
    _check_options(pooling, chains, draws, tune)
    table = runs if isinstance(runs, xr.Dataset) else read_runs(runs)
    check_fittable(table, minimum_runs(table))

    import jax  # here: seconds to load, and a refused table should not wait for them

    from bayescamel.assembly import assemble
    from bayescamel.inference import compiled, engine
    from bayescamel.inference.status import diagnose
    from bayescamel.posterior import Posterior

    compiled.use_cache(cache_folder() / "jax")
    centre = Centre.of(table) if warm_start is None else warm_start.centre
    hierarchy = Hierarchy(
        law=chosen,
        n_validation=table.sizes["validation"],
        n_domain=table.sizes["domain"],
        pooling=pooling,
        sparse=is_sparse(table),
        noise=Noise() if noise is None else noise,
    )
    problem = build(table, centre)
    shape = None
    if warm_start is not None:
        _check_warm_start(warm_start, hierarchy, table)
        shape = engine.Shape.of(warm_start.tree["unconstrained"]["value"].to_numpy())
    request = engine.Request(chains, draws, tune, seed, target_accept)
    starts = engine.STARTS if shape is None else 0
    with progress_bar(progress, starts, request.iterations(shape is not None)) as report:
        sampled, gaps = engine.sample(
            hierarchy, problem, request, shape, report.start, report.iterations
        )
    flat = sampled.unconstrained.reshape(-1, sampled.unconstrained.shape[-1])
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(seed), len(flat))
        drawn = compiled.effects(hierarchy, flat, problem, keys)
    coefficients, size_effects = (
        np.asarray(values).reshape(chains, draws, *values.shape[1:]) for values in drawn
    )
    tree = assemble(hierarchy, table, centre, sampled, coefficients, size_effects)
    status = diagnose(
        tree["unconstrained"]
        .to_dataset()[["value"]]
        .merge(tree["posterior"].to_dataset()[[c.name for c in chosen.coefficients]]),
        sampled.stats["diverging"],
        sampled.stats["energy"],
        time.perf_counter() - began,
        gaps,
    )
    if strict and not status.converged:
        raise ConvergenceError(str(status))
    return Posterior(tree=tree, runs=table, hierarchy=hierarchy, centre=centre, status=status)


def minimum_runs(runs: xr.Dataset) -> int:
    """How many runs a law needs at least: one a training domain, and two sizes' worth more."""
    return int(runs.sizes["domain"]) + 3


def cache_folder() -> Path:
    """The user's cache folder for compiled programs."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "bayescamel"


def _check_options(pooling: str, chains: int, draws: int, tune: int) -> None:
    if pooling not in POOLINGS:
        raise FitError(f"unknown pooling {pooling!r}; there are: {', '.join(POOLINGS)}")
    for name, value, least in (("chains", chains, 2), ("draws", draws, 50), ("tune", tune, 50)):
        if value < least:
            raise FitError(f"{name} = {value}: at least {least} are needed to judge convergence")


def _check_warm_start(previous: "Posterior", hierarchy: Hierarchy, runs: xr.Dataset) -> None:
    same_names = all(
        list(previous.runs[dim].to_numpy()) == list(runs[dim].to_numpy())
        for dim in ("validation", "domain")
    )
    if previous.hierarchy != hierarchy or not same_names:
        raise FitError(
            "warm_start needs a posterior of the same law, pooling, noise priors, training "
            "domains and validation domains: leave it out to fit from scratch"
        )
