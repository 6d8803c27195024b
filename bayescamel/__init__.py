"""Bayesian capacity-aware data-mixture scaling laws.

Proxy runs in; a posterior of the law, predictions with intervals, a recommended mixture and the
next runs to train out. ``import bayescamel as bc`` is quick and loads neither jax, torch nor pymc:
each name below is imported from its module on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from bayescamel._version import __version__ as __version__

if TYPE_CHECKING:
    from bayescamel import plots as plots
    from bayescamel.benchmarks import BenchmarkPosterior as BenchmarkPosterior
    from bayescamel.benchmarks import backtest_benchmarks as backtest_benchmarks
    from bayescamel.benchmarks import benchmark_facts as benchmark_facts
    from bayescamel.benchmarks import fit_benchmarks as fit_benchmarks
    from bayescamel.benchmarks import known_benchmarks as known_benchmarks
    from bayescamel.benchmarks.readers import join_evaluations as join_evaluations
    from bayescamel.benchmarks.readers import read_lm_harness as read_lm_harness
    from bayescamel.benchmarks.readers import read_olmes as read_olmes
    from bayescamel.benchmarks.readers import read_results_table as read_results_table
    from bayescamel.comparison.backtest import backtest as backtest
    from bayescamel.comparison.compare import compare as compare
    from bayescamel.comparison.regmix import regmix as regmix
    from bayescamel.comparison.stacking import stack as stack
    from bayescamel.decisions import OptimalMixture as OptimalMixture
    from bayescamel.decisions import Risk as Risk
    from bayescamel.decisions import WorstCase as WorstCase
    from bayescamel.decisions import optimal_mixture as optimal_mixture
    from bayescamel.decisions import optimal_path as optimal_path
    from bayescamel.decisions import pareto_front as pareto_front
    from bayescamel.decisions import rank_mixtures as rank_mixtures
    from bayescamel.decisions import recipe as recipe
    from bayescamel.decisions import write_recipe as write_recipe
    from bayescamel.designs import ACQUISITIONS as ACQUISITIONS
    from bayescamel.designs.space import Size as Size
    from bayescamel.designs.space import Space as Space
    from bayescamel.draws.residuals import Residuals as Residuals
    from bayescamel.exceptions import BayesCamelError as BayesCamelError
    from bayescamel.inference.fit import fit as fit
    from bayescamel.inference.sampler import Sampler as Sampler
    from bayescamel.laws import LAWS as LAWS
    from bayescamel.laws import Coefficient as Coefficient
    from bayescamel.laws import Law as Law
    from bayescamel.laws import Parameter as Parameter
    from bayescamel.laws import Terms as Terms
    from bayescamel.laws import get_law as get_law
    from bayescamel.laws.repetition import Repetition as Repetition
    from bayescamel.mixtures import as_mixtures as as_mixtures
    from bayescamel.mixtures import centroid as centroid
    from bayescamel.mixtures import corners as corners
    from bayescamel.mixtures import dirichlet as dirichlet
    from bayescamel.mixtures import kl_divergence as kl_divergence
    from bayescamel.mixtures import space_filling as space_filling
    from bayescamel.mixtures import total_variation as total_variation
    from bayescamel.mixtures.constraints import Constraints as Constraints
    from bayescamel.mixtures.constraints import Group as Group
    from bayescamel.mixtures.constraints import Near as Near
    from bayescamel.models import to_numpyro as to_numpyro
    from bayescamel.models import to_pymc as to_pymc
    from bayescamel.posterior import Posterior as Posterior
    from bayescamel.reports import report as report
    from bayescamel.runs.bundled import load_proxies as load_proxies
    from bayescamel.runs.table import check_fittable as check_fittable
    from bayescamel.runs.table import fingerprint as fingerprint
    from bayescamel.runs.table import read_runs as read_runs
    from bayescamel.runs.wide import wide_table as wide_table
    from bayescamel.study import Candidate as Candidate
    from bayescamel.study import FitOptions as FitOptions
    from bayescamel.study import Study as Study
    from bayescamel.targets import Target as Target
    from bayescamel.targets import objective_weights as objective_weights

_NAMES = {
    "benchmarks": "BenchmarkPosterior backtest_benchmarks "
    "benchmark_facts fit_benchmarks known_benchmarks",
    "benchmarks.readers": "join_evaluations read_lm_harness read_olmes read_results_table",
    "comparison.backtest": "backtest",
    "comparison.compare": "compare",
    "comparison.regmix": "regmix",
    "comparison.stacking": "stack",
    "decisions": "OptimalMixture Risk WorstCase optimal_mixture "
    "optimal_path pareto_front rank_mixtures recipe write_recipe",
    "designs": "ACQUISITIONS",
    "designs.space": "Size Space",
    "draws.residuals": "Residuals",
    "exceptions": "BayesCamelError",
    "inference.fit": "fit",
    "inference.sampler": "Sampler",
    "laws": "LAWS Coefficient Law Parameter Terms get_law",
    "laws.repetition": "Repetition",
    "mixtures": "as_mixtures centroid corners "
    "dirichlet kl_divergence space_filling total_variation",
    "mixtures.constraints": "Constraints Group Near",
    "models": "to_numpyro to_pymc",
    "posterior": "Posterior",
    "reports": "report",
    "runs.bundled": "load_proxies",
    "runs.table": "check_fittable fingerprint read_runs",
    "runs.wide": "wide_table",
    "study": "Candidate FitOptions Study",
    "targets": "Target objective_weights",
}
"""The public names by the module that has them."""
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = ["__version__", "plots", *_HOME]


def __getattr__(name: str) -> object:
    if name == "plots":
        return import_module("bayescamel.plots")
    if name not in _HOME:
        raise AttributeError(f"module 'bayescamel' has no attribute {name!r}")
    value = getattr(import_module(f"bayescamel.{_HOME[name]}"), name)
    globals()[name] = value  # so that the next look-up costs nothing
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
