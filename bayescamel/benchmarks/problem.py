"""The runs and their benchmarks as the arrays that a benchmark law is conditioned on."""

from typing import Literal, NamedTuple

import numpy as np
import xarray as xr

from bayescamel.exceptions import BenchmarkError
from bayescamel.runs.columns import BENCHMARK_KINDS, PREFIXES

type Measures = Literal["accuracy", "score", "both"]

MIN_RUNS = 4
"""Fewer runs than that say nothing of a slope, a midpoint and a ceiling."""


class BenchmarkProblem(NamedTuple):
    """Arrays of one fit. Shapes: R runs, V validation domains, B benchmarks."""

    loss: np.ndarray
    """(R, V) over the reference loss."""
    chance: np.ndarray
    """(B,)."""
    questions: np.ndarray
    """(B,)."""
    correct: np.ndarray
    """(R, B) questions answered correctly; 0 where not measured."""
    measured: np.ndarray
    """(R, B) 1 where the accuracy was measured, else 0."""
    score: np.ndarray
    """(R, B) smooth score; 0 where not measured."""
    scored: np.ndarray
    """(R, B) 1 where the score was measured, else 0."""
    score_chance: np.ndarray
    """(B,)."""
    listens: np.ndarray
    """(B, V) 1 for the one loss that a single-loss law takes; unused by others."""


def reference_loss(runs: xr.Dataset) -> xr.DataArray:
    """L⁰ by validation domain: geometric mean over the better half of the runs.

    The better half, because there the benchmarks move and from there one extrapolates.
    """
    loss = runs["loss"].dropna("run").transpose("run", "validation")
    log_loss = np.log(loss.to_numpy())
    half = np.argsort(log_loss.mean(axis=1))[: -(-len(log_loss) // 2)]
    typical = np.exp(log_loss[half].mean(axis=0))
    return xr.DataArray(typical, {"validation": loss["validation"]}, ("validation",))


def measured_runs(runs: xr.Dataset, measures: Measures) -> xr.Dataset:
    """The runs with a value of some benchmark, checked.

    Raises
    ------
    BenchmarkError
        When there is no such column, too few runs have one, or a run that has one lacks a loss.
    """
    wanted = BENCHMARK_KINDS if measures == "both" else (measures,)
    for name in wanted:
        if name not in runs:
            raise BenchmarkError(
                f"the runs have no '{PREFIXES[name]}*' column: add one a benchmark, or join results"
            )
    there = np.zeros(runs.sizes["run"], dtype=bool)
    for name in wanted:
        there |= runs[name].notnull().any("benchmark").to_numpy()
    kept = runs.isel(run=there)
    if kept.sizes["run"] < MIN_RUNS:
        raise BenchmarkError(
            f"{kept.sizes['run']} runs have a value of a benchmark: at least {MIN_RUNS} are needed"
        )
    missing = kept["loss"].isnull()
    if missing.any():
        row, column = np.argwhere(missing.to_numpy())[0]
        raise BenchmarkError(
            f"run {kept['run'][row].item()!r} has a benchmark and no loss on "
            f"{kept['validation'][column].item()!r}: fill it in, leave that loss out (losses=), or "
            "drop the run"
        )
    for column, name in enumerate(kept["benchmark"].to_numpy()):
        for measure in wanted:
            n = int(kept[measure].isel(benchmark=column).notnull().sum())
            if n < MIN_RUNS:
                raise BenchmarkError(
                    f"{n} runs have the {measure} of benchmark {str(name)!r}: at least {MIN_RUNS} "
                    "are needed; leave its column out and predict it from the hierarchy"
                )
    return kept


def build_problem(
    runs: xr.Dataset,
    facts: xr.Dataset,
    reference: xr.DataArray,
    measures: Measures,
    listens: np.ndarray | None = None,
) -> BenchmarkProblem:
    """Arrays of runs from `measured_runs`."""
    empty = np.full((runs.sizes["run"], runs.sizes["benchmark"]), np.nan)
    accuracy = runs["accuracy"].to_numpy() if measures != "score" else empty
    score = runs["score"].to_numpy() if measures != "accuracy" else empty
    questions = facts["questions"].to_numpy()
    n_validation = runs.sizes["validation"]
    return BenchmarkProblem(
        loss=(runs["loss"] / reference).to_numpy(),
        chance=facts["chance"].to_numpy(),
        questions=questions,
        correct=np.nan_to_num(accuracy) * questions,
        measured=(~np.isnan(accuracy)).astype(float),
        score=np.nan_to_num(score),
        scored=(~np.isnan(score)).astype(float),
        score_chance=facts["score_chance"].to_numpy(),
        listens=np.zeros((len(questions), n_validation)) if listens is None else listens,
    )
