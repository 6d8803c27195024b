"""A tree of draws in a NetCDF file, written whole or not at all."""

import json
from pathlib import Path

import xarray as xr

from bayescamel.draws.status import Status
from bayescamel.exceptions import StorageError


def write_tree(tree: xr.DataTree, path: Path) -> None:
    """Write a tree; the file appears whole or not at all."""
    unfinished = path.with_name(f".{path.name}.part")
    try:
        tree.to_netcdf(unfinished, engine="h5netcdf")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def read_tree(path: Path) -> xr.DataTree:
    """Read what `write_tree` wrote; its attributes hold a ``format``.

    Raises
    ------
    StorageError
        When the file is missing or is none of ours.
    """
    if not path.is_file():
        raise StorageError(f"{path}: no such file")
    try:
        tree = xr.load_datatree(path, engine="h5netcdf")
        tree.attrs["format"]
    except (OSError, KeyError, ValueError) as error:
        raise StorageError(f"{path} is no posterior written by bayescamel: {error}") from error
    return tree


def read_status(text: str) -> Status:
    """A status from the JSON of its `Status.to_dict`."""
    values = json.loads(text)
    return Status(**values | {"modes": tuple(values["modes"])})
