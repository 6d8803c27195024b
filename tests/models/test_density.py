from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import pytest
import xarray as xr
from scipy.stats import kstest, multivariate_normal, norm, truncnorm

from bayescamel.inference.modes import start_positions
from bayescamel.laws import get_law
from bayescamel.models import density
from bayescamel.models.blocks import dimension, marked, unflatten
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.models.problem import Problem, bucket, build, hierarchy_for
from bayescamel.runs.sizes import Centre
from tests.camel_runs import hierarchy_of, simulated_runs


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def runs() -> xr.Dataset:
    return simulated_runs(n_runs=20)


def position(hierarchy: Hierarchy, problem: Problem, seed: int = 0) -> np.ndarray:
    return np.asarray(start_positions(hierarchy, problem, 1, seed)[0])


def test_marginal_likelihood_is_the_gaussian_with_effects_integrated_out(runs: xr.Dataset) -> None:
    hierarchy = hierarchy_of(runs)
    problem = build(runs, Centre.of(runs), padded=False)
    flat = position(hierarchy, problem)
    values = unflatten(hierarchy, flat)
    given = density.conditional(hierarchy, values, problem)
    parameters = hierarchy.constrained(np, values, problem.own)
    basis, fixed = hierarchy.terms(np, parameters, problem.inputs())
    locations, spreads = hierarchy.coefficient_prior(values)
    sigmas = np.exp(hierarchy.log_noise_sd(values, problem.mixture, problem.reference))
    total = 0.0
    for v in range(hierarchy.n_validation):
        names = [c.name for c in hierarchy.law.coefficients]
        design = np.stack([np.broadcast_to(basis[c], sigmas.shape)[v] for c in names], axis=1)
        mean = np.asarray(fixed)[v] + design @ np.array(locations)
        tau = np.exp(values["log_size_effect_scale"])
        covariance = (
            (design * np.square(spreads)) @ design.T
            + tau**2 * problem.scale @ problem.scale.T
            + np.diag(sigmas[v] ** 2)
        )
        total += multivariate_normal(mean, covariance).logpdf(problem.loss[:, v])
        # Truncating the last at 0: its prior and conditional tails.
        gain = np.linalg.solve(covariance, problem.loss[:, v] - mean)
        cross = spreads[-1] ** 2 * design[:, -1]
        conditional_mean = locations[-1] + cross @ gain
        conditional_sd = np.sqrt(spreads[-1] ** 2 - cross @ np.linalg.solve(covariance, cross))
        total += norm.logcdf(conditional_mean / conditional_sd)
        total -= norm.logcdf(locations[-1] / spreads[-1])
    assert float(density.log_likelihood(given, positive=True)) == pytest.approx(total, rel=1e-8)


def test_tail_of_the_normal_agrees_with_scipy_near_and_far() -> None:
    x = np.array([-300.0, -40.0, -20.01, -19.99, -5.0, 0.0, 8.0])
    np.testing.assert_allclose(
        density.log_normal_tail(x), norm.logcdf(x), rtol=1e-9, atol=1e-15
    )  # a rounding of 1


def test_padding_changes_nothing(runs: xr.Dataset) -> None:
    hierarchy = hierarchy_of(runs)
    centre = Centre.of(runs)
    bare, padded = build(runs, centre, padded=False), build(runs, centre)
    assert len(padded.loss) > len(bare.loss)
    flat = position(hierarchy, bare)
    # A row of padding has its own noise as a run has, which nothing is learned of.
    own = np.linspace(-0.5, 0.5, len(padded.loss) - len(bare.loss))
    prior = norm(0, hierarchy.noise.run_spread).logpdf(own).sum()
    np.testing.assert_allclose(
        density.log_density(hierarchy, np.concatenate([flat, own]), padded),
        density.log_density(hierarchy, flat, bare) + prior,
        rtol=1e-12,
    )


def test_a_loss_not_measured_is_a_loss_left_out(runs: xr.Dataset) -> None:
    hierarchy = hierarchy_of(runs)
    centre = Centre.of(runs)
    holed = runs.copy(deep=True)
    holed["loss"][3, :] = np.nan
    problem = build(holed, centre, padded=False)
    flat = position(hierarchy, problem)
    flat[dimension(hierarchy) :] = np.linspace(-0.5, 0.5, len(problem.loss))
    of_run = dimension(hierarchy) + 3
    without = density.log_density(
        hierarchy, np.delete(flat, of_run), build(runs.drop_isel(run=3), centre, padded=False)
    )
    prior = norm(0, hierarchy.noise.run_spread).logpdf(flat[of_run])
    with_hole = density.log_density(hierarchy, flat, problem)
    np.testing.assert_allclose(with_hole, without + prior, rtol=1e-12)


@pytest.mark.parametrize("pooling", ["none", "partial", "full"])
def test_permuted_domains_have_the_same_density(runs: xr.Dataset, pooling: Any) -> None:
    hierarchy = hierarchy_of(runs, pooling=pooling)
    order = [2, 0, 1]
    permuted = runs.isel(domain=order, validation=order)
    problem, other = (build(r, Centre.of(r)) for r in (runs, permuted))
    flat = position(hierarchy, problem)
    values = unflatten(hierarchy, flat)
    moved = []
    for block in hierarchy.blocks():
        value = np.asarray(values[block.name])
        for axis, dim in enumerate(block.dims):
            if dim != "run":
                value = np.take(value, order, axis=axis)
        moved.append(value.ravel())
    np.testing.assert_allclose(
        density.log_density(hierarchy, np.concatenate(moved), other),
        density.log_density(hierarchy, flat, problem),
        rtol=1e-10,
    )


def test_drawn_effects_follow_their_conditional_and_stay_positive(runs: xr.Dataset) -> None:
    hierarchy = hierarchy_of(runs)
    problem = build(runs, Centre.of(runs))
    flat = position(hierarchy, problem, seed=3)
    keys = jax.random.split(jax.random.key(0), 4000)
    draw = jax.jit(jax.vmap(lambda key: density.draw_effects(hierarchy, flat, problem, key)[0]))
    coefficients = np.asarray(draw(keys))
    assert (coefficients[..., -1] > 0).all()
    values = unflatten(hierarchy, flat)
    given = density.conditional(hierarchy, values, problem)
    for v in range(hierarchy.n_validation):
        low = np.asarray(given.cholesky[v])
        covariance = np.linalg.inv(low @ low.T)
        mean = covariance @ np.asarray(given.projected[v])
        spread, location = np.asarray(given.spread), np.asarray(given.location)
        mean, covariance = location + spread * mean, covariance * np.outer(spread, spread)
        # The last is a truncated normal, the others follow it linearly with the scatter they had.
        sd = np.sqrt(covariance[-1, -1])
        cut = truncnorm(-mean[-1] / sd, np.inf, loc=mean[-1], scale=sd)
        along = covariance[:, -1] / covariance[-1, -1]
        expected = mean + along * (cut.mean() - mean[-1])
        variance = np.diag(covariance) + along**2 * (cut.var() - sd**2)
        error = coefficients[:, v].mean(axis=0) - expected
        # 4,000 draws: the mean is known to sd / 63; five of these, over twelve comparisons.
        assert (np.abs(error) < 5 * np.sqrt(variance / 4000)).all()
        # The sd of a sample variance is at most √(8 / n) of it, for the exponential tail.
        ratio = coefficients[:, v].var(axis=0) / variance
        np.testing.assert_allclose(ratio, 1, atol=5 * np.sqrt(8 / 4000))


@pytest.mark.parametrize("bound", [-8.0, -1.0, 2.0, 29.0, 31.0, 1000.0])
def test_draws_beyond_a_bound_follow_the_tail(bound: float) -> None:
    draws = np.asarray(density.draw_above(jax.random.key(0), np.full(4000, bound)))
    assert (draws > bound).all()
    assert kstest(draws, truncnorm(bound, np.inf).cdf).pvalue > 1e-3


def test_density_is_minus_infinity_where_float64_cannot_tell(runs: xr.Dataset) -> None:
    hierarchy = hierarchy_of(runs)
    problem = build(runs, Centre.of(runs))
    steep = marked(hierarchy, lambda name: name == "log_alpha")
    flat = position(hierarchy, problem)
    flat[: len(steep)] += 5.0 * steep
    assert float(density.log_density(hierarchy, flat, problem)) == -np.inf


def test_unique_tokens_that_no_run_exceeds_change_no_digit(runs: xr.Dataset) -> None:
    enough = runs["mixture"] * runs["n_tokens"] + 1.0
    told = runs.assign(unique=enough)
    hierarchy, centre = hierarchy_for(runs, get_law("camel")), Centre.of(runs)
    assert hierarchy_for(told, get_law("camel")) == hierarchy
    for one, other in zip(build(runs, centre), build(told, centre), strict=True):
        np.testing.assert_array_equal(one, other)
    less = runs.assign(unique=enough.where(runs["run"] != runs["run"][0], enough / 2))
    repeated = hierarchy_for(less, get_law("camel"))
    assert [p.name for p in repeated.parameters()][-1] == "r_star"
    names = [block.name for block in hierarchy.blocks()]
    more = [block.name for block in repeated.blocks() if block.name not in names]
    assert more == ["r_star_location", "log_r_star"]


def test_one_more_run_stays_in_the_bucket() -> None:
    assert bucket(78) == bucket(79) == 80
    assert [bucket(n) for n in (1, 8, 9, 100, 1000)] == [8, 8, 16, 112, 1024]
    assert all(n <= bucket(n) <= max(8, 1.25 * n + 8) for n in range(1, 3000))
