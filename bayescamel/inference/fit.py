"""`fit`: from runs and a law to a posterior."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack, overload

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.draws.status import diagnose, warn_of
from bayescamel.exceptions import ConvergenceError, FitError
from bayescamel.inference import warm_start as warm
from bayescamel.inference.assembly import assemble
from bayescamel.inference.pointfit import PointFit, fit_point
from bayescamel.inference.progress import progress_bar
from bayescamel.inference.sampler import SAMPLER, Sampler, SamplerOptions
from bayescamel.laws import WIDE, Law, get_law, with_priors
from bayescamel.models.hierarchy import POOLINGS, Hierarchy, Noise, Pooling
from bayescamel.models.problem import build, hierarchy_for
from bayescamel.posterior import Posterior
from bayescamel.runs.checks import check_fittable
from bayescamel.runs.sizes import Centre
from bayescamel.runs.table import read_runs

if TYPE_CHECKING:
    from bayescamel.inference.nuts import Drawn
    from bayescamel.inference.progress import Report, Show
    from bayescamel.inference.whitening import Whitening

type Engine = Literal["marginal", "numpyro", "nutpie", "pymc"]
ENGINES: tuple[Engine, ...] = ("marginal", "numpyro", "nutpie", "pymc")
METHODS = ("bayes", "point")

type Priors = Literal["population", "wide"] | Mapping[str, Mapping[str, float]]
type Runs = xr.Dataset | pd.DataFrame | str | Path


@overload
def fit(
    runs: Runs,
    law: str | Law = "camel",
    *,
    method: Literal["bayes"] = "bayes",
    engine: Engine = "marginal",
    pooling: Pooling = "partial",
    priors: Priors = "population",
    noise: Noise | None = None,
    sampler: Sampler = SAMPLER,
    warm_start: Posterior | None = None,
    progress: "Show" = True,
    strict: bool = False,
    **numbers: Unpack[SamplerOptions],
) -> Posterior: ...


@overload
def fit(
    runs: Runs,
    law: str | Law = "camel",
    *,
    method: Literal["point"],
    seed: int = 0,
    progress: "Show" = True,
) -> PointFit: ...


def fit(
    runs: Runs,
    law: str | Law = "camel",
    *,
    method: Literal["bayes", "point"] = "bayes",
    engine: Engine = "marginal",
    pooling: Pooling = "partial",
    priors: Priors = "population",
    noise: Noise | None = None,
    sampler: Sampler = SAMPLER,
    warm_start: Posterior | None = None,
    progress: "Show" = True,
    strict: bool = False,
    **numbers: Unpack[SamplerOptions],
) -> Posterior | PointFit:
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
    method
        ``"bayes"``, or ``"point"`` for one set of parameters fitted the peers' way (Huber loss,
        L-BFGS, many starts, no priors; `bayescamel.inference.point`), which heeds ``seed`` alone.
    engine
        ``"marginal"``, described above; or the plain program, nothing integrated out, by NumPyro's
        NUTS, by nutpie or by PyMC's own NUTS (`bayescamel.inference.backends`).
    pooling
        How parameters are shared over validation domains.
    priors
        ``"population"``: what measured tables taught (`bayescamel.laws.population`).
        ``"wide"``: little knowledge. Or a mapping from names of the law's parameters and
        coefficients to the numbers to replace in the former, such as
        ``{"alpha": {"typical": 0.3, "location_sd": 0.1}}`` (`bayescamel.laws.with_priors`).
    noise
        Priors of the scatter around the law.
    sampler
        Chains, draws, warm-up, seed and acceptance.
    warm_start
        A posterior of the same law and domains: its mass matrix and positions are reused and the
        search for modes is skipped, which makes a refit take seconds. Where more than a tenth of
        the runs are new, the mass matrix is learned anew from there.
    progress
        Show a bar on stderr; or a function, which is told in a few words.
    strict
        Raise instead of returning draws that failed a diagnostic.
    **numbers
        ``chains, draws, tune, seed, target_accept``: fields of the sampler, over those it has.

    Returns
    -------
    Posterior
        Its ``status`` says whether the draws can be used. For ``method="point"`` a
        `bayescamel.inference.pointfit.PointFit`.

    Raises
    ------
    RunTableError
        When the runs cannot be read, are too few, or are of one size only and no priors help
        (``method="point"``).
    FitError
        When an option or the runs do not suit the law.
    ConvergenceError
        When ``strict`` and a diagnostic failed.
    """
    began = time.perf_counter()
    chosen = _with_priors(get_law(law), priors)
    _check_choices(method, engine, pooling, warm_start)
    sampler = replace(sampler, **numbers)
    table = runs if isinstance(runs, xr.Dataset) else read_runs(runs)
    check_fittable(table, least_sizes=2 if method == "point" else 1)

    # From here on imports that take seconds: a refused table should not wait for them.
    from bayescamel.inference.engine import STARTS
    from bayescamel.models import compiled

    compiled.use_cache()
    if method == "point":
        return fit_point(table, chosen, sampler.seed)
    centre = Centre.of(table) if warm_start is None else warm_start.centre
    hierarchy = hierarchy_for(table, chosen, pooling, noise)
    whitening, settled = None, False
    if warm_start is not None:
        whitening = warm.whitening_from(warm_start, hierarchy, table)
        settled = warm.settled(warm_start, table)
    starts = STARTS if whitening is None else 0
    with progress_bar(progress, starts, sampler.iterations(settled)) as report:
        if engine == "marginal":
            drawn = _marginal(hierarchy, table, centre, sampler, whitening, settled, report)
        else:
            from bayescamel.inference.backends import sample_plain

            drawn = sample_plain(engine, hierarchy, table, centre, sampler, report.start)
            divergences = int(drawn.chains.stats["diverging"].sum())
            report.iterations(sampler.iterations(warm=False), divergences)
    tree = assemble(hierarchy, table, centre, drawn.chains, drawn.coefficients, drawn.size_effects)
    status = diagnose(
        tree["unconstrained"]
        .to_dataset()[["value"]]
        .merge(tree["posterior"].to_dataset()[_also_sampled(hierarchy)]),
        drawn.chains.stats["diverging"],
        drawn.chains.stats["energy"],
        time.perf_counter() - began,
        drawn.gaps,
    )
    if strict and not status.converged:
        raise ConvergenceError(str(status))
    warn_of(status.doubts)
    return Posterior(tree=tree, runs=table, hierarchy=hierarchy, centre=centre, status=status)


def _marginal(
    hierarchy: Hierarchy,
    runs: xr.Dataset,
    centre: Centre,
    sampler: Sampler,
    whitening: "Whitening | None",
    settled: bool,
    report: "Report",
) -> "Drawn":
    """NUTS on the marginal density, then exact draws of what was integrated out."""
    import jax

    from bayescamel.inference import engine
    from bayescamel.inference.nuts import Drawn
    from bayescamel.models import compiled

    problem = build(runs, centre)
    chains, gaps = engine.sample(
        hierarchy, problem, sampler, whitening, settled, report.start, report.iterations
    )
    flat = chains.unconstrained.reshape(-1, chains.unconstrained.shape[-1])
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(sampler.seed), len(flat))
        effects = compiled.effects(hierarchy, flat, problem, keys)
    coefficients, size_effects = (
        np.asarray(values).reshape(sampler.chains, sampler.draws, *values.shape[1:])
        for values in effects
    )
    return Drawn(chains, coefficients, size_effects, gaps)


def _with_priors(law: Law, priors: Priors) -> Law:
    if priors == "wide":
        return WIDE.get(law.name, law)
    if priors == "population":
        return law
    if isinstance(priors, str):
        raise FitError(f"unknown priors {priors!r}; there are: population, wide, or a mapping")
    return with_priors(law, priors)


def _check_choices(method: str, engine: str, pooling: str, warm_start: Posterior | None) -> None:
    for name, value, known in (
        ("method", method, METHODS),
        ("engine", engine, ENGINES),
        ("pooling", pooling, POOLINGS),
    ):
        if value not in known:
            raise FitError(f"unknown {name} {value!r}; there are: {', '.join(known)}")
    if warm_start is not None and engine != "marginal":
        raise FitError(f"engine {engine!r} cannot start from a posterior: leave warm_start out")


def _also_sampled(hierarchy: Hierarchy) -> list[str]:
    """Names in the posterior of what is judged beside the hierarchy's numbers."""
    names = [coefficient.name for coefficient in hierarchy.law.coefficients]
    return [*names, "run_noise"] if hierarchy.has_run_noise else names
