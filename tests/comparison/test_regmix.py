"""RegMix on runs whose best mixture is known."""

import numpy as np
import pytest
import xarray as xr

from bayescamel.comparison.regmix import _simulate, regmix
from bayescamel.exceptions import FitError, TargetError
from bayescamel.runs.table import read_runs

DOMAINS = ["a", "b", "c"]
# LightGBM comes with the dev extra, which `make test` does without.
needs_lightgbm = pytest.mark.slow
BEST = np.array([0.5, 0.3, 0.2])


@pytest.fixture(scope="module")
def runs() -> xr.Dataset:
    """Loss on a has its least value at `BEST` at the small size, elsewhere at the large one."""
    import pandas as pd

    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.ones(3), 240)
    size = np.where(np.arange(240) < 200, 1e6, 1e7)
    best = np.where((size == 1e6)[:, None], BEST, BEST[::-1])
    table = pd.DataFrame({f"w_{d}": weights[:, i] for i, d in enumerate(DOMAINS)})
    table["run_id"] = [f"r{i}" for i in range(240)]
    table["n_params"] = size
    table["loss_a"] = 3 + ((weights - best) ** 2).sum(axis=1)
    table["loss_b"] = 3 + weights[:, 1]
    return read_runs(table)


@needs_lightgbm
def test_regmix_finds_the_best_mixture_of_the_smallest_size(runs: xr.Dataset) -> None:
    found = regmix(runs, {"a": 1.0}, simulated=5000)
    assert found.n_params == 1e6
    assert float(found.mixture.sum()) == pytest.approx(1.0)
    # Trees are steps, and the mean of the best 128 of 5,000 is a region's middle.
    np.testing.assert_allclose(found.mixture, BEST, atol=0.06)
    near, far = found.predict([dict(zip(DOMAINS, w, strict=True)) for w in (BEST, BEST[::-1])])
    assert near < far


@needs_lightgbm
def test_the_objective_and_the_size_are_the_callers(runs: xr.Dataset) -> None:
    other = regmix(runs, {"b": 1.0}, simulated=2000)
    assert float(other.mixture.sel(domain="b")) < 0.05
    larger = regmix(runs, {"a": 1.0}, n_params=1e7, simulated=2000)
    assert larger.n_params == 1e7
    with pytest.raises(FitError, match=r"n_params = 3e\+06"):
        regmix(runs, n_params=3e6)
    with pytest.raises(TargetError, match="unknown objective"):
        regmix(runs, {"z": 1.0})


def test_simulated_mixtures_are_mixtures_even_at_the_corners() -> None:
    mixtures = _simulate(np.array([0.998, 0.001, 0.001]), 20_000, np.random.default_rng(0))
    np.testing.assert_allclose(mixtures.sum(axis=1), 1.0, rtol=1e-12)
    assert (mixtures >= 0).all()
    np.testing.assert_allclose(mixtures.mean(axis=0), [0.998, 0.001, 0.001], atol=0.002)
