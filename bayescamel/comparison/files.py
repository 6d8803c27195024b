"""A stack of posteriors in a NetCDF file."""

from collections.abc import Mapping
from pathlib import Path

import xarray as xr

from bayescamel.draws.files import as_tree, from_tree
from bayescamel.draws.netcdf import read_tree, reading, write_tree
from bayescamel.exceptions import StorageError
from bayescamel.input import shown
from bayescamel.output import check_output
from bayescamel.posterior import Posterior

FORMAT = "stack-1"
"""Changed when a file of today can no longer be read."""


def save(
    components: Mapping[str, Posterior],
    weights: xr.DataArray,
    scores: xr.DataArray,
    path: Path,
    force: bool = False,
) -> None:
    """Write the parts of a stack; the file appears whole or not at all.

    Raises
    ------
    StorageError
        When the file is there and `force` is not set, or its folder is not.
    """
    check_output(path, force)
    tree = xr.DataTree(xr.Dataset({"weights": weights, "scores": scores}))
    for law, posterior in components.items():
        tree[law] = as_tree(posterior)
    tree.attrs = {"format": FORMAT}
    write_tree(tree, path)


def load(path: Path) -> tuple[dict[str, Posterior], xr.DataArray, xr.DataArray]:
    """Read the parts of a stack: posteriors by law, weights and scores.

    Raises
    ------
    StorageError
        When the file is missing, is no stack, or one of a law that has changed since.
    """
    tree = read_tree(path)
    with reading(path):
        if (stored := tree.attrs["format"]) != FORMAT:
            raise StorageError(
                f"{shown(path)} is no stack of this version (format {shown(stored)}): write one "
                "with stack(posteriors).save(path)"
            )
        weights = tree.to_dataset()
        components = {
            str(law): from_tree(tree.children[str(law)].copy(), path, Posterior)
            for law in weights["law"].to_numpy()
        }
    return components, weights["weights"], weights["scores"]
