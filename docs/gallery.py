"""Draw the gallery from the bundled runs: ``python docs/gallery.py``, or some pictures by name.

The chains are short, so that it takes minutes; nothing is read off these pictures but their form.
"""

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

import bayescamel as bc
from bayescamel import plots
from bayescamel.demo import hold_out_above, predict_runs
from bayescamel.runs.bundled import FITTED_PARAMS
from bayescamel.runs.sizes import active_params, sparse_runs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bayescamel.comparison.backtest import Result

FOLDER = Path(__file__).parent / "pages" / "gallery"
SHORT: dict[str, Any] = {"chains": 2, "draws": 300, "tune": 400, "progress": False}
NAMED = {
    "even": dict.fromkeys(("english", "chinese", "code", "math", "knowledge"), 0.2),
    "mostly English": {
        "english": 0.6,
        "chinese": 0.1,
        "code": 0.1,
        "math": 0.1,
        "knowledge": 0.1,
    },
}
UNITS = ("loss on math, nats per token", "loss on English, nats per token")
DOMAINS = ("english", "code", "math")

RUNS = bc.load_proxies()
FITTED, LARGER = hold_out_above(RUNS, FITTED_PARAMS)
HELD_OUT = LARGER.isel(run=~sparse_runs(LARGER))
TARGET = bc.Target(n_params=476_488, n_tokens=4_764_672)


@cache
def posterior() -> bc.Posterior:
    """Of the small runs."""
    fitted: bc.Posterior = bc.fit(FITTED, **SHORT)
    return fitted


@cache
def benchmarks() -> bc.BenchmarkPosterior:
    """The step from loss to benchmark."""
    return bc.fit_benchmarks(FITTED, **SHORT)


@cache
def backtested() -> "list[Result]":
    """Two laws at the horizons of the dense runs."""
    dense = RUNS.isel(run=~sparse_runs(RUNS))
    return bc.backtest(dense, ["camel", "additive"], methods=("bayes",), **SHORT)


@cache
def best() -> bc.OptimalMixture:
    """Against a reference."""
    return posterior().optimal_mixture(TARGET, reference=NAMED["mostly English"])


def path() -> xr.Dataset:
    """From the smallest fitted size to four times the target."""
    sizes = np.geomspace(float(active_params(FITTED).min()), 4 * TARGET.n_params, 6)
    return bc.optimal_path(posterior(), [float(n) for n in sizes], n_tokens=TARGET.n_tokens)


@cache
def study() -> bc.Study:
    """Eighteen runs, which measure what the posterior expects; one failed, two are pending."""
    domains = tuple(str(name) for name in FITTED["domain"].to_numpy())
    sizes = tuple(map(bc.Size, (48e3, 144e3, 432e3)))
    space = bc.Space(domains=domains, sizes=sizes, n_tokens=(TARGET.n_tokens or 0.0,))
    options = bc.FitOptions(chains=2, draws=200, tune=300)
    file = Path(mkdtemp()) / "study.db"
    made = bc.Study.create(file, space, TARGET, budget=1e14, fit=options)
    names = FITTED["validation"].to_numpy()
    for i, candidate in enumerate(made.ask(18)):
        if i == 4:
            made.fail(candidate.run_id, "out of memory")
        elif i < 16:
            model = bc.Target(candidate.n_params, candidate.n_tokens)
            drawn = posterior().predict(model, candidate.mixture)["loss"]
            loss = drawn.mean(("chain", "draw")).isel(mixture=0).to_numpy()
            made.tell(candidate.run_id, {"loss": dict(zip(names, map(float, loss), strict=True))})
    return made


PICTURES: "dict[str, Callable[[], Figure]]" = {
    "training_grid": lambda: plots.training_grid(RUNS),
    "weight_pairs": lambda: plots.weight_pairs(RUNS),
    "loss_over_weight": lambda: plots.loss_over_weight(RUNS),
    "loss_over_size": lambda: plots.loss_over_size(
        posterior(), NAMED, target=TARGET, held_out=HELD_OUT
    ),
    "held_out": lambda: plots.held_out(
        posterior(), HELD_OUT, predict_runs(posterior(), HELD_OUT, seed=0)
    ),
    "response_slices": lambda: plots.response_slices(posterior(), TARGET),
    "elasticities": lambda: plots.elasticities(posterior(), TARGET),
    "ternary": lambda: plots.ternary(posterior(), TARGET, DOMAINS),
    "optimum": lambda: plots.optimum(best()),
    "gain_and_regret": lambda: plots.gain_and_regret(best()),
    "path": lambda: plots.path(path(), active_params(FITTED)),
    "front": lambda: plots.front(
        bc.pareto_front(posterior(), TARGET, {"math": 1.0}, {"english": 1.0}), UNITS
    ),
    "residuals": lambda: plots.residuals(posterior()),
    "priors": lambda: plots.priors(posterior()),
    "prior_predictive": lambda: plots.prior_predictive(posterior()),
    "trace": lambda: plots.trace(posterior()),
    "rank": lambda: plots.rank(posterior()),
    "energy": lambda: plots.energy(posterior()),
    "worst_pairs": lambda: plots.worst_pairs(posterior(), 3),
    "spending": lambda: plots.spending(study()),
    "allocation": lambda: plots.allocation(study(), study().plan()),
    "learning": lambda: plots.learning(study()),
    "proposals": lambda: plots.proposals(study()),
    "timeline": lambda: plots.timeline(study()),
    "benchmark_curves": lambda: plots.benchmark_curves(benchmarks()),
    "listening": lambda: plots.listening(benchmarks()),
    "horizons": lambda: plots.horizons(backtested()),
    "calibration": lambda: plots.calibration(backtested()),
}

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or PICTURES:
        PICTURES[name]().savefig(FOLDER / f"{name}.png", dpi=90)
        print(name, flush=True)
