"""Runs, draws and decisions to draw: of the prior, so that nothing is sampled."""

from typing import Any

import pytest
import xarray as xr

from bayescamel import Target
from bayescamel.decisions import OptimalMixture, optimal_mixture
from bayescamel.posterior import Posterior
from tests.prior_posterior import DOMAINS, example_runs, prior_posterior

TARGET = Target(2.7e8, 5.4e9)

HOSTILE = {
    "code": "<script>alert(1)</script>",
    "math": "_a $\\frac{ name & \"quotes\" 'of' " + 170 * "x",
    "web": "\u202eעברית😀日",
}


def renamed(table: xr.Dataset) -> xr.Dataset:
    """The same runs, domains called by names that break pages and pictures."""
    dims = [dim for dim in ("domain", "validation") if dim in table.dims]
    return table.assign_coords({dim: list(HOSTILE.values()) for dim in dims})


@pytest.fixture(scope="session")
def runs() -> xr.Dataset:
    return example_runs()


@pytest.fixture(scope="session")
def posterior(runs: xr.Dataset) -> Posterior:
    return prior_posterior(runs)


@pytest.fixture(scope="session")
def best(posterior: Posterior) -> OptimalMixture:
    reference: dict[str, Any] = dict(zip(DOMAINS, (0.2, 0.3, 0.5), strict=True))
    return optimal_mixture(posterior, TARGET, reference=reference)
