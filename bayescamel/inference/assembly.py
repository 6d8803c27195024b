"""From the sampler's numbers to an ArviZ tree with named dimensions."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bayescamel.draws.naming import DRAWS, named_draws
from bayescamel.models.blocks import dimension, unflatten
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.runs.sizes import Centre

if TYPE_CHECKING:
    from bayescamel.inference.nuts import Chains


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
    coords: dict[str, Any] = {
        "chain": np.arange(chains.unconstrained.shape[0]),
        "draw": np.arange(chains.unconstrained.shape[1]),
    }
    posterior = named_draws(hierarchy, runs, values, coefficients, size_effects)
    n = dimension(hierarchy)
    constant = runs.drop_vars("loss").assign(
        reference_loss=("validation", centre.loss), reference_mixture=("domain", centre.mixture)
    )
    return xr.DataTree.from_dict(
        {
            "posterior": posterior,
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
