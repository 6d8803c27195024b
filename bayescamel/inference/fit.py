"""`fit`: from runs and a law to a posterior."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.exceptions import ConvergenceError, FitError
from bayescamel.inference.progress import progress_bar
from bayescamel.laws import Law, get_law
from bayescamel.models.hierarchy import POOLINGS, Hierarchy, Noise, Pooling
from bayescamel.models.problem import build, hierarchy_for
from bayescamel.runs.checks import check_fittable
from bayescamel.runs.sizes import Centre
from bayescamel.runs.table import read_runs

if TYPE_CHECKING:
    from bayescamel.inference.nuts import Drawn
    from bayescamel.inference.pointfit import PointFit
    from bayescamel.inference.progress import Report, Show
    from bayescamel.inference.stages import Request
    from bayescamel.inference.whitening import Whitening
    from bayescamel.posterior import Posterior

type Engine = Literal["marginal", "numpyro", "nutpie", "pymc"]
ENGINES: tuple[Engine, ...] = ("marginal", "numpyro", "nutpie", "pymc")
METHODS = ("bayes", "point")
MIN_SHARE_SEEN = 0.9
"""Share of a refit's runs seen by the earlier posterior from which on its whitening serves as it
is. With more new runs trajectories in the old whitening are several times as long."""

type Runs = xr.Dataset | pd.DataFrame | str | Path


@overload
def fit(
    runs: Runs,
    law: str | Law = "camel",
    *,
    method: Literal["bayes"] = "bayes",
    engine: Engine = "marginal",
    pooling: Pooling = "partial",
    noise: Noise | None = None,
    chains: int = 4,
    draws: int = 1000,
    tune: int = 700,
    seed: int = 0,
    target_accept: float = 0.9,
    warm_start: "Posterior | None" = None,
    progress: "Show" = True,
    strict: bool = False,
) -> "Posterior": ...


@overload
def fit(
    runs: Runs,
    law: str | Law = "camel",
    *,
    method: Literal["point"],
    seed: int = 0,
    progress: "Show" = True,
) -> "PointFit": ...


def fit(
    runs: Runs,
    law: str | Law = "camel",
    *,
    method: Literal["bayes", "point"] = "bayes",
    engine: Engine = "marginal",
    pooling: Pooling = "partial",
    noise: Noise | None = None,
    chains: int = 4,
    draws: int = 1000,
    tune: int = 700,
    seed: int = 0,
    target_accept: float = 0.9,
    warm_start: "Posterior | None" = None,
    progress: "Show" = True,
    strict: bool = False,
) -> "Posterior | PointFit":
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
    noise
        Priors of the scatter around the law.
    chains, draws, tune, seed, target_accept
        As in NUTS elsewhere; draws and tune are per chain.
    warm_start
        A posterior of the same law and domains: its mass matrix and positions are reused and the
        search for modes is skipped, which makes a refit take seconds. Where more than a tenth of
        the runs are new, the mass matrix is learned anew from there.
    progress
        Show a bar on stderr; or a function, which is told in a few words.
    strict
        Raise instead of returning draws that failed a diagnostic.

    Returns
    -------
    Posterior
        Its ``status`` says whether the draws can be used. For ``method="point"`` a
        `bayescamel.inference.pointfit.PointFit`.

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
    _check_choices(method, engine, pooling)
    check_numbers(chains, draws, tune)
    table = runs if isinstance(runs, xr.Dataset) else read_runs(runs)
    check_fittable(table, minimum_runs(table))

    # From here on imports that take seconds: a refused table should not wait for them.
    from bayescamel.draws.status import diagnose
    from bayescamel.inference.assembly import assemble
    from bayescamel.inference.engine import STARTS
    from bayescamel.inference.stages import Request
    from bayescamel.models import compiled
    from bayescamel.posterior import Posterior

    compiled.use_cache()
    if method == "point":
        from bayescamel.inference.pointfit import fit_point

        return fit_point(table, chosen, seed)
    centre = Centre.of(table) if warm_start is None else warm_start.centre
    hierarchy = hierarchy_for(table, chosen, pooling, noise)
    whitening = _warm_whitening(warm_start, engine, hierarchy, table)
    request = Request(chains, draws, tune, seed, target_accept)
    settled = warm_start is not None and _share_known(warm_start, table) >= MIN_SHARE_SEEN
    starts = STARTS if whitening is None else 0
    with progress_bar(progress, starts, request.iterations(settled)) as report:
        if engine == "marginal":
            drawn = _marginal(hierarchy, table, centre, request, whitening, settled, report)
        else:
            from bayescamel.inference.backends import sample_plain

            drawn = sample_plain(engine, hierarchy, table, centre, request, report.start)
            divergences = int(drawn.chains.stats["diverging"].sum())
            report.iterations(request.iterations(warm=False), divergences)
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
    return Posterior(tree=tree, runs=table, hierarchy=hierarchy, centre=centre, status=status)


def _marginal(
    hierarchy: Hierarchy,
    runs: xr.Dataset,
    centre: Centre,
    request: "Request",
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
        hierarchy, problem, request, whitening, settled, report.start, report.iterations
    )
    flat = chains.unconstrained.reshape(-1, chains.unconstrained.shape[-1])
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(request.seed), len(flat))
        effects = compiled.effects(hierarchy, flat, problem, keys)
    coefficients, size_effects = (
        np.asarray(values).reshape(request.chains, request.draws, *values.shape[1:])
        for values in effects
    )
    return Drawn(chains, coefficients, size_effects, gaps)


def minimum_runs(runs: xr.Dataset) -> int:
    """How many runs a law needs at least: one a training domain, and two sizes' worth more."""
    return int(runs.sizes["domain"]) + 3


def _check_choices(method: str, engine: str, pooling: str) -> None:
    for name, value, known in (
        ("method", method, METHODS),
        ("engine", engine, ENGINES),
        ("pooling", pooling, POOLINGS),
    ):
        if value not in known:
            raise FitError(f"unknown {name} {value!r}; there are: {', '.join(known)}")


def check_numbers(chains: int, draws: int, tune: int) -> None:
    """Refuse too few draws to judge convergence by.

    Raises
    ------
    FitError
        Naming the number.
    """
    for name, value, least in (("chains", chains, 2), ("draws", draws, 50), ("tune", tune, 50)):
        if value < least:
            raise FitError(f"{name} = {value}: at least {least} are needed to judge convergence")


def _warm_whitening(
    previous: "Posterior | None", engine: str, hierarchy: Hierarchy, runs: xr.Dataset
) -> "Whitening | None":
    if previous is None:
        return None
    if engine != "marginal":
        raise FitError(f"engine {engine!r} cannot start from a posterior: leave warm_start out")
    same_names = all(
        list(previous.runs[dim].to_numpy()) == list(runs[dim].to_numpy())
        for dim in ("validation", "domain")
    )
    if previous.hierarchy != hierarchy or not same_names:
        raise FitError(
            "warm_start needs a posterior of the same law, pooling, noise priors, training "
            "domains and validation domains: leave it out to fit from scratch"
        )
    from bayescamel.inference.whitening import Whitening

    sampled = previous.tree["unconstrained"].to_dataset()
    draws = sampled["value"].to_numpy()
    n = draws.shape[-1]
    if hierarchy.has_run_noise:
        noise = _run_noise(previous, runs["run"].to_numpy())
        draws = np.concatenate([draws, noise], axis=-1)
    flat = draws.reshape(-1, draws.shape[-1])
    spread = flat.std(axis=0)
    # The plain programs whiten by nothing.
    root = sampled["root"].to_numpy() if "root" in sampled else np.diag(spread[:n])
    return Whitening(flat.mean(axis=0), root, spread[n:], draws[:, -1])


def _share_known(previous: "Posterior", runs: xr.Dataset) -> float:
    """Share of the runs that a posterior was fitted to."""
    return float(np.isin(runs["run"].to_numpy(), previous.runs["run"].to_numpy()).mean())


def _run_noise(previous: "Posterior", names: np.ndarray) -> np.ndarray:
    """Logs of runs' noise (chain, draw, row): as fitted, or from the prior for other runs."""
    from bayescamel.models.problem import bucket

    known = np.log(previous.tree["posterior"]["run_noise"].to_numpy())
    place = {name: i for i, name in enumerate(previous.runs["run"].to_numpy())}
    spread = previous.hierarchy.noise.run_spread
    rng = np.random.default_rng(0)
    noise = spread * rng.normal(size=(*known.shape[:2], bucket(len(names))))
    for row, name in enumerate(names):
        if name in place:
            noise[..., row] = known[..., place[name]]
    return noise


def _also_sampled(hierarchy: Hierarchy) -> list[str]:
    """Names in the posterior of what is judged beside the hierarchy's numbers."""
    names = [coefficient.name for coefficient in hierarchy.law.coefficients]
    return [*names, "run_noise"] if hierarchy.has_run_noise else names
