"""From the sampler's numbers to an ArviZ tree with named dimensions."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bayescamel.models.blocks import dimension, unflatten
from bayescamel.models.hierarchy import RUN_NOISE, Hierarchy
from bayescamel.runs.sizes import Centre, same_names, scales

if TYPE_CHECKING:
    from bayescamel.inference.nuts import Chains

DRAWS = ("chain", "draw")


def assemble(
    hierarchy: Hierarchy,
    runs: xr.Dataset,
    centre: Centre,
    chains: "Chains",
    coefficients: np.ndarray,
    size_effects: np.ndarray,
) -> xr.DataTree:
    """Name the sampler's numbers: the tree of a `Posterior`.

    Parameters
    ----------
    coefficients, size_effects
        Exact draws, shapes (chain, draw, validation, coefficient) and
        (chain, draw, validation, scale); padding beyond the runs and their scales is dropped.
    """
    values = unflatten(hierarchy, chains.unconstrained)
    sizes, _ = scales(runs)
    coords: dict[str, Any] = {
        "chain": np.arange(chains.unconstrained.shape[0]),
        "draw": np.arange(chains.unconstrained.shape[1]),
    }
    named = coords | {dim: runs[dim].to_numpy() for dim in ("run", "validation", "domain")}
    named["scale"] = sizes[:, 0]
    posterior = _law_parameters(hierarchy, values, same_names(runs))
    for i, coefficient in enumerate(hierarchy.law.coefficients):
        posterior[coefficient.name] = ((*DRAWS, "validation"), coefficients[..., i])
    posterior["size_effect"] = (
        (*DRAWS, "validation", "scale"),
        size_effects[..., : len(sizes)],
    )
    n = dimension(hierarchy)
    if hierarchy.has_run_noise:
        log_noise = values[RUN_NOISE][..., : runs.sizes["run"]]
        posterior["run_noise"] = ((*DRAWS, "run"), np.exp(log_noise))
    constant = runs.drop_vars("loss").assign(
        reference_loss=("validation", centre.loss), reference_mixture=("domain", centre.mixture)
    )
    return xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset(posterior, named),
            "sample_stats": xr.Dataset(
                {name: (DRAWS, value) for name, value in chains.stats.items()}, coords
            ),
            "observed_data": runs[["loss"]],
            "constant_data": constant,
            "unconstrained": xr.Dataset(
                {"value": ((*DRAWS, "parameter"), chains.unconstrained[..., :n])}
                | ({} if chains.root is None else {"root": (("parameter", "white"), chains.root)}),
                coords | {"parameter": parameter_names(hierarchy)},
            ),
        }
    )


def _law_parameters(
    hierarchy: Hierarchy, values: dict[str, np.ndarray], own: np.ndarray
) -> dict[str, Any]:
    """Parameters in their own units, and what they are pooled by."""
    dims = {parameter.name: parameter.dims for parameter in hierarchy.parameters()}
    constrained = hierarchy.constrained(np, values, own)
    posterior: dict[str, Any] = {
        name: ((*DRAWS, *dims[name]), value) for name, value in constrained.items()
    }
    for block in hierarchy.blocks():
        if block.name.endswith(("_location", "_log_spread", "_lopsided")):
            posterior[block.name] = (DRAWS, values[block.name])
    posterior["sigma"] = ((*DRAWS, "validation"), np.exp(values["log_sigma"]))
    posterior["size_effect_scale"] = (DRAWS, np.exp(values["log_size_effect_scale"]))
    return posterior


def parameter_names(hierarchy: Hierarchy) -> list[str]:
    """One name for each of the sampler's numbers, in their order: ``log_alpha[0]``."""
    names = []
    for block in hierarchy.blocks():
        shape = hierarchy.shape(block.dims)
        names += [
            block.name + (f"[{','.join(map(str, place))}]" if place else "")
            for place in np.ndindex(*shape)
        ]
    return names
