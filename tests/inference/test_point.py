"""The peers' recipe on runs simulated from a law."""

import numpy as np
import pytest
import xarray as xr

import bayescamel as bc
from bayescamel.exceptions import FitError
from bayescamel.inference.point import Coordinates, Layout
from bayescamel.inference.pointfit import PointFit, _resample
from bayescamel.laws import get_law
from bayescamel.models.problem import build, hierarchy_for
from bayescamel.runs.sizes import Centre, scales
from tests.camel_runs import DOMAINS, simulated_runs

TARGET = bc.Target(n_params=320e6, n_tokens=2e9)


def chinchilla_runs(noise: float = 0.0) -> xr.Dataset:
    """Runs whose losses follow Chinchilla's law exactly, or nearly."""
    runs = simulated_runs(n_runs=32)
    size, tokens = runs["n_params"] / 1e7, runs["n_tokens"] / 1e9
    curve = 1.5 + 1.0 * size**-0.3 + 0.5 * tokens**-0.4
    rng = np.random.default_rng(0)
    scatter = noise * rng.normal(size=runs["loss"].shape)
    return runs.assign(loss=(runs["loss"].dims, curve.to_numpy()[:, None] * (1 + scatter)))


@pytest.fixture(scope="module")
def exact() -> PointFit:
    return bc.fit(chinchilla_runs(), "chinchilla", method="point")


def test_exact_losses_give_back_their_law(exact: PointFit) -> None:
    # The runs have two token counts: of β and B they tell one number, and predictions need no more.
    np.testing.assert_allclose(exact.parameters["alpha"], 0.3, rtol=0.01)
    expected = 1.5 + 32**-0.3 + 0.5 * 2**-0.4
    loss = exact.predict(TARGET)["loss"]
    assert loss.dims == ("mixture", "validation")
    np.testing.assert_allclose(loss, expected, rtol=1e-3)
    assert "chinchilla" in repr(exact)


def test_a_wild_loss_hardly_matters() -> None:
    runs = chinchilla_runs(noise=0.002)
    clean = bc.fit(runs, "chinchilla", method="point").predict(TARGET)["loss"]
    loss = runs["loss"].copy()
    loss[5, 0] *= 1.5
    wild = bc.fit(runs.assign(loss=loss), "chinchilla", method="point").predict(TARGET)["loss"]
    np.testing.assert_allclose(wild, clean, rtol=0.005)
    # Other validation domains know nothing of it.
    np.testing.assert_array_equal(wild[:, 1:], clean[:, 1:])


def test_a_loss_not_measured_is_a_loss_left_out() -> None:
    runs = chinchilla_runs(noise=0.002)
    loss = runs["loss"].copy()
    loss[5, :] = np.nan
    missing = bc.fit(runs.assign(loss=loss), "chinchilla", method="point")
    fewer = bc.fit(runs.drop_isel(run=5), "chinchilla", method="point")
    # The centre differs by the run's size and tokens, which moves nothing but the coordinates.
    np.testing.assert_allclose(
        missing.predict(TARGET)["loss"], fewer.predict(TARGET)["loss"], rtol=1e-3
    )


def test_a_bootstrap_replicate_is_a_fit_to_runs_drawn_within_each_size() -> None:
    runs = simulated_runs()
    scale = scales(runs)[1]
    counts = _resample(scale, 50, np.random.default_rng(0))
    for size in np.unique(scale):
        assert (counts[:, scale == size].sum(axis=1) == (scale == size).sum()).all()
    assert (counts == 0).any()


def test_the_bootstrap_predicts_with_an_interval_as_a_posterior_does() -> None:
    runs = chinchilla_runs(noise=0.003)
    point = bc.fit(runs, "chinchilla", method="point")
    bootstrap = point.bootstrap(40)
    loss = bootstrap.predict(TARGET)["loss"]
    assert loss.dims == ("chain", "draw", "mixture", "validation")
    assert loss.sizes["draw"] == 40
    assert point.agreeing > 1
    low, high = np.quantile(loss, [0.05, 0.95], axis=(0, 1))
    assert (low < high).all()
    middle = point.predict(TARGET)["loss"].to_numpy()
    assert ((low < middle) & (middle < high)).all()
    # 0.3 % noise, five parameters: so is the residual sd, give or take a tenth (32 residuals).
    np.testing.assert_allclose(point.parameters["sigma"], 0.003, rtol=0.4)
    mean, sd = bootstrap.run_distribution(runs)
    assert mean.shape == sd.shape == (40, runs.sizes["run"], len(DOMAINS))
    reference = point.centre.loss * point.parameters["sigma"].to_numpy()
    np.testing.assert_allclose(sd[0, 0], reference, rtol=1e-12)
    again = point.bootstrap(40).predict(TARGET)["loss"]
    assert again.identical(loss)
    with pytest.raises(FitError, match="at least 2 replicates"):
        point.bootstrap(1)


def test_laws_that_share_parameters_are_fitted_to_all_losses_at_once() -> None:
    runs = simulated_runs(n_runs=12)
    assert len(Layout.of(runs, get_law("camel")).groups) == len(DOMAINS)
    together = Layout.of(runs, get_law("competition"))
    assert together.groups == (slice(0, len(DOMAINS)),)
    named = together.named(build(runs, Centre.of(runs), padded=False), together.starts(3, seed=0))
    assert named["demand"].shape == (3, len(DOMAINS))
    assert named["affinity"].shape == (3, len(DOMAINS), len(DOMAINS))
    assert named["floor"].shape == (3,)


def test_parameters_stay_in_their_box() -> None:
    runs = simulated_runs(n_runs=12)
    law = get_law("camel")
    coordinates = Coordinates(hierarchy_for(runs, law, "none"))
    own = np.eye(len(DOMAINS))
    low, high = (
        coordinates.constrained(np, np.full(coordinates.dimension, far), own) for far in (-1e3, 1e3)
    )
    alpha, level = law.parameters[0], law.coefficients[0]
    sd = np.hypot(alpha.location_sd, alpha.spread)
    np.testing.assert_allclose(low[0]["alpha"], alpha.typical * np.exp(-3 * sd))
    np.testing.assert_allclose(high[1][:, 0], level.mean * np.exp(0.9))


def test_tokens_that_no_run_shows_are_left_to_the_law() -> None:
    """A posterior is unsure there; a point fit has no prior to be unsure by."""
    runs = simulated_runs(n_runs=16)
    runs = runs.assign(n_tokens=("run", np.full(16, 1e9)))
    point = bc.fit(runs, "r1", method="point")  # which ignores tokens
    near, far = (point.predict(bc.Target(1e9, tokens))["loss"] for tokens in (1e9, 1e12))
    np.testing.assert_array_equal(near, far)
