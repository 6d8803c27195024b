"""The laws from loss to benchmark, by name."""

from bayescamel.benchmarks.laws.base import BenchmarkLaw, BenchmarkParameter
from bayescamel.benchmarks.laws.exponential import EXPONENTIAL
from bayescamel.benchmarks.laws.sigmoid import SIGMOID
from bayescamel.benchmarks.laws.simplex import SIMPLEX, SIMPLEX_NATS
from bayescamel.exceptions import BenchmarkError

BENCHMARK_LAWS: dict[str, BenchmarkLaw] = {
    law.name: law for law in (SIMPLEX, SIMPLEX_NATS, EXPONENTIAL, SIGMOID)
}

__all__ = ["BENCHMARK_LAWS", "BenchmarkLaw", "BenchmarkParameter", "get_benchmark_law"]


def get_benchmark_law(law: str | BenchmarkLaw) -> BenchmarkLaw:
    """Look a law up by name; a `BenchmarkLaw` is returned as it is.

    Raises
    ------
    BenchmarkError
        When no law has this name; the message lists those there are.
    """
    if isinstance(law, BenchmarkLaw):
        return law
    if law not in BENCHMARK_LAWS:
        known = ", ".join(sorted(BENCHMARK_LAWS))
        raise BenchmarkError(f"unknown benchmark law {law!r}; there are: {known}")
    return BENCHMARK_LAWS[law]
