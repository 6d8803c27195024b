"""A law as a PyMC model with named dims: every quantity sampled, nothing integrated out.

The same prior and likelihood as `bayescamel.models.density` and the NumPyro program. Extend it as
any model: ``with to_pymc(...) as model: pm.Normal(...)``; its data are `pm.Data` containers.
"""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from bayescamel.extras import need
from bayescamel.laws.base import Array, Inputs
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.models.problem import Problem, build
from bayescamel.runs.sizes import Centre, scales

if TYPE_CHECKING:
    import pymc as pm


def to_pymc(hierarchy: Hierarchy, runs: xr.Dataset, centre: Centre) -> "pm.Model":
    """Write a law and its hierarchy as a PyMC model of these runs.

    Parameters
    ----------
    hierarchy
        The prior.
    runs, centre
        The run table, and the point around which the law is written.

    Returns
    -------
    pymc.Model
        Coords ``run, domain, validation, scale`` (sizes in total parameters). Free variables: the
        blocks of the hierarchy, on their unconstrained scales (``log_alpha``), ``log_run_noise
        (run)``, the coefficients and ``size_effect (validation, scale)``; deterministic: the law's
        parameters and ``sigma``, in units of the reference loss, and ``mean``; observed: ``loss``,
        nats per token, dims (run, validation), or the measured ones in a row (``measurement``)
        where some are missing. The group ``posterior`` of a fit's tree holds the free variables.
    """
    need("pymc")
    import pymc as pm
    import pytensor.tensor as pt

    problem = build(runs, centre, padded=False)
    sizes, scale = scales(runs)
    coords = {dim: runs[dim].to_numpy() for dim in ("run", "domain", "validation")}
    with pm.Model(coords=coords | {"scale": sizes[:, 0]}) as model:
        inputs = _inputs(problem)
        values: dict[str, Array] = {}
        for block in hierarchy.blocks():
            location, spread = block.prior(pt, values, problem.own)
            values[block.name] = pm.Normal(block.name, location, spread, dims=block.dims)
        parameters = hierarchy.constrained(pt, values, problem.own)
        for parameter in hierarchy.parameters():
            pm.Deterministic(parameter.name, parameters[parameter.name], dims=parameter.dims)
        basis, mean = hierarchy.terms(pt, parameters, inputs)
        for name, value in _coefficients(hierarchy, values).items():
            mean = mean + value[:, None] * basis[name]
        size_effect = pm.Normal(
            "size_effect",
            0.0,
            pt.exp(values["log_size_effect_scale"]),
            dims=("validation", "scale"),
        )
        unit = pm.Data("reference_loss", centre.loss, dims="validation")
        mean = (mean + size_effect[:, scale]).T * unit
        mean = pm.Deterministic("mean", mean, dims=("run", "validation"))
        pm.Deterministic("sigma", pt.exp(values["log_sigma"]), dims="validation")
        sigma = pt.exp(hierarchy.log_noise_sd(values, inputs.mixture[0], problem.reference)).T
        sigma = pt.broadcast_to(sigma, problem.loss.shape) * unit
        _observe(problem.loss * centre.loss, problem.measured > 0, mean, sigma)
    return model


def _inputs(problem: Problem) -> Inputs:
    import pymc as pm

    logs = {
        name: pm.Data(name, getattr(problem, name), dims="run")
        for name in ("log_total", "log_active", "log_tokens")
    }
    shares = {
        name: pm.Data(name, value, dims=("run", "domain"))[None]
        for name, value in (("mixture", problem.mixture), ("unique", problem.unique))
        if value is not None
    }
    return problem.inputs()._replace(**logs, log_capacity=logs["log_active"], **shares)


def _coefficients(hierarchy: Hierarchy, values: dict[str, Array]) -> dict[str, Array]:
    import pymc as pm
    import pytensor.tensor as pt

    result = {}
    locations, spreads = hierarchy.coefficient_prior(values)
    coefficients = hierarchy.law.coefficients
    for coefficient, location, spread in zip(coefficients, locations, spreads, strict=True):
        name, last = coefficient.name, coefficient is coefficients[-1]
        if hierarchy.pooling == "full":
            shared = pt.broadcast_to(location, (hierarchy.n_validation,))
            result[name] = pm.Deterministic(name, shared, dims="validation")
        elif last and hierarchy.truncated():
            result[name] = pm.TruncatedNormal(name, location, spread, lower=0.0, dims="validation")
        else:
            result[name] = pm.Normal(name, location, spread, dims="validation")
    return result


def _observe(loss: np.ndarray, measured: np.ndarray, mean: Array, sigma: Array) -> None:
    import pymc as pm

    if measured.all():
        pm.Normal("loss", mean, sigma, observed=loss, dims=("run", "validation"))
        return
    model = pm.modelcontext(None)
    rows, columns = np.nonzero(measured)
    names = [
        f"{model.coords['run'][row]}|{model.coords['validation'][column]}"
        for row, column in zip(rows, columns, strict=True)
    ]
    model.add_coord("measurement", names)
    pm.Normal(
        "loss",
        mean[rows, columns],
        sigma[rows, columns],
        observed=loss[measured],
        dims="measurement",
    )
