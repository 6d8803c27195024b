"""Backtests: fit the smaller sizes, predict each larger one, and score the prediction."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import xarray as xr

from bayescamel.comparison.scores import Scores, pit, score
from bayescamel.exceptions import FitError, RunTableError
from bayescamel.inference.fit import fit
from bayescamel.input import shown
from bayescamel.laws import Law, get_law
from bayescamel.runs.sizes import active_params

METHODS = ("bayes", "point")
BOOTSTRAPS = 200
"""Replicates behind a point fit's interval."""
MIN_SIZES = 2
"""A law over size needs two sizes at least."""


class Predictor(Protocol):
    """Whatever predicts losses of runs: a posterior, a stack of them, a bootstrapped point fit."""

    def run_distribution(self, runs: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
        """Mean and sd of each draw's loss, shapes (draw, run, validation)."""
        ...


@dataclass(frozen=True)
class Horizon:
    """Sizes that are fitted, and a larger one that is predicted.

    Parameters
    ----------
    fitted_sizes, held_out_size
        Parameters per model, the active ones of sparse models.
    train, test
        Their runs.
    """

    fitted_sizes: tuple[float, ...]
    held_out_size: float
    train: xr.Dataset
    test: xr.Dataset

    @property
    def distance(self) -> float:
        """How many times larger than the largest fitted size."""
        return self.held_out_size / self.fitted_sizes[-1]


def horizons(runs: xr.Dataset) -> list[Horizon]:
    """Every horizon that the runs allow: the k smallest sizes, and any larger one.

    Raises
    ------
    RunTableError
        When there are fewer than three sizes.
    """
    of_run = active_params(runs)
    sizes = np.unique(of_run)
    if len(sizes) <= MIN_SIZES:
        raise RunTableError(
            f"the runs have {len(sizes)} sizes: a backtest needs {MIN_SIZES + 1}, two to fit and "
            "one to predict"
        )
    found = []
    for k in range(MIN_SIZES, len(sizes)):
        train = runs.isel(run=of_run <= sizes[k - 1])
        for size in sizes[k:]:
            test = runs.isel(run=of_run == size)
            found.append(Horizon(tuple(map(float, sizes[:k])), float(size), train, test))
    return found


def without_unfitted(runs: xr.Dataset) -> tuple[xr.Dataset, list[str]]:
    """Leave out validation domains that the smallest horizon has no value of, and say why.

    Raises
    ------
    RunTableError
        When none is left, or there are fewer than three sizes.
    """
    train = horizons(runs)[0].train["loss"]
    fitted = train.notnull().any("run").to_numpy()
    why = [
        f"loss_{shown(name)}: no run of the {MIN_SIZES} smallest sizes has a value"
        for name in runs["validation"].to_numpy()[~fitted]
    ]
    if not fitted.any():
        raise RunTableError(f"no validation domain can be judged: {'; '.join(why[:3])}")
    return (runs.isel(validation=fitted) if why else runs), why


def by_training_set(found: Sequence[Horizon]) -> Iterator[tuple[xr.Dataset, list[Horizon]]]:
    """Horizons that share a fit, together."""
    for fitted in dict.fromkeys(horizon.fitted_sizes for horizon in found):
        group = [horizon for horizon in found if horizon.fitted_sizes == fitted]
        yield group[0].train, group


@dataclass(frozen=True)
class Result:
    """One law at one horizon.

    Parameters
    ----------
    pit
        P(predicted loss ≤ observed) of each held-out loss, (run, validation); see
        `bayescamel.comparison.scores.pit`.
    """

    law: str
    method: str
    horizon: Horizon
    scores: Scores
    seconds: float
    status: str
    pit: np.ndarray

    def to_dict(self) -> dict[str, object]:
        """A row of the table, by the names of the command line's JSON."""
        return {
            "law": self.law,
            "method": self.method,
            "fitted_sizes": list(self.horizon.fitted_sizes),
            "held_out_size": self.horizon.held_out_size,
            "n_train": self.horizon.train.sizes["run"],
            "n_test": self.horizon.test.sizes["run"],
            **self.scores.to_dict(),
            "seconds": self.seconds,
            "status": self.status,
        }


def judge(
    predictor: Predictor, law: str, method: str, horizon: Horizon, seconds: float, status: str
) -> Result:
    """Score a fitted predictor at a horizon."""
    mean, sd = predictor.run_distribution(horizon.test)
    observed = horizon.test["loss"].to_numpy()
    scores = score(observed, mean, sd)
    return Result(law, method, horizon, scores, seconds, status, pit(observed, mean, sd))


def backtest(
    runs: xr.Dataset,
    laws: Sequence[str | Law],
    *,
    methods: Sequence[str] = METHODS,
    on_result: Callable[[Result], None] = lambda _: None,
    on_fit: Callable[[str], None] = lambda _: None,
    **options: Any,
) -> list[Result]:
    """Fit every law at every horizon and score it on the size that was held out.

    Parameters
    ----------
    runs
        Runs of at least three sizes.
    laws
        Names in the registry, or laws.
    methods
        ``"bayes"``: the posterior. ``"point"``: the peers' recipe with bootstrapped intervals.
    on_result
        Called with each result as it comes.
    on_fit
        Told of each fit in a few words.
    options
        Passed on to `bayescamel.fit` for ``"bayes"``.
    """
    results = []
    for train, group in by_training_set(horizons(runs)):
        for law in laws:
            for method in methods:
                predictor, seconds, status = fitted(train, law, method, **options)
                name = get_law(law).name
                on_fit(f"{name}, up to {group[0].fitted_sizes[-1]:.3g} parameters")
                for horizon in group:
                    result = judge(predictor, name, method, horizon, seconds, status)
                    on_result(result)
                    results.append(result)
    return results


def fitted(
    train: xr.Dataset, law: str | Law, method: str, **options: Any
) -> tuple[Predictor, float, str]:
    """Fit a law one way: what predicts, how many seconds it took, how it went."""
    if method not in METHODS:
        raise FitError(f"unknown method {method!r}; there are: {', '.join(METHODS)}")
    began = time.perf_counter()
    if method == "bayes":
        posterior = fit(train, law, **({"progress": False} | options))
        words = "converged" if posterior.status.converged else ", ".join(posterior.status.failed)
        return posterior, time.perf_counter() - began, words
    bootstrap = fit(train, law, method="point", progress=False).bootstrap(BOOTSTRAPS)
    return bootstrap, time.perf_counter() - began, "fitted"


HEADER = ("fitted", "size", "error", "bias", "cover", "width", "s", "law (method)", "")
LEGEND = "fitted up to, predicted size; cover, width: of the 90 % intervals; !: did not converge"


def as_rows(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """Cells under `HEADER`, one row a law, method and horizon; all numbers are in `to_dict`."""
    return [
        (
            f"{result.horizon.fitted_sizes[-1]:.3g}",
            f"{result.horizon.held_out_size:.3g}",
            f"{result.scores.mre:.2%}",
            f"{result.scores.bias:+.2%}",
            f"{result.scores.coverage90:.0%}",
            f"{result.scores.width90:.1%}",
            f"{result.seconds:.0f}",
            f"{result.law} ({result.method})",
            "" if result.status in ("converged", "fitted") else "!",
        )
        for result in results
    ]
