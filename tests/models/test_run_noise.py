"""Runs scatter unlike: one that went wrong is found out, named, and does not bend the law."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm

import bayescamel as bc
from bayescamel.draws.netcdf import read_tree, write_tree
from bayescamel.exceptions import StorageError
from bayescamel.inference.warm_start import run_noise
from bayescamel.models.hierarchy import Noise
from bayescamel.posterior import Posterior
from tests.camel_runs import DOMAINS, curve, simulated_runs, simulated_table, truth

LARGER = bc.Target(n_params=320e6, n_tokens=2e9)
QUICK: dict[str, Any] = {"chains": 2, "draws": 200, "tune": 400, "progress": False}
WRONG = [2, 11, 30]
"""Rows of three runs that went wrong: sizes 16, 64 and 16 million."""


@pytest.fixture(scope="module")
def odd() -> xr.Dataset:
    runs = simulated_runs()
    runs["loss"][WRONG] = 1.12 * runs["loss"][WRONG]
    return runs


@pytest.fixture(scope="module")
def posterior(odd: xr.Dataset) -> Posterior:
    fitted: Posterior = bc.fit(odd, **QUICK)
    return fitted


def error(posterior: Posterior) -> float:
    """Mean relative error of the expected losses at `LARGER`, over the runs' mixtures."""
    table, centre = simulated_table()
    table = table.assign(n_params=LARGER.n_params, n_tokens=LARGER.n_tokens)
    weights = table[[f"w_{d}" for d in DOMAINS]].to_numpy()
    loss = posterior.predict(LARGER, weights, kind="curve")["loss"].mean(("chain", "draw"))
    return float(abs(loss / curve(truth(), table, centre) - 1).mean())


def test_runs_that_went_wrong_do_not_bend_the_law(odd: xr.Dataset, posterior: Posterior) -> None:
    gaussian = bc.fit(odd, noise=Noise(run_spread=0.0), **QUICK)
    without = bc.fit(odd.drop_isel(run=WRONG), **QUICK)
    # As near as without them, to a Monte Carlo error of 0.02 % and what three runs may tell.
    assert error(posterior) < error(without) + 0.002
    assert error(gaussian) > 3 * error(posterior)
    assert "run_noise" not in gaussian.tree["posterior"].data_vars


def test_they_are_found_out_and_named(odd: xr.Dataset, posterior: Posterior) -> None:
    noise = posterior.tree["posterior"].to_dataset()["run_noise"].median(("chain", "draw"))
    assert set(np.argsort(-noise.to_numpy())[:3]) == set(WRONG)
    assert float(noise[WRONG].min()) > 5
    # The others are alike: a third of the usual spread, since three losses tell little of a run.
    assert float(noise.drop_isel(run=WRONG).max()) < 2.5
    (caveat,) = posterior.caveats
    for name in odd["run"].to_numpy()[WRONG]:
        assert f"{str(name)!r} (+1" in caveat


def test_one_loss_of_three_that_is_off_says_little_of_the_run() -> None:
    runs = simulated_runs()
    runs["loss"][5, 0] = 1.1 * runs["loss"][5, 0]
    assert bc.fit(runs, **QUICK).caveats == ()


def test_a_new_run_has_heavier_tails_than_the_normal(posterior: Posterior) -> None:
    """Standardised by what is known of it, a run's noise is a normal of log-normal scale."""
    mixture = np.broadcast_to(posterior.centre.mixture, (4, 3))
    curve_ = posterior.predict(LARGER, mixture, kind="mean")["loss"]
    run = posterior.predict(LARGER, mixture, kind="run", seed=3)["loss"]
    z = (run - curve_).to_numpy().reshape(-1, 4, 3)
    within = z - z.mean(axis=1, keepdims=True)  # what all runs of the size share drops out
    size = np.abs(within).mean(axis=2) / np.abs(within).mean()
    # The largest noise of a run over the typical one: in a normal of equal scale 2.4 at 99 %.
    assert np.quantile(size, 0.99) > 2.8


def test_a_refit_knows_the_runs_by_name(odd: xr.Dataset, posterior: Posterior) -> None:
    names = odd["run"].to_numpy()
    known = np.log(posterior.tree["posterior"]["run_noise"].to_numpy())
    asked = np.array([*names[::-1][:20], "new"])
    own = run_noise(posterior, asked)
    np.testing.assert_array_equal(own[..., :20], known[..., ::-1][..., :20])
    rest = own[..., 20:]  # the new run and the padding: their prior
    spread = posterior.hierarchy.noise.run_spread
    # Four sds of an sd from so many draws.
    assert rest.std() == pytest.approx(spread, rel=4 / np.sqrt(2 * rest.size))
    assert abs(rest.mean()) < norm.isf(1e-4) * spread / np.sqrt(rest.size)


def test_a_file_of_other_noise_is_refused(posterior: Posterior, tmp_path: Path) -> None:
    path, old = tmp_path / "posterior.nc", tmp_path / "old.nc"
    posterior.save(path)
    tree = read_tree(path)
    options = json.loads(tree.attrs["hierarchy"])
    del options["noise"]["run_spread"]
    tree.attrs["hierarchy"] = json.dumps(options)
    write_tree(tree, old)
    with pytest.raises(StorageError, match="noise have changed since: fit again"):
        Posterior.load(old)
