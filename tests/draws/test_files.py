"""A posterior's file: read back whole, or refused with the remedy."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from bayescamel.draws import files
from bayescamel.exceptions import StorageError
from bayescamel.laws import LAWS, with_priors
from bayescamel.posterior import Posterior
from bayescamel.targets import Target
from tests.prior_posterior import example_runs, prior_posterior


@pytest.fixture(scope="module")
def posterior() -> Posterior:
    return prior_posterior(example_runs(sparse=True))


@pytest.fixture
def saved(posterior: Posterior, tmp_path: Path) -> Path:
    path = tmp_path / "posterior.nc"
    posterior.save(path)
    return path


def test_what_is_read_predicts_and_scatters_as_what_was_saved(
    posterior: Posterior, saved: Path
) -> None:
    again = Posterior.load(saved)
    assert (again.is_point_fit, again.has_run_noise) == (False, True)
    target = Target(1e9, 2e10, 3e8)
    for kind in ("curve", "mean", "run"):
        one, other = (p.predict(target, kind=kind)["loss"] for p in (posterior, again))
        np.testing.assert_array_equal(one, other)


def test_a_file_keeps_the_priors_that_were_fitted_with(
    posterior: Posterior, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = with_priors(LAWS["camel"], {"alpha": {"typical": 0.5}, "level": {"spread": 0.2}})
    monkeypatch.setitem(LAWS, "camel", changed)
    assert Posterior.load(saved).hierarchy == posterior.hierarchy


def test_a_law_of_other_parameters_is_refused(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LAWS, "camel", replace(LAWS["r1"], name="camel"))
    with pytest.raises(StorageError, match=r"law 'camel' has changed since: fit again"):
        Posterior.load(saved)


def test_a_file_of_the_format_before_is_refused(saved: Path, tmp_path: Path) -> None:
    tree = xr.load_datatree(saved, engine="h5netcdf")
    tree.attrs["format"] = files.FORMAT - 1
    old = tmp_path / "old.nc"
    tree.to_netcdf(old, engine="h5netcdf")
    with pytest.raises(StorageError, match="fit again"):
        Posterior.load(old)
