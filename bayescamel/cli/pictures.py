"""What ``bayescamel plot`` can draw: each picture, the file that it is of, and how it is drawn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bayescamel.cli.common import opened
from bayescamel.exceptions import PlotError

if TYPE_CHECKING:
    import xarray as xr

    from bayescamel.decisions import OptimalMixture
    from bayescamel.inference.sampler import Sampler
    from bayescamel.plots.hovering import Backend
    from bayescamel.targets import Target


@dataclass(frozen=True)
class Asked:
    """What the options say."""

    model: "Target | None"
    domains: list[str] | None
    mixtures: Mapping[str, Mapping[str, float]] | None
    others: Path | None
    objective: dict[str, float] | None
    against: dict[str, float] | None
    laws: list[str]
    sampler: "Sampler"
    backend: "Backend"

    @property
    def target(self) -> "Target":
        """The target, where a picture needs one."""
        if self.model is None:
            raise PlotError("this picture is of a target: give --params (and --tokens)")
        return self.model

    @property
    def held_out(self) -> "xr.Dataset | None":
        """Runs that were not fitted."""
        return None if self.others is None else _runs(str(self.others))


class Kind(NamedTuple):
    """What a picture is of: how its file is read."""

    what: str
    read: Callable[[str], Any]


def _runs(path: str) -> Any:
    from bayescamel.runs.table import read_runs

    return read_runs(path)


def _posterior(path: str) -> Any:
    from bayescamel.posterior import Posterior

    return Posterior.load(path)


def _benchmarks(path: str) -> Any:
    from bayescamel.benchmarks import BenchmarkPosterior

    return BenchmarkPosterior.load(path)


RUNS = Kind("runs.csv", _runs)
POSTERIOR = Kind("posterior.nc", _posterior)
BENCHMARKS = Kind("benchmarks.nc", _benchmarks)
STUDY = Kind("study.db", lambda where: opened(where, "study"))


def _plots() -> Any:
    from bayescamel import plots

    return plots


def _best(posterior: Any, asked: Asked) -> "OptimalMixture":
    best: OptimalMixture = posterior.optimal_mixture(asked.target, asked.objective)
    return best


def _path(posterior: Any, asked: Asked) -> Any:
    import numpy as np

    from bayescamel.decisions import optimal_path
    from bayescamel.runs.sizes import active_params
    from bayescamel.targets import Target

    target, fitted = asked.target, active_params(posterior.runs)
    sizes = np.geomspace(fitted.min(), target.n_params, 6)
    models = [Target(float(n), target.n_tokens) for n in sizes]
    path = optimal_path(posterior, models, objective=asked.objective)
    return _plots().path(path, fitted, backend=asked.backend)


def _front(posterior: Any, asked: Asked) -> Any:
    from bayescamel.decisions import pareto_front

    if not (asked.objective and asked.against):
        raise PlotError(
            "a front is of two objectives: give --objective code=1 and --against math=1"
        )
    front = pareto_front(posterior, asked.target, asked.objective, asked.against)
    names = tuple(f"loss on {', '.join(one)}, nats" for one in (asked.objective, asked.against))
    return _plots().front(front, names, backend=asked.backend)


def _held_out(posterior: Any, asked: Asked) -> Any:
    from bayescamel.demo import predict_runs

    if (runs := asked.held_out) is None:
        raise PlotError("this picture is of runs that were not fitted: give --runs")
    return _plots().held_out(posterior, runs, predict_runs(posterior, runs, asked.sampler.seed))


def _backtested(runs: Any, asked: Asked) -> Any:
    from bayescamel.comparison.backtest import backtest

    return backtest(runs, asked.laws, sampler=asked.sampler)


PICTURES: Mapping[str, tuple[Kind, Callable[[Any, Asked], Any]]] = {
    "training-grid": (RUNS, lambda runs, a: _plots().training_grid(runs, backend=a.backend)),
    "weight-pairs": (
        RUNS,
        lambda runs, a: _plots().weight_pairs(runs, a.domains, backend=a.backend),
    ),
    "loss-over-weight": (
        RUNS,
        lambda runs, a: _plots().loss_over_weight(
            runs, a.domains[0] if a.domains else None, backend=a.backend
        ),
    ),
    "horizons": (RUNS, lambda runs, a: _plots().horizons(_backtested(runs, a))),
    "calibration": (RUNS, lambda runs, a: _plots().calibration(_backtested(runs, a))),
    "loss-over-size": (
        POSTERIOR,
        lambda p, a: _plots().loss_over_size(
            p, a.mixtures, target=a.model, held_out=a.held_out, backend=a.backend
        ),
    ),
    "held-out": (POSTERIOR, _held_out),
    "response-slices": (POSTERIOR, lambda p, a: _plots().response_slices(p, a.target, a.domains)),
    "elasticities": (POSTERIOR, lambda p, a: _plots().elasticities(p, a.target)),
    "ternary": (
        POSTERIOR,
        lambda p, a: _plots().ternary(p, a.target, a.domains or [], objective=a.objective),
    ),
    "residuals": (POSTERIOR, lambda p, a: _plots().residuals(p, backend=a.backend)),
    "priors": (POSTERIOR, lambda p, _: _plots().priors(p)),
    "prior-predictive": (POSTERIOR, lambda p, _: _plots().prior_predictive(p)),
    "trace": (POSTERIOR, lambda p, _: _plots().trace(p)),
    "rank": (POSTERIOR, lambda p, _: _plots().rank(p)),
    "energy": (POSTERIOR, lambda p, _: _plots().energy(p)),
    "worst-pairs": (POSTERIOR, lambda p, _: _plots().worst_pairs(p)),
    "optimum": (POSTERIOR, lambda p, a: _plots().optimum(_best(p, a))),
    "gain-and-regret": (POSTERIOR, lambda p, a: _plots().gain_and_regret(_best(p, a))),
    "path": (POSTERIOR, _path),
    "front": (POSTERIOR, _front),
    "benchmark-curves": (BENCHMARKS, lambda b, _: _plots().benchmark_curves(b)),
    "listening": (BENCHMARKS, lambda b, _: _plots().listening(b)),
    "spending": (STUDY, lambda study, _: _plots().spending(study)),
    "allocation": (STUDY, lambda study, _: _plots().allocation(study, study.plan())),
    "proposals": (STUDY, lambda study, _: _plots().proposals(study)),
    "timeline": (STUDY, lambda study, _: _plots().timeline(study)),
    "learning": (STUDY, lambda study, _: _plots().learning(study)),
}
"""By the picture's name; each is the function of `bayescamel.plots` with _ for -."""
