"""From loss to benchmark: the second law, and what it predicts.

``fit_benchmarks(runs)`` gives a `BenchmarkPosterior`; its ``predict(posterior, target, mixtures)``
sends every draw of a loss law through a draw of the benchmark law.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bayescamel.benchmarks.backtest import backtest_benchmarks as backtest_benchmarks
    from bayescamel.benchmarks.fitting import fit_benchmarks as fit_benchmarks
    from bayescamel.benchmarks.posterior import BenchmarkPosterior as BenchmarkPosterior
    from bayescamel.benchmarks.table import benchmark_facts as benchmark_facts
    from bayescamel.benchmarks.table import known_benchmarks as known_benchmarks

_HOME = {
    "BenchmarkPosterior": "posterior",
    "backtest_benchmarks": "backtest",
    "benchmark_facts": "table",
    "fit_benchmarks": "fitting",
    "known_benchmarks": "table",
}
__all__ = [*_HOME]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'bayescamel.benchmarks' has no attribute {name!r}")
    return getattr(import_module(f"bayescamel.benchmarks.{_HOME[name]}"), name)
