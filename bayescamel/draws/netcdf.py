"""A tree of draws in a NetCDF file, written whole or not at all, and sealed.

The seal, a hash of all before it at the end of the file, where NetCDF readers do not look, tells a
damaged file before the library that parses it can be led astray by it.
"""

import contextlib
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from bayescamel.draws.status import Status
from bayescamel.exceptions import BayesCamelError, StorageError
from bayescamel.input import check_file, shown
from bayescamel.output import write_whole

MAX_BYTES = 16 * 2**30
"""Of a file, and of what it holds when unpacked."""
SEAL = b"\nbayescamel-sha256:"
SEAL_BYTES = len(SEAL) + 64


def write_tree(tree: xr.DataTree, path: Path) -> None:
    """Write a tree; the file appears whole or not at all.

    Made in memory first: HDF5 does not survive a disk that is full.
    """
    content = bytes(tree.to_netcdf(engine="h5netcdf"))
    write_whole(path, content + SEAL + hashlib.sha256(content).hexdigest().encode())


def read_tree(path: Path) -> xr.DataTree:
    """Read what `write_tree` wrote; its attributes hold a ``format``.

    Raises
    ------
    StorageError
        When the file is missing, damaged, or none of ours.
    """
    check_file(path, "posterior", most=MAX_BYTES)
    with reading(path):
        content = path.read_bytes()
        if content[-SEAL_BYTES:-64] != SEAL:
            raise StorageError(
                f"{shown(path)} is no posterior written by this version of bayescamel, or it is "
                "cut off: fit again"
            )
        content, seal = content[:-SEAL_BYTES], content[-64:]
        if hashlib.sha256(content).hexdigest().encode() != seal:
            raise StorageError(f"{shown(path)} is damaged: fit again")
        _check_parts(content)
        tree = xr.load_datatree(io.BytesIO(content), engine="h5netcdf")
        tree.attrs["format"]
    return tree


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Have whatever a file that is none of ours makes a reader say end as one error.

    Raises
    ------
    StorageError
        For any other exception.
    """
    try:
        yield
    except BayesCamelError as error:
        where = "" if shown(path) in str(error) else f"{shown(path)}: "
        raise StorageError(f"{where}{error}") from error
    except Exception as error:  # parsers of files, and our own looking for what is not there
        raise StorageError(
            f"{shown(path)} is no posterior written by bayescamel: {type(error).__name__}: "
            f"{shown(error, 200)}"
        ) from error


def _check_parts(content: bytes) -> None:
    """Refuse what would be read from elsewhere, or would not fit into memory."""
    import h5py

    size = 0

    def look(name: str, entry: Any) -> None:
        nonlocal size
        if isinstance(entry, h5py.Dataset):
            if entry.external or entry.is_virtual:
                raise StorageError(f"{shown(name)} lies in another file, which is not read")
            size += entry.nbytes
            if size > MAX_BYTES:
                raise StorageError(f"{shown(name)} would take {size / 2**30:,.0f} GiB")

    def links(group: Any) -> None:
        for name in group:
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise StorageError(f"{shown(name)} is a link to elsewhere, which is not followed")
            look(name, entry := group[name])
            if isinstance(entry, h5py.Group):
                links(entry)

    with h5py.File(io.BytesIO(content), "r") as file:
        links(file)


def check_draws(draws: xr.Dataset, names: Sequence[str], n_validation: int) -> None:
    """Refuse draws that are not those of a law's parameters.

    Raises
    ------
    StorageError
        When there are none, of one of the `names` for instance, or for other validation domains.
    """
    for name in names or list(draws.data_vars)[:1] or ["any parameter"]:
        if name not in draws or draws[name].dims[:2] != ("chain", "draw") or not draws[name].size:
            raise StorageError(f"the posterior has no draws of {shown(name)!r}: fit again")
    if draws.sizes.get("validation", n_validation) != n_validation:
        raise StorageError("the posterior is of other validation domains than its runs: fit again")


def read_status(text: str) -> Status:
    """A status from the JSON of its `Status.to_dict`."""
    values = json.loads(text)
    return Status(**values | {"modes": tuple(values["modes"])})
