"""Bayesian capacity-aware data-mixture scaling laws.

Proxy runs in; a posterior of the law, predictions with intervals, a recommended mixture and the
next runs to train out. ``import bayescamel as bc`` is quick and loads neither jax, torch nor pymc:
each name below is imported from its module on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from bayescamel._version import __version__ as __version__

if TYPE_CHECKING:
    from bayescamel.benchmarks import BenchmarkPosterior as BenchmarkPosterior
    from bayescamel.benchmarks import fit_benchmarks as fit_benchmarks
    from bayescamel.comparison.compare import compare as compare
    from bayescamel.comparison.stacking import stack as stack
    from bayescamel.decisions import OptimalMixture as OptimalMixture
    from bayescamel.decisions import Risk as Risk
    from bayescamel.decisions import WorstCase as WorstCase
    from bayescamel.decisions import optimal_mixture as optimal_mixture
    from bayescamel.decisions import optimal_path as optimal_path
    from bayescamel.decisions import pareto_front as pareto_front
    from bayescamel.decisions import rank_mixtures as rank_mixtures
    from bayescamel.designs.space import Size as Size
    from bayescamel.designs.space import Space as Space
    from bayescamel.exceptions import BayesCamelError as BayesCamelError
    from bayescamel.inference.fit import fit as fit
    from bayescamel.mixtures import as_mixtures as as_mixtures
    from bayescamel.mixtures import centroid as centroid
    from bayescamel.mixtures import corners as corners
    from bayescamel.mixtures import dirichlet as dirichlet
    from bayescamel.mixtures.constraints import Constraints as Constraints
    from bayescamel.mixtures.constraints import Group as Group
    from bayescamel.mixtures.constraints import Near as Near
    from bayescamel.posterior import Posterior as Posterior
    from bayescamel.runs.bundled import load_proxies as load_proxies
    from bayescamel.runs.table import check_fittable as check_fittable
    from bayescamel.runs.table import fingerprint as fingerprint
    from bayescamel.runs.table import read_runs as read_runs
    from bayescamel.study import Study as Study
    from bayescamel.targets import Target as Target
    from bayescamel.targets import objective_weights as objective_weights

_HOME = {
    "BayesCamelError": "exceptions",
    "BenchmarkPosterior": "benchmarks",
    "Constraints": "mixtures.constraints",
    "Group": "mixtures.constraints",
    "Near": "mixtures.constraints",
    "OptimalMixture": "decisions",
    "Posterior": "posterior",
    "Risk": "decisions",
    "Size": "designs.space",
    "Space": "designs.space",
    "Study": "study",
    "Target": "targets",
    "WorstCase": "decisions",
    "as_mixtures": "mixtures",
    "centroid": "mixtures",
    "check_fittable": "runs.table",
    "compare": "comparison.compare",
    "corners": "mixtures",
    "dirichlet": "mixtures",
    "fingerprint": "runs.table",
    "fit": "inference.fit",
    "fit_benchmarks": "benchmarks",
    "load_proxies": "runs.bundled",
    "objective_weights": "targets",
    "optimal_mixture": "decisions",
    "optimal_path": "decisions",
    "pareto_front": "decisions",
    "rank_mixtures": "decisions",
    "read_runs": "runs.table",
    "stack": "comparison.stacking",
}

__all__ = [
    "__version__",
    *_HOME,
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'bayescamel' has no attribute {name!r}")
    value = getattr(import_module(f"bayescamel.{_HOME[name]}"), name)
    globals()[name] = value  # so that the next look-up costs nothing
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
