"""PyMC, NumPyro and ArviZ as their users call them, on a posterior, against our predictions."""

from collections.abc import Iterator
from dataclasses import replace

import jax
import numpy as np
import pytest
import xarray as xr

from bayescamel.draws.scatter import curve_distribution
from bayescamel.exceptions import FitError
from bayescamel.posterior import Posterior
from tests.prior_posterior import example_runs, prior_posterior


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def runs() -> xr.Dataset:
    """Dense and sparse runs, one loss missing."""
    table = example_runs(sparse=True).copy(deep=True)
    table["loss"][3, 1] = np.nan
    return table


@pytest.fixture(scope="module", params=["complete", "missing"])
def posterior(request: pytest.FixtureRequest, runs: xr.Dataset) -> Posterior:
    return prior_posterior(runs if request.param == "missing" else example_runs())


def expected(posterior: Posterior) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and sd of the measured losses, (draw, loss), and these, nats per token."""
    mean, sd = curve_distribution(posterior, posterior.runs, fitted=True)
    loss = posterior.runs["loss"].to_numpy()
    known = ~np.isnan(loss)
    return mean[:, known], sd[:, known], loss[known]


def drawn(group: xr.DataTree | xr.DataArray, posterior: Posterior) -> np.ndarray:
    """Losses of a group as (draw, loss)."""
    return np.asarray(group["loss"].to_numpy().reshape(posterior.n_draws, -1))


def check_losses(loss: np.ndarray, posterior: Posterior) -> None:
    """Losses (draw, loss) scatter around our curves as they should.

    Some 2,100 standard normals: their mean is told to 0.022, their sd to 0.016.
    """
    mean, sd, _ = expected(posterior)
    z = (loss - mean) / sd
    assert abs(z.mean()) < 0.09
    assert abs(z.std() - 1) < 0.07


def test_pymc_draws_losses_from_the_posteriors_own_draws(posterior: Posterior) -> None:
    import pymc as pm

    model = posterior.to_pymc()
    assert {rv.name for rv in model.free_RVs} <= set(posterior.values)
    tree = pm.sample_posterior_predictive(
        posterior.tree, model=model, random_seed=0, progressbar=False
    )
    check_losses(drawn(tree["posterior_predictive"], posterior), posterior)


def test_pymc_draws_the_models_graph(posterior: Posterior) -> None:
    """As Mermaid's text, which takes the same graph as Graphviz and needs no program."""
    import pymc as pm

    text = pm.model_to_mermaid(posterior.to_pymc())
    for variable in posterior.to_pymc().free_RVs:
        assert variable.name in text


def test_pymc_has_our_log_likelihood(posterior: Posterior) -> None:
    import pymc as pm

    tree = pm.compute_log_likelihood(
        posterior.tree.copy(), model=posterior.to_pymc(), progressbar=False
    )
    ours = posterior.with_groups("log_likelihood")["log_likelihood"]
    theirs = drawn(tree["log_likelihood"], posterior)
    np.testing.assert_allclose(theirs, drawn(ours, posterior), rtol=1e-8)


def test_numpyro_draws_losses_and_has_our_log_likelihood(posterior: Posterior) -> None:
    import numpyro

    program = posterior.to_numpyro()
    samples = {str(k): v.to_numpy() for k, v in posterior["posterior"].data_vars.items()}
    predictive = numpyro.infer.Predictive(program, samples, batch_ndims=2)
    loss = np.asarray(predictive(jax.random.key(0), loss=None)["loss"])
    known = posterior.runs["loss"].notnull().to_numpy()
    check_losses(loss.reshape(posterior.n_draws, *known.shape)[:, known], posterior)
    theirs = np.asarray(numpyro.infer.log_likelihood(program, samples, batch_ndims=2)["loss"])
    ours = drawn(posterior.with_groups("log_likelihood")["log_likelihood"], posterior)
    summed = theirs.reshape(posterior.n_draws, -1).sum(axis=1)
    np.testing.assert_allclose(summed, ours.sum(axis=1), rtol=1e-8)


def test_groups_on_demand_are_in_nats_and_belong_together(posterior: Posterior) -> None:
    tree = posterior.with_groups(seed=1)
    mean, sd, loss = expected(posterior)
    np.testing.assert_array_equal(tree["observed_data"]["loss"], loss)
    check_losses(drawn(tree["posterior_predictive"], posterior), posterior)
    density = -0.5 * ((loss - mean) / sd) ** 2 - np.log(sd * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(drawn(tree["log_likelihood"], posterior), density, rtol=1e-9)
    assert set(tree["prior"].data_vars) == set(tree["posterior"].data_vars)
    labels = (tree["prior_predictive"][name].to_numpy() for name in ("run", "validation"))
    assert len(set(zip(*labels, strict=True))) == len(loss)
    # Half of the prior's losses are within a factor of two of the reference, as its card says.
    near = np.abs(np.log(np.abs(tree["prior_predictive"]["loss"] / 2.0))) < np.log(2)
    assert 0.5 < float(near.mean()) <= 1


def test_the_prior_is_drawn_as_the_programs_draw_it(runs: xr.Dataset) -> None:
    """Standardised by the hierarchy, every block is normal: 1,000 draws tell a mean to 0.03."""
    posterior = prior_posterior(runs)
    prior = posterior.with_groups("prior")["prior"]
    for block in posterior.hierarchy.blocks():
        if isinstance(block.location, float) and isinstance(block.log_scale, float):
            z = (prior[block.name].to_numpy() - block.location) / np.exp(block.log_scale)
            if block.own_location is None:
                assert abs(z.mean()) < 5 / np.sqrt(1000)
                assert abs(z.std() - 1) < 0.12


def test_a_point_fit_has_no_program_of_its_draws(runs: xr.Dataset) -> None:
    point = replace(prior_posterior(runs), is_point_fit=True)
    for ask in (point.to_pymc, point.to_numpyro, point.with_groups):
        with pytest.raises(FitError, match="leave method='point' out"):
            ask()


def test_arviz_is_told_what_it_takes(runs: xr.Dataset) -> None:
    import arviz as az

    posterior = prior_posterior(runs)
    with pytest.raises(TypeError, match=r"give ArviZ posterior\.tree"):
        az.summary(posterior)
    plotted = az.plot_dist(posterior, var_names=["size_effect_scale"], backend="none")
    assert "size_effect_scale" in plotted.viz["plot"]
    assert (
        "log_alpha"
        in az.summary(posterior.tree, kind="stats", ci_kind="eti", ci_prob=0.9)
        .index.str.split("[")
        .str[0]
    )
