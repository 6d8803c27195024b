"""Bayesian capacity-aware data-mixture scaling laws.

Proxy runs in; a posterior of the law, predictions with intervals, a recommended mixture and the
next runs to train out. ``import bayescamel as bc`` is quick and loads neither jax, torch nor pymc:
each name below is imported from its module on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bayescamel.datasets import load_proxies as load_proxies
    from bayescamel.decisions import OptimalMixture as OptimalMixture
    from bayescamel.designs.space import Size as Size
    from bayescamel.designs.space import Space as Space
    from bayescamel.exceptions import BayesCamelError as BayesCamelError
    from bayescamel.mixtures import as_mixtures as as_mixtures
    from bayescamel.mixtures import centroid as centroid
    from bayescamel.mixtures import corners as corners
    from bayescamel.mixtures import dirichlet as dirichlet
    from bayescamel.posterior import Posterior as Posterior
    from bayescamel.runs import check_fittable as check_fittable
    from bayescamel.runs import fingerprint as fingerprint
    from bayescamel.runs import read_runs as read_runs
    from bayescamel.sampling import fit as fit
    from bayescamel.study import Study as Study
    from bayescamel.targets import Target as Target
    from bayescamel.targets import objective_weights as objective_weights

__version__ = "0.1.0"

_HOME = {
    "BayesCamelError": "exceptions",
    "OptimalMixture": "decisions",
    "Posterior": "posterior",
    "Size": "designs.space",
    "Space": "designs.space",
    "Study": "study",
    "Target": "targets",
    "as_mixtures": "mixtures",
    "centroid": "mixtures",
    "check_fittable": "runs",
    "corners": "mixtures",
    "dirichlet": "mixtures",
    "fingerprint": "runs",
    "fit": "sampling",
    "load_proxies": "datasets",
    "objective_weights": "targets",
    "read_runs": "runs",
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
