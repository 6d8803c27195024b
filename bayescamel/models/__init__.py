"""The same law as a marginal log density for our sampler, a NumPyro and a PyMC program."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import xarray as xr

from bayescamel.laws import Law, get_law
from bayescamel.models import program_numpyro, program_pymc
from bayescamel.models.hierarchy import Noise, Pooling
from bayescamel.models.problem import build, hierarchy_for
from bayescamel.runs.sizes import Centre

if TYPE_CHECKING:
    import pymc as pm


def to_pymc(
    runs: xr.Dataset,
    law: str | Law = "camel",
    pooling: Pooling = "partial",
    noise: Noise | None = None,
) -> "pm.Model":
    """A law of these runs as a PyMC model; see `bayescamel.models.program_pymc`."""
    hierarchy = hierarchy_for(runs, get_law(law), pooling, noise)
    return program_pymc.to_pymc(hierarchy, runs, Centre.of(runs))


def to_numpyro(
    runs: xr.Dataset,
    law: str | Law = "camel",
    pooling: Pooling = "partial",
    noise: Noise | None = None,
) -> Callable[..., None]:
    """A law of these runs as a NumPyro program; see `bayescamel.models.program_numpyro`."""
    hierarchy = hierarchy_for(runs, get_law(law), pooling, noise)
    centre = Centre.of(runs)
    return program_numpyro.to_numpyro(hierarchy, build(runs, centre, padded=False), centre.loss)
