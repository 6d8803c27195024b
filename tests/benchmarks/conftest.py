"""Simulated runs with benchmarks whose laws are known, and one fit of them for all tests."""

from pathlib import Path

import pandas as pd
import pytest
import xarray as xr

from bayescamel.benchmarks import BenchmarkPosterior, fit_benchmarks
from bayescamel.inference.fit import fit
from bayescamel.posterior import Posterior
from tests.benchmarks.known_benchmarks import SETTINGS, as_runs, known_table


@pytest.fixture(scope="session")
def table() -> pd.DataFrame:
    return known_table()


@pytest.fixture(scope="session")
def runs(table: pd.DataFrame) -> xr.Dataset:
    return as_runs(table)


@pytest.fixture(scope="session")
def fitted(runs: xr.Dataset) -> BenchmarkPosterior:
    return fit_benchmarks(runs, **SETTINGS)


@pytest.fixture(scope="session")
def losses(runs: xr.Dataset) -> Posterior:
    return fit(runs, chains=2, draws=50, tune=100, progress=False)


@pytest.fixture(scope="session")
def csv(table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("benchmarks") / "runs.csv"
    table.to_csv(path, index=False)
    return path
