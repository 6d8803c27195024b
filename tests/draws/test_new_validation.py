"""A validation domain left out of the runs, predicted from those that are in."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import xarray as xr

import bayescamel as bc
from bayescamel.draws.new_validation import _reference
from bayescamel.exceptions import TargetError
from bayescamel.posterior import Posterior
from tests.camel_runs import DOMAINS, curve, simulated_runs, simulated_table, truth

# All runs of one token count: then R1, which knows no tokens, is close to the truth.
TARGET = bc.Target(n_params=64e6, n_tokens=1e9)
QUICK: dict[str, Any] = {"chains": 2, "draws": 100, "tune": 150, "progress": False}


@pytest.fixture(scope="module")
def runs() -> xr.Dataset:
    runs = simulated_runs()
    return runs.isel(run=(runs["n_tokens"] == 1e9).to_numpy())


@pytest.fixture(scope="module")
def posterior(runs: xr.Dataset) -> Posterior:
    """Fitted without the last validation domain."""
    fitted: Posterior = bc.fit(runs.isel(validation=[0, 1]), "r1", **QUICK)
    return fitted


def test_a_new_domain_is_predicted_within_its_interval(
    runs: xr.Dataset, posterior: Posterior
) -> None:
    mixtures = bc.dirichlet(20, DOMAINS, seed=3)
    known = float(runs["loss"][:, 2].mean())
    loss = posterior.predict_new_validation(TARGET, mixtures, reference_loss=known, own=DOMAINS[2])[
        "loss"
    ]
    assert loss.dims == ("chain", "draw", "mixture")
    table, centre = simulated_table()
    at_target = table.iloc[:20].assign(n_params=TARGET.n_params, n_tokens=TARGET.n_tokens)
    at_target[[f"w_{d}" for d in DOMAINS]] = mixtures.to_numpy()
    expected = curve(truth(), at_target, centre)[:, 2]
    low, high = np.quantile(loss, [0.05, 0.95], axis=(0, 1))
    # One domain's curve is one observation: it may be outside in places, not in most.
    assert ((low < expected) & (expected < high)).mean() > 0.5
    # And the interval says something, though two domains tell little of a third: away from the
    # corners it is narrower than the losses of the runs vary.
    assert np.median(high - low) < float(np.ptp(runs["loss"].to_numpy()[:, 2]))


def test_its_mean_over_the_fitted_runs_is_the_reference_loss(posterior: Posterior) -> None:
    runs = posterior.runs
    at_runs = [
        posterior.predict_new_validation(
            bc.Target(n_params=size, n_tokens=1e9),
            runs["mixture"].isel(run=(runs["n_params"] == size).to_numpy()).to_numpy(),
            reference_loss=2.0,
        )["loss"].to_numpy()
        for size in np.unique(runs["n_params"])
    ]
    over_runs = np.concatenate(at_runs, axis=-1)
    assert over_runs.shape[-1] == runs.sizes["run"]
    # In every draw, whatever its curve.
    np.testing.assert_allclose(over_runs.mean(axis=-1), 2.0, rtol=1e-9)


def test_own_data_matters_more_than_others(posterior: Posterior) -> None:
    corner = np.eye(3)
    other, own = (
        posterior.predict_new_validation(TARGET, corner, reference_loss=3.0, own=name)["loss"]
        for name in (None, DOMAINS[2])
    )
    gain = {
        name: float((loss[..., 0] - loss[..., 2]).mean())
        for name, loss in (("other", other), ("own", own))
    }
    assert gain["own"] > gain["other"] + 0.1


def test_without_a_reference_loss_it_is_drawn_from_those_of_the_fitted_domains(
    posterior: Posterior,
) -> None:
    with pytest.raises(TargetError, match="2 validation domains do not tell"):
        posterior.predict_new_validation(TARGET)
    centre = dataclasses.replace(posterior.centre, loss=np.array([2.5, 3.0, 3.5]))
    three = dataclasses.replace(posterior, centre=centre)
    drawn = _reference(three, None, np.random.default_rng(0))
    assert drawn.shape == (posterior.n_draws,)
    # Three losses 17 % apart: a fourth is most often within a third of the middle one, not always.
    near = float((abs(np.log(drawn / 3.0)) < np.log(4 / 3)).mean())
    assert 0.5 < near < 0.95


def test_a_new_run_scatters_more_than_the_curve(posterior: Posterior) -> None:
    options: dict[str, Any] = {"reference_loss": 3.0, "own": DOMAINS[2]}
    mean = posterior.predict_new_validation(TARGET, **options)["loss"]
    run = posterior.predict_new_validation(TARGET, kind="run", **options)["loss"]
    draws = posterior.tree["posterior"].to_dataset().mean(("chain", "draw"))
    own = float(draws["sigma"].mean()) * np.exp(posterior.hierarchy.noise.run_spread**2)
    expected = 3.0 * np.hypot(own, float(draws["size_effect_scale"]))
    # The new domain's noise is drawn from what the two fitted ones share: within a factor or so.
    assert float((run - mean).std()) == pytest.approx(expected, rel=0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"own": "prose"}, "unknown training domain 'prose'"),
        ({"reference_loss": -1.0}, "reference_loss = -1"),
    ],
)
def test_what_makes_no_sense_is_refused(
    posterior: Posterior, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(TargetError, match=message):
        posterior.predict_new_validation(TARGET, **options)


def test_an_unpooled_posterior_cannot(posterior: Posterior) -> None:
    hierarchy = dataclasses.replace(posterior.hierarchy, pooling="none")
    unpooled = dataclasses.replace(posterior, hierarchy=hierarchy)
    with pytest.raises(TargetError, match="unpooled"):
        unpooled.predict_new_validation(TARGET, reference_loss=3.0)


def test_a_fully_pooled_domain_is_like_the_others(runs: xr.Dataset) -> None:
    pooled = bc.fit(runs, "r1", pooling="full", **QUICK)
    draws = pooled.tree["posterior"].to_dataset()
    for name in ("alpha", "E", "A"):
        np.testing.assert_array_equal(draws[name][..., 0], draws[name][..., 1])
    loss = pooled.predict_new_validation(TARGET, reference_loss=3.0, own=DOMAINS[2])["loss"]
    same = pooled.predict(TARGET)["loss"].sel(validation=DOMAINS[2]) / pooled.centre.loss[2] * 3.0
    # The law's curve over the runs has mean 1 up to the misfit of full pooling.
    np.testing.assert_allclose(loss, same, rtol=0.05)
