"""`fit_benchmarks`: from runs with benchmarks to the posterior of a law from loss to benchmark."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.benchmarks.draws import beats_chance
from bayescamel.benchmarks.hierarchy import BenchmarkHierarchy
from bayescamel.benchmarks.laws import BenchmarkLaw, get_benchmark_law
from bayescamel.benchmarks.posterior import BenchmarkPosterior
from bayescamel.benchmarks.problem import (
    Measures,
    build_problem,
    measured_runs,
    reference_loss,
)
from bayescamel.benchmarks.table import benchmark_facts
from bayescamel.draws.status import diagnose, warn_of
from bayescamel.exceptions import BenchmarkError, ConvergenceError
from bayescamel.inference.progress import progress_bar
from bayescamel.inference.sampler import Sampler, SamplerOptions
from bayescamel.runs.table import read_runs

if TYPE_CHECKING:
    from bayescamel.inference.nuts import Chains

MEASURES = ("accuracy", "score", "both")
DRAWS = ("chain", "draw")
SAMPLER = Sampler(draws=500)


def fit_benchmarks(
    runs: xr.Dataset | pd.DataFrame | str | Path,
    law: str | BenchmarkLaw = "simplex",
    *,
    benchmarks: pd.DataFrame | str | Path | None = None,
    questions: Mapping[str, int] | None = None,
    measures: Measures = "accuracy",
    sampler: Sampler = SAMPLER,
    progress: bool = True,
    strict: bool = False,
    **numbers: Unpack[SamplerOptions],
) -> BenchmarkPosterior:
    """Sample the posterior of a law from losses to benchmarks.

    Parameters
    ----------
    runs
        A run table with ``acc_*`` or ``score_*`` columns, from `read_runs` or what it reads. The
        measured losses are what the law takes.
    law
        A name in `bayescamel.benchmarks.laws.BENCHMARK_LAWS`, or a law. A single-loss law takes,
        benchmark by benchmark, the loss whose point fit leaves the smallest residuals.
    benchmarks, questions
        What is known of benchmarks beyond the bundled table; see `benchmark_facts`.
    measures
        Fit the accuracies, the smooth scores, or both by one law whose benchmarks listen to the
        same losses for both.
    sampler, progress, strict, **numbers
        As in `bayescamel.fit`.

    Raises
    ------
    RunTableError
        When the runs cannot be read.
    BenchmarkError
        When a benchmark is unknown, or has too few runs, or a run lacks a loss.
    ConvergenceError
        When ``strict`` and a diagnostic failed.
    """
    began = time.perf_counter()
    chosen = get_benchmark_law(law)
    if measures not in MEASURES:
        raise BenchmarkError(f"unknown measures {measures!r}; there are: {', '.join(MEASURES)}")
    sampler = replace(sampler, **numbers)
    table = runs if isinstance(runs, xr.Dataset) else read_runs(runs)
    kept = measured_runs(table, measures)
    facts = benchmark_facts(kept["benchmark"].to_numpy(), benchmarks, questions)
    reference = reference_loss(kept)
    listens = None
    if chosen.listening == "single":
        from bayescamel.benchmarks.point import fit_points

        listens = fit_points(chosen, kept, facts, reference, measures).listening

    from bayescamel.benchmarks import engine  # here: seconds to load jax
    from bayescamel.models import compiled

    compiled.use_cache()
    problem = build_problem(kept, facts, reference, measures, listens)
    n_benchmark, n_validation = kept.sizes["benchmark"], kept.sizes["validation"]
    hierarchy = BenchmarkHierarchy(chosen, n_benchmark, n_validation, measures)
    with progress_bar(progress, 0, sampler.iterations(warm=False)) as report:
        sampled = engine.sample(hierarchy, problem, sampler, report.iterations)
    tree = _assemble(hierarchy, kept, sampled, problem.listens)
    status = diagnose(
        tree["unconstrained"].to_dataset()[["value"]],
        sampled.stats["diverging"],
        sampled.stats["energy"],
        time.perf_counter() - began,
    )
    if strict and not status.converged:
        raise ConvergenceError(str(status))
    warn_of(status.doubts)
    sampled_draws = tree["posterior"].to_dataset()
    moving = beats_chance(hierarchy, sampled_draws, kept["loss"] / reference, facts)
    facts = facts.assign(above_chance=moving)
    return BenchmarkPosterior(tree, kept, hierarchy, facts, reference, status)


def _assemble(
    hierarchy: BenchmarkHierarchy, runs: xr.Dataset, chains: "Chains", listens: np.ndarray
) -> xr.DataTree:
    values, _ = hierarchy.natural(np, hierarchy.unflatten(chains.unconstrained))
    constrained = hierarchy.constrained(np, values)
    if hierarchy.law.listening == "single":
        shape = (*chains.unconstrained.shape[:2], *listens.shape)
        constrained["listening"] = np.broadcast_to(listens, shape).copy()
    coords: dict[str, Any] = {
        "chain": np.arange(chains.unconstrained.shape[0]),
        "draw": np.arange(chains.unconstrained.shape[1]),
    }
    named = coords | {dim: runs[dim].to_numpy() for dim in ("benchmark", "validation")}
    posterior: dict[str, Any] = {}
    for name, value in constrained.items():
        dims = ("benchmark", "validation") if name == "listening" else ("benchmark",)
        posterior[name] = ((*DRAWS, *dims), value)
    for block in hierarchy.blocks():
        if block.name.endswith(("_location", "_log_spread")):
            posterior[block.name] = ((*DRAWS, *block.dims), values[block.name])
    observed = [name for name in ("accuracy", "score") if name in runs]
    return xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset(posterior, named),
            "sample_stats": xr.Dataset({n: (DRAWS, v) for n, v in chains.stats.items()}, coords),
            "observed_data": runs[observed],
            "constant_data": runs[["loss"]],
            "unconstrained": xr.Dataset(
                {"value": ((*DRAWS, "parameter"), chains.unconstrained)},
                coords | {"parameter": np.arange(hierarchy.dimension)},
            ),
        }
    )
