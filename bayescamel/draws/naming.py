"""The sampler's numbers by name: the group ``posterior`` of a tree, and ``prior`` alike."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from bayescamel.models.hierarchy import RUN_NOISE, Hierarchy
from bayescamel.runs.sizes import same_names, scales

DRAWS = ("chain", "draw")


def named_draws(
    hierarchy: Hierarchy,
    runs: xr.Dataset,
    values: Mapping[str, np.ndarray],
    coefficients: np.ndarray,
    size_effects: np.ndarray,
) -> xr.Dataset:
    """Name draws: what the PyMC and NumPyro programs sample, and what people read.

    Parameters
    ----------
    values
        Of the blocks, (chain, draw, ...). They keep their names (``log_alpha``, on unconstrained
        scales), so that the programs take these draws for their own.
    coefficients, size_effects
        (chain, draw, validation, coefficient) and (chain, draw, validation, scale); padding beyond
        the scales of the runs is dropped, as is that of values beyond the runs.
    """
    sizes, _ = scales(runs)
    named: dict[str, Any] = {}
    for block in hierarchy.blocks():
        value = values[block.name]
        if "run" in block.dims:
            value = value[..., : runs.sizes["run"]]
        named[block.name] = ((*DRAWS, *block.dims), value)
    dims = {parameter.name: parameter.dims for parameter in hierarchy.parameters()}
    for name, value in hierarchy.constrained(np, values, same_names(runs)).items():
        named[name] = ((*DRAWS, *dims[name]), value)
    named["sigma"] = ((*DRAWS, "validation"), np.exp(values["log_sigma"]))
    named["size_effect_scale"] = (DRAWS, np.exp(values["log_size_effect_scale"]))
    for i, coefficient in enumerate(hierarchy.law.coefficients):
        named[coefficient.name] = ((*DRAWS, "validation"), coefficients[..., i])
    named["size_effect"] = ((*DRAWS, "validation", "scale"), size_effects[..., : len(sizes)])
    if hierarchy.has_run_noise:
        named["run_noise"] = ((*DRAWS, "run"), np.exp(named[RUN_NOISE][1]))
    n_chains, n_draws = values["log_sigma"].shape[:2]
    coords: dict[str, Any] = {"chain": np.arange(n_chains), "draw": np.arange(n_draws)}
    coords |= {dim: runs[dim].to_numpy() for dim in ("run", "validation", "domain")}
    return xr.Dataset(named, coords | {"scale": sizes[:, 0]})
