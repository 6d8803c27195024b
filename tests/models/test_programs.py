"""Three evaluations of one density: NumPyro's program, PyMC's, and NumPy written out here."""

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import pytest
import xarray as xr
from pytensor.compile.mode import Mode
from scipy.stats import multivariate_normal, norm, truncnorm

import bayescamel as bc
from bayescamel.exceptions import FitError
from bayescamel.laws import get_law
from bayescamel.models import density, program_numpyro, program_pymc, to_numpyro, to_pymc
from bayescamel.models.blocks import flatten
from bayescamel.models.hierarchy import RUN_NOISE, Hierarchy, Noise
from bayescamel.models.problem import Problem, build, hierarchy_for
from bayescamel.runs.sizes import Centre
from tests.camel_runs import DOMAINS, simulated_table


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def runs() -> xr.Dataset:
    """Dense and sparse runs, some that repeat a domain's tokens; a loss is missing."""
    table, _ = simulated_table(n_runs=9)
    table["n_active_params"] = table["n_params"] / np.where(np.arange(9) % 2, 1, 3)
    table.loc[3, "loss_code"] = np.nan
    table["unique_code"] = np.where(np.arange(9) % 2, 3e7, np.nan)
    return bc.read_runs(table)


CASES = {
    "camel": ("camel", {}),
    "camel, unpooled": ("camel", {"pooling": "none"}),
    "camel, fully pooled": ("camel", {"pooling": "full"}),
    "camel, noise of one kind": ("camel", {"noise": Noise(mixture_dependent=False, run_spread=0)}),
    "real parameters": ("r2", {}),
    "global and domain parameters": ("competition", {}),
    "six coefficients": ("mixing-laws", {}),
}
every_case = pytest.mark.parametrize(("law", "options"), CASES.values(), ids=CASES.keys())


def draw_point(hierarchy: Hierarchy, problem: Problem, seed: int = 0) -> dict[str, Any]:
    """Every sampled quantity, drawn from the middle of the prior.

    At draws from all of it residuals can be so large that rounding exceeds a nat.
    """
    rng = np.random.default_rng(seed)
    point: dict[str, Any] = {}
    for block in hierarchy.blocks():
        location, scale = block.prior(np, point, problem.own)
        shape = hierarchy.shape(block.dims, len(problem.loss))
        point[block.name] = location + 0.5 * scale * rng.normal(size=shape)
    if hierarchy.pooling != "full":
        for coefficient in hierarchy.law.coefficients:
            point[coefficient.name] = coefficient.mean * rng.uniform(
                0.5, 1.5, hierarchy.n_validation
            )
    shape = (hierarchy.n_validation, problem.scale.shape[1])
    point["size_effect"] = 0.003 * rng.normal(size=shape)
    return point


def numpy_log_density(hierarchy: Hierarchy, problem: Problem, point: dict[str, Any]) -> float:
    """Log density of the point and the losses, on the scales that the point is given on."""
    total = 0.0
    for block in hierarchy.blocks():
        location, scale = block.prior(np, point, problem.own)
        total += norm(location, scale).logpdf(point[block.name]).sum()
    parameters = hierarchy.constrained(np, point, problem.own)
    basis, mean = hierarchy.terms(np, parameters, problem.inputs())
    for coefficient, m, s in zip(
        hierarchy.law.coefficients, *hierarchy.coefficient_prior(point), strict=True
    ):
        name = coefficient.name
        if s == 0:
            value = m
        elif coefficient.positive:
            value = point[name]
            total += truncnorm(-m / s, np.inf, m, s).logpdf(value).sum()
        else:
            value = point[name]
            total += norm(m, s).logpdf(value).sum()
        mean = mean + np.reshape(value, (-1, 1)) * basis[name]
    tau = np.exp(point["log_size_effect_scale"])
    total += norm(0, tau).logpdf(point["size_effect"]).sum()
    mean = np.asarray(mean).T + problem.scale @ point["size_effect"].T
    sigma = np.exp(point["log_sigma"]) * np.ones_like(problem.loss)
    if hierarchy.noise.mixture_dependent:
        distance = 0.5 * np.abs(problem.mixture - problem.reference).sum(axis=1)
        sigma = sigma * np.exp(point["noise_lopsided"] * distance)[:, None]
    if hierarchy.noise.run_spread > 0:
        sigma = sigma * np.exp(point[RUN_NOISE])[:, None]
    return float(total + norm(mean, sigma).logpdf(problem.loss)[problem.measured > 0].sum())


def pymc_log_density(model: Any, point: dict[str, Any]) -> float:
    """As PyMC has it, the density of the transformed variables."""
    transformed = {}
    for variable in model.free_RVs:
        value = model.rvs_to_values[variable]
        logged = value.name != variable.name  # the one transform here is the logarithm
        transformed[value.name] = np.log(point[variable.name]) if logged else point[variable.name]
    quick = Mode("py", "None")
    terms = model.compile_logp(sum=False, mode=quick)(transformed)  # Python sums 32 at most
    return float(sum(term.sum() for term in terms))


@every_case
def test_log_densities_are_equal(runs: xr.Dataset, law: str, options: dict[str, Any]) -> None:
    import numpyro

    hierarchy, centre = hierarchy_for(runs, get_law(law), **options), Centre.of(runs)
    problem = build(runs, centre, padded=False)
    program = program_numpyro.to_numpyro(hierarchy, problem, centre.loss)
    model = program_pymc.to_pymc(hierarchy, runs, centre)
    for seed in range(3):
        point = draw_point(hierarchy, problem, seed)
        expected = numpy_log_density(hierarchy, problem, point)
        # The programs' losses are in nats: a density over them is as much smaller.
        expected -= float((problem.measured * np.log(centre.loss)).sum())
        on_numpyro, _ = numpyro.infer.util.log_density(program, (), {}, point)
        assert float(on_numpyro) == pytest.approx(expected, rel=1e-8)
        # PyMC moves ln B: the derivative of B by it is B.
        jacobian = 0.0
        if hierarchy.truncated():
            jacobian = np.log(point[hierarchy.law.coefficients[-1].name]).sum()
        assert pymc_log_density(model, point) == pytest.approx(expected + jacobian, rel=1e-8)


@every_case
def test_the_sampled_density_is_the_plain_one_with_the_effects_integrated_out(
    runs: xr.Dataset, law: str, options: dict[str, Any]
) -> None:
    """log p(y, θ) = log p(y, θ, effects) - log p(effects | y, θ), whatever the effects."""
    hierarchy = hierarchy_for(runs, get_law(law), **options)
    problem = build(runs, Centre.of(runs), padded=False)
    point = draw_point(hierarchy, problem)
    flat = flatten(hierarchy, point)
    marginal = float(density.log_density(hierarchy, flat, problem))
    joint = numpy_log_density(hierarchy, problem, point)
    conditional = _log_conditional(hierarchy, problem, point)
    # What the effects explain cancels, up to some hundred roundings of the larger terms.
    exact = 1e-8 * abs(marginal) + 1e-13 * abs(joint)
    assert joint - conditional == pytest.approx(marginal, abs=exact)


def _log_conditional(hierarchy: Hierarchy, problem: Problem, point: dict[str, Any]) -> float:
    """Log density of coefficients and size effects given everything else, by linear algebra."""
    parameters = hierarchy.constrained(np, point, problem.own)
    basis, fixed = hierarchy.terms(np, parameters, problem.inputs())
    locations, spreads = hierarchy.coefficient_prior(point)
    sigma = np.exp(hierarchy.log_noise_sd(point, problem.mixture, problem.reference)).T
    sigma = np.broadcast_to(sigma, problem.loss.shape)
    free = [] if hierarchy.pooling == "full" else list(hierarchy.law.coefficients)
    total = 0.0
    for v in range(hierarchy.n_validation):
        rows = problem.measured[:, v] > 0
        columns = {
            c.name: np.broadcast_to(basis[c.name], problem.loss.T.shape)[v, rows]
            for c in hierarchy.law.coefficients
        }
        y = problem.loss[rows, v] - np.broadcast_to(fixed, problem.loss.T.shape)[v, rows]
        if not free:
            y = y - sum(
                m * columns[c.name]
                for m, c in zip(locations, hierarchy.law.coefficients, strict=True)
            )
        design = np.column_stack([problem.scale[rows], *(columns[c.name] for c in free)])
        n_scales = problem.scale.shape[1]
        tau = np.exp(point["log_size_effect_scale"])
        mean = np.array([0.0] * n_scales + ([] if not free else list(locations)))
        sd = np.array([tau] * n_scales + ([] if not free else list(spreads)))
        precision = np.diag(sd**-2) + design.T @ (design / sigma[rows, v, None] ** 2)
        covariance = np.linalg.inv(precision)
        centre = covariance @ (mean / sd**2 + design.T @ (y / sigma[rows, v] ** 2))
        effects = np.concatenate([point["size_effect"][v], [point[c.name][v] for c in free]])
        total += multivariate_normal(centre, (covariance + covariance.T) / 2).logpdf(effects)
        if hierarchy.truncated():
            total -= norm.logcdf(centre[-1] / np.sqrt(covariance[-1, -1]))
    return total


def test_the_pymc_model_names_its_dimensions_and_can_be_extended(runs: xr.Dataset) -> None:
    import pymc as pm

    complete = runs.isel(run=runs["loss"].notnull().all("validation").to_numpy())
    with to_pymc(complete, "camel") as model:
        pm.Normal("run_effect", 0.0, 0.01, dims="run")
    dims = model.named_vars_to_dims
    assert dims["elasticity"] == ("validation", "domain")
    assert dims["size_effect"] == ("validation", "scale")
    assert dims["loss"] == ("run", "validation")
    assert dims["run_effect"] == ("run",)
    assert list(model.coords["validation"]) == list(DOMAINS)
    assert list(model.coords["run"]) == list(complete["run"].values)


def test_a_missing_loss_is_no_observation(runs: xr.Dataset) -> None:
    model = to_pymc(runs, "chinchilla")
    measured = int(runs["loss"].notnull().sum())
    assert model.coords["measurement"][0] == "run-000|web"
    assert len(model.coords["measurement"]) == measured


def test_the_numpyro_program_draws_losses_from_the_prior(runs: xr.Dataset) -> None:
    import numpyro

    program = to_numpyro(runs, "r1")
    drawn = numpyro.infer.Predictive(program, num_samples=50)(jax.random.key(0), loss=None)
    assert drawn["loss"].shape == (50, runs.sizes["run"], len(DOMAINS))
    # A prior worth its name puts losses near those of the runs.
    relative = drawn["loss"] / runs["loss"].mean("run").to_numpy()
    assert 0.5 < float(np.median(relative)) < 2.0


def test_an_unknown_law_is_refused(runs: xr.Dataset) -> None:
    with pytest.raises(FitError, match="unknown law"):
        to_pymc(runs, "kamel")
