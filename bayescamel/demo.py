"""The demo on bundled runs: fit the small ones, predict the larger, decide, choose runs."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Unpack

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.benchmarks import fit_benchmarks
from bayescamel.draws.summary import summarise
from bayescamel.inference.fit import fit
from bayescamel.inference.sampler import SAMPLER, Sampler, SamplerOptions
from bayescamel.mixtures import dirichlet
from bayescamel.runs.columns import columns
from bayescamel.runs.sizes import active_params, is_sparse, model_name, scales, sparse_runs
from bayescamel.targets import Target

if TYPE_CHECKING:
    from bayescamel.benchmarks import BenchmarkPosterior
    from bayescamel.decisions import OptimalMixture
    from bayescamel.posterior import Posterior

CANDIDATE_MIXTURES = 24
"""Mixtures offered at each fitted size when the next runs are chosen."""


@dataclass(frozen=True)
class Demo:
    """The results of the demo.

    Parameters
    ----------
    posterior
        Fitted to the small runs.
    held_out
        The larger ones.
    predicted
        ``mean, lower90, upper90 (run, validation)`` of the loss of each held-out run.
    target
        The largest dense one of the held-out sizes; where none is dense, the largest.
    best
        The recommended mixture there, all validation domains weighing alike.
    next_runs
        The runs that would most improve the prediction there, per FLOP.
    benchmarks
        The step from loss to benchmark, fitted to the same runs; None where they have none.
    predicted_benchmarks
        ``mean, lower90, upper90 (run, benchmark)`` of the accuracy of each held-out run, from its
        mixture and size, through the predicted losses.
    """

    posterior: "Posterior"
    held_out: xr.Dataset
    predicted: xr.Dataset
    target: Target
    best: "OptimalMixture"
    next_runs: pd.DataFrame
    benchmarks: "BenchmarkPosterior | None" = None
    predicted_benchmarks: xr.Dataset | None = None

    @property
    def mre(self) -> float:
        """Mean relative error of the predicted losses."""
        observed = self.held_out["loss"]
        return float((abs(self.predicted["mean"] - observed) / observed).mean())

    @property
    def coverage90(self) -> float:
        """Share of observed losses inside their 90 % interval."""
        return coverage90(self.predicted, self.held_out["loss"])

    @property
    def by_size(self) -> "dict[str, Demo]":
        """The demo judged on each held-out size apart, by its name, smaller active ones first."""
        sizes, index = scales(self.held_out)
        return {
            model_name(*sizes[i]): replace(
                self,
                held_out=self.held_out.isel(run=index == i),
                predicted=self.predicted.isel(run=index == i),
            )
            for i in np.lexsort(sizes.T)
        }

    @property
    def benchmark_error(self) -> float:
        """Mean absolute error of the predicted accuracies."""
        assert self.predicted_benchmarks is not None  # asked for where there are benchmarks
        return float(abs(self.predicted_benchmarks["mean"] - self.held_out["accuracy"]).mean())

    @property
    def benchmark_coverage90(self) -> float:
        """Share of observed accuracies inside their 90 % interval."""
        assert self.predicted_benchmarks is not None
        return coverage90(self.predicted_benchmarks, self.held_out["accuracy"])


def coverage90(predicted: xr.Dataset, observed: xr.DataArray) -> float:
    """Share of observed values, of those there are, inside ``lower90`` to ``upper90``."""
    inside = (observed >= predicted["lower90"]) & (observed <= predicted["upper90"])
    return float(inside.where(observed.notnull()).mean())


def run_demo(
    runs: xr.Dataset,
    fitted_params: float,
    *,
    sampler: Sampler = SAMPLER,
    progress: bool = True,
    **numbers: Unpack[SamplerOptions],
) -> Demo:
    """Fit the runs up to a size, and score the posterior on the larger ones.

    Parameters
    ----------
    runs
        Runs of at least three sizes, with tokens.
    fitted_params
        The most active parameters of a run that is fitted.
    sampler, progress, **numbers
        As in `bayescamel.fit`.
    """
    fitted, held_out = hold_out_above(runs, fitted_params)
    sampler = replace(sampler, **numbers)
    posterior = fit(fitted, "camel", sampler=sampler, progress=progress)
    sparse = sparse_runs(held_out)
    aimed = held_out if sparse.all() else held_out.isel(run=~sparse)
    largest = aimed.isel(run=(aimed["n_params"] == aimed["n_params"].max()).to_numpy())
    target = Target.of_run(largest.isel(run=0))
    target = replace(target, n_tokens=float(largest["n_tokens"].median()))
    candidates = candidate_runs(fitted, sampler.seed)
    benchmarks = predicted_benchmarks = None
    if "accuracy" in runs:
        benchmarks = fit_benchmarks(fitted, sampler=sampler, progress=progress)
        predicted_benchmarks = predict_runs(posterior, held_out, sampler.seed, benchmarks)
    return Demo(
        posterior=posterior,
        held_out=held_out,
        predicted=predict_runs(posterior, held_out, sampler.seed),
        target=target,
        best=posterior.optimal_mixture(target),
        next_runs=posterior.next_runs(candidates, target, n=3),
        benchmarks=benchmarks,
        predicted_benchmarks=predicted_benchmarks,
    )


def hold_out_above(runs: xr.Dataset, active: float) -> tuple[xr.Dataset, xr.Dataset]:
    """Split runs into those of at most so many active parameters, and the larger."""
    larger = active_params(runs) > active
    return runs.isel(run=~larger), runs.isel(run=larger)


def predict_runs(
    posterior: "Posterior",
    runs: xr.Dataset,
    seed: int,
    benchmarks: "BenchmarkPosterior | None" = None,
) -> xr.Dataset:
    """Mean and 90 % interval of each run's losses, or accuracies: ``mean, lower90, upper90``.

    The intervals are those of a new run, noise included, since they are held against runs.
    """
    parts = []
    for run in runs["run"].to_numpy():
        row = runs.sel(run=run)
        target = Target.of_run(row)
        if benchmarks is None:
            drawn = posterior.predict(target, row["mixture"], kind="run", seed=seed)["loss"]
        else:
            drawn = posterior.predict_benchmarks(
                target, row["mixture"], benchmarks=benchmarks, kind="run", seed=seed
            )["accuracy"]
        parts.append(summarise(drawn.isel(mixture=0, drop=True)))
    return xr.concat(parts, dim=runs["run"])


def candidate_runs(runs: xr.Dataset, seed: int) -> pd.DataFrame:
    """Runs that could be trained next: new mixtures at every size that was fitted."""
    domains = [str(name) for name in runs["domain"].to_numpy()]
    weights = dirichlet(CANDIDATE_MIXTURES, domains, seed).to_numpy()
    tables = []
    sizes, index = scales(runs)
    for i, (size, active) in enumerate(sizes):
        table = pd.DataFrame(weights, columns=columns("mixture", domains))
        name = model_name(size, active)
        table.insert(0, "run_id", [f"{name}-{n:02d}" for n in range(len(table))])
        table.insert(1, "n_params", size)
        table.insert(2, "n_tokens", float(runs["n_tokens"][index == i].median()))
        if is_sparse(runs):
            table.insert(3, "n_active_params", active)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)
