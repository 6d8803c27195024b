"""Fit small models, predict the benchmarks of larger ones, and count how often that held."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.benchmarks.fitting import fit_benchmarks
from bayescamel.benchmarks.laws import get_benchmark_law
from bayescamel.benchmarks.problem import MIN_RUNS, Measures, measured_runs, reference_loss
from bayescamel.benchmarks.table import benchmark_facts
from bayescamel.exceptions import BenchmarkError
from bayescamel.inference.fit import fit
from bayescamel.input import shown
from bayescamel.posterior import Posterior
from bayescamel.runs.columns import BENCHMARK_KINDS
from bayescamel.runs.sizes import active_params
from bayescamel.targets import Target

OUR_METHOD = ("simplex", "bayes")
DEFAULT_METHODS = (OUR_METHOD, ("exponential", "point"), ("sigmoid", "point"))
"""Our posterior against what the papers do."""
METHODS = ("bayes", "point")


@dataclass(frozen=True)
class BenchmarkResult:
    """One law on one benchmark of the held-out runs.

    Parameters
    ----------
    benchmark, law, method
        What was predicted, and by what.
    n_train, n_test
        Runs with this benchmark.
    abs_error
        Mean absolute error of the prediction; a posterior's is its median.
    coverage90, width90
        Share of held-out values inside their 90 % interval, and its mean width.
    above_chance
        Whether the best fitted run beats chance. The held-out runs have no say in it.
    """

    benchmark: str
    law: str
    method: str
    n_train: int
    n_test: int
    abs_error: float
    coverage90: float
    width90: float
    above_chance: bool

    def to_dict(self) -> dict[str, object]:
        """By the names of the command line's JSON."""
        return asdict(self)


@dataclass(frozen=True)
class BenchmarkBacktest:
    """All results of one backtest.

    Parameters
    ----------
    results
        One a benchmark, law and method.
    statuses
        Of the posteriors, by law.
    left_out
        Why a benchmark was not predicted, by its name.
    """

    results: tuple[BenchmarkResult, ...]
    statuses: dict[str, str]
    left_out: dict[str, str] = field(default_factory=dict)

    def of(self, law: str, method: str, moving: bool | None = None) -> list[BenchmarkResult]:
        """The results of one law, of all benchmarks or those that (do not) beat chance."""
        return [
            r
            for r in self.results
            if (r.law, r.method) == (law, method) and moving in (None, r.above_chance)
        ]

    def leading(self) -> tuple[str, str]:
        """The law and method that the summary is of: ours where it was fitted, else the first."""
        pairs = list(dict.fromkeys((r.law, r.method) for r in self.results))
        return OUR_METHOD if OUR_METHOD in pairs else pairs[0]

    def to_dict(self) -> dict[str, object]:
        """For the command line's JSON.

        ``mean_abs_error`` is over the benchmarks that the best fitted models beat chance on (all of
        them where none does), ``coverage90`` over every held-out accuracy, both of `leading`.
        """
        law, method = self.leading()
        every = self.of(law, method)
        moving = self.of(law, method, moving=True) or every
        tests = np.array([r.n_test for r in every])
        covered = np.array([r.coverage90 for r in every])
        return {
            "benchmarks": [result.to_dict() for result in self.results],
            "mean_abs_error": float(np.mean([r.abs_error for r in moving])),
            "coverage90": float(covered @ tests / tests.sum()),
            "left_out": self.left_out,
        }


def split(runs: xr.Dataset, fit_max_params: float) -> tuple[xr.Dataset, xr.Dataset]:
    """Runs up to a size, and the larger ones.

    Raises
    ------
    BenchmarkError
        When one side is empty.
    """
    of_run = active_params(runs)
    small = of_run <= fit_max_params
    for side, found in (("at most", small), ("more than", ~small)):
        if not found.any():
            sizes = ", ".join(f"{size:.3g}" for size in np.unique(of_run))
            raise BenchmarkError(
                f"no run has {side} {fit_max_params:g} parameters; the sizes are {sizes}"
            )
    return runs.isel(run=small), runs.isel(run=~small)


def backtest_benchmarks(
    runs: xr.Dataset,
    fit_max_params: float,
    *,
    pairs: Sequence[tuple[str, str]] = DEFAULT_METHODS,
    benchmarks: pd.DataFrame | str | Path | None = None,
    measures: Measures = "accuracy",
    end_to_end: "bool | Posterior" = False,
    on_fit: Callable[[str, str, str], None] = lambda _law, _method, _status: None,
    on_left_out: Callable[[str, str], None] = lambda _benchmark, _why: None,
    **options: Any,
) -> BenchmarkBacktest:
    """Fit the runs up to a size and predict the benchmarks of the larger ones.

    Parameters
    ----------
    runs
        A run table with ``acc_*``.
    fit_max_params
        The largest size that is fitted, active parameters of sparse models.
    pairs
        Law and method, ``"bayes"`` or ``"point"``, of each fit.
    benchmarks
        As in `fit_benchmarks`.
    measures
        What is fitted, as in `fit_benchmarks`; smooth scores are predicted where only they were
        fitted, else accuracies. A point fit of both is one of the accuracies.
    end_to_end
        Predict the larger models' losses as well: mixture and size to loss to accuracy. By a
        posterior of the small models, or by `bayescamel.fit` of them. Else the measured losses are
        given.
    on_fit
        Called with law, method and status after each fit.
    on_left_out
        Called, before the first fit, with each benchmark that cannot be judged, and why.
    options
        Of `fit_benchmarks` (chains, draws, tune, seed, progress).

    Raises
    ------
    BenchmarkError
        When no run is small or none large enough, or a benchmark is unknown.
    """
    for law, method in pairs:
        get_benchmark_law(law)
        if method not in METHODS:
            raise BenchmarkError(f"unknown method {method!r}; there are: {', '.join(METHODS)}")
    split(runs, fit_max_params)  # refuses sizes before benchmarks
    measure = "score" if measures == "score" else "accuracy"
    left_out = _unjudged(runs, fit_max_params, measures, benchmarks)
    for name, why in left_out.items():
        on_left_out(name, why)
    if left_out and len(left_out) == runs.sizes["benchmark"]:
        name, why = next(iter(left_out.items()))
        raise BenchmarkError(f"no benchmark can be judged: {name!r}: {why}")
    if left_out:
        runs = runs.sel(benchmark=[n for n in runs["benchmark"].to_numpy() if n not in left_out])
    small, large = split(runs, fit_max_params)
    train, test = measured_runs(small, measures), _measured(large, measure)
    facts = benchmark_facts(train["benchmark"].to_numpy(), benchmarks)
    losses = test["loss"]
    if end_to_end:
        first = fit(train, **options) if end_to_end is True else end_to_end
        losses = _predicted_losses(first, test, options.get("seed", 0))
    fits: dict[tuple[str, str], _Prediction] = {}
    statuses = {}
    ours = None
    for law, method in pairs:
        if method == "bayes":
            fitted = fit_benchmarks(train, law, benchmarks=benchmarks, measures=measures, **options)
            statuses[law] = str(fitted.status)
            ours = fitted if ours is None or law == OUR_METHOD[0] else ours
            fits[law, method] = _by_draws(fitted, losses, measure, options.get("seed", 0))
        else:
            fits[law, method] = _by_point(law, train, facts, losses, measures)
        on_fit(law, method, statuses.get(law, "") if method == "bayes" else "")
    moving = (
        _moving(train, facts, measure) if ours is None else ours.facts["above_chance"].to_numpy()
    )
    results = [
        _result(train[measure], test[measure], b, law, method, prediction, bool(moving[b]))
        for (law, method), prediction in fits.items()
        for b in range(train.sizes["benchmark"])
        if test[measure].isel(benchmark=b).notnull().any()
    ]
    return BenchmarkBacktest(tuple(results), statuses, left_out)


type _Prediction = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Prediction, lower and upper bound of a benchmark, each (run, benchmark)."""


def _unjudged(
    runs: xr.Dataset,
    fit_max_params: float,
    measures: Measures,
    benchmarks: pd.DataFrame | str | Path | None,
) -> dict[str, str]:
    """Why a benchmark cannot be fitted and judged, by its name."""
    wanted = BENCHMARK_KINDS if measures == "both" else (measures,)
    if any(kind not in runs for kind in wanted):
        return {}  # which is refused for all of them
    small, large = split(runs, fit_max_params)
    result = {}
    for name in map(str, runs["benchmark"].to_numpy()):
        fitted, held_out = (
            min(int(side[kind].sel(benchmark=name).notnull().sum()) for kind in wanted)
            for side in (small, large)
        )
        if fitted < MIN_RUNS:
            result[name] = f"{fitted} fitted runs have a value, and {MIN_RUNS} are needed"
        elif not held_out:
            result[name] = "no larger run has a value"
        else:
            try:
                benchmark_facts([name], benchmarks)
            except BenchmarkError as error:
                result[name] = str(error)
    return result


def _measured(runs: xr.Dataset, measure: str) -> xr.Dataset:
    kept = runs.isel(run=runs[measure].notnull().any("benchmark").to_numpy())
    if not kept.sizes["run"]:
        raise BenchmarkError(f"no larger run has a benchmark's {measure} to compare with")
    return kept


def _by_draws(fitted: Any, losses: xr.DataArray, measure: str, seed: int) -> _Prediction:
    run = fitted.predict_at(losses, "run", seed)[measure]
    # Of all points the median has the least expected absolute error.
    low, median, high = np.quantile(run, [0.05, 0.5, 0.95], axis=(0, 1))
    return median, low, high


def _by_point(
    law: str, train: xr.Dataset, facts: xr.Dataset, losses: xr.DataArray, measures: Measures
) -> _Prediction:
    from bayescamel.benchmarks.point import fit_points

    fits = fit_points(get_benchmark_law(law), train, facts, reference_loss(train), measures)
    if "chain" in losses.dims:  # a point fit takes the mean prediction for the loss
        losses = losses.mean(("chain", "draw"))
    mean = fits.predict(losses.transpose("run", "validation"))
    return mean, *fits.interval(mean)


def _predicted_losses(posterior: Posterior, test: xr.Dataset, seed: int) -> xr.DataArray:
    """Losses (chain, draw, run, validation) of the larger models, noise of a run included."""
    parts = []
    for i in range(test.sizes["run"]):
        row = test.isel(run=i)
        loss = posterior.predict(Target.of_run(row), row["mixture"], kind="run", seed=seed + i)[
            "loss"
        ]
        parts.append(loss.isel(mixture=0, drop=True))
    losses: xr.DataArray = xr.concat(parts, dim=test["run"])
    return losses


def _moving(train: xr.Dataset, facts: xr.Dataset, measure: str) -> np.ndarray:
    """Without a posterior: whether some fitted run beats chance by far more than luck."""
    chance = facts["chance" if measure == "accuracy" else "score_chance"].to_numpy()
    questions = facts["questions"].to_numpy()
    best = train[measure].max("run").to_numpy()
    luck = np.sqrt(np.maximum(chance * (1 - chance), 0.01) / questions)
    return np.asarray(best > chance + 4 * luck)


def _result(
    train: xr.DataArray,
    test: xr.DataArray,
    b: int,
    law: str,
    method: str,
    prediction: _Prediction,
    moving: bool,
) -> BenchmarkResult:
    observed = test.isel(benchmark=b).to_numpy()
    there = ~np.isnan(observed)
    predicted, low, high = (part[:, b][there] for part in prediction)
    value = observed[there]
    return BenchmarkResult(
        benchmark=str(train["benchmark"][b].item()),
        law=law,
        method=method,
        n_train=int(train.isel(benchmark=b).notnull().sum()),
        n_test=int(there.sum()),
        abs_error=float(np.mean(np.abs(predicted - value))),
        coverage90=float(np.mean((low <= value) & (value <= high))),
        width90=float(np.mean(high - low)),
        above_chance=moving,
    )


HEADER = ("benchmark", "law (method)", "runs", "error", "cover", "width", "")
LEGEND = "cover, width: of the 90 % intervals; ?: at chance in every fitted run"


def as_rows(backtest: BenchmarkBacktest) -> list[tuple[str, ...]]:
    """Cells under `HEADER`, one row a benchmark, law and method."""
    return [
        (
            shown(r.benchmark, 28),
            f"{r.law} ({r.method})",
            f"{r.n_train}→{r.n_test}",
            f"{r.abs_error:.3f}",
            f"{r.coverage90:.0%}",
            f"{r.width90:.3f}",
            "" if r.above_chance else "?",
        )
        for r in sorted(backtest.results, key=lambda r: r.benchmark)
    ]
