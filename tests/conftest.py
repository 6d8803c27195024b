"""Shared by every test."""

import ctypes
import gc
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

from bayescamel.posterior import Posterior
from tests.camel_runs import simulated_runs

# The same examples on every run, and no deadline: a busy machine is not a failure.
settings.register_profile("bayescamel", derandomize=True, deadline=None, max_examples=30)
settings.load_profile("bayescamel")


@pytest.fixture(scope="session")
def simulated_posterior() -> Posterior:
    """`camel` on simulated runs at known parameters, sampled once for all rooms."""
    from bayescamel.inference.fit import fit

    return fit(simulated_runs(), draws=1000, tune=1000, progress=False)


@pytest.fixture(scope="module", autouse=True)
def _compiled_programs_go_with_their_module() -> Iterator[None]:
    """Else the programs of all modules lie in memory side by side, some gigabytes at the end."""
    yield
    if jax := sys.modules.get("jax"):
        jax.clear_caches()
        gc.collect()
        if sys.platform == "linux":  # glibc keeps what was freed unless it is told
            trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
            if trim is not None:
                trim(0)
