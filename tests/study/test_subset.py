"""Of very many runs a part is fitted that has what a law is learned from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayescamel.runs.table import read_runs
from bayescamel.study.outlook import fittable, in_words
from bayescamel.study.subset import representative
from bayescamel.targets import Target
from tests.study.examples import QUICK, TARGET, create


def many(n: int, sizes: tuple[float, ...] = (1e6, 4e6, 16e6)) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    share = rng.uniform(0.05, 0.95, n)
    share[: n // 50] = 0.5  # repeats, of the sizes in turn
    size = np.resize(sizes, n)
    columns = {"run_id": [f"r{i}" for i in range(n)], "n_params": size, "n_tokens": 20 * size}
    columns |= {"w_code": share, "w_web": 1 - share}
    columns |= {f"loss_{name}": 2 + 0.1 * rng.normal(size=n) for name in ("code", "web")}
    return pd.DataFrame(columns)


@pytest.fixture(scope="module")
def runs() -> xr.Dataset:
    return read_runs(many(3000))


def test_few_runs_are_all_fitted(runs: xr.Dataset) -> None:
    assert representative(runs, TARGET, 3000) is runs


def test_a_part_has_all_sizes_repeats_and_what_is_near(runs: xr.Dataset) -> None:
    part = representative(runs, TARGET, 500)
    assert part.sizes["run"] == 500
    sizes, counts = np.unique(part["n_params"], return_counts=True)
    assert list(sizes) == [1e6, 4e6, 16e6]
    assert counts.min() >= 40
    assert counts[2] == counts.max()  # the target is larger
    repeats = int((part["mixture"].sel(domain="code") == 0.5).sum())
    assert repeats == 60  # all of them
    # Spread over mixtures at every size.
    for size in sizes:
        shares = part["mixture"].sel(domain="code")[(part["n_params"] == size).to_numpy()]
        assert shares.min() < 0.15
        assert shares.max() > 0.85
    xr.testing.assert_identical(part, representative(runs, TARGET, 500))


def test_sizes_without_number_leave_no_more_than_was_asked() -> None:
    sizes = tuple(np.geomspace(1e6, 1e9, 777))
    part = representative(read_runs(many(1500, sizes)), Target(1e10, 2e11), 100)
    assert part.sizes["run"] == 100
    assert np.ptp(np.log10(part["n_params"].to_numpy())) > 2.5


def test_a_study_says_to_which_part_it_fits(tmp_path: Path) -> None:
    study = create(tmp_path / "study.db", fit=replace(QUICK, max_runs=100))
    study.attach(many(400).iloc[:80])
    assert in_words(study.snapshot(), study.settings) is None
    study.attach(many(400))
    part = fittable(study.snapshot(), study.settings)
    assert part is not None
    assert part.sizes["run"] == 100
    words = in_words(study.snapshot(), study.settings)
    assert words is not None
    assert "100 of 400 runs" in words
    assert "4.0 times" in words
