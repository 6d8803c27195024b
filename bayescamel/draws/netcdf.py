"""A tree of draws in a NetCDF file, written whole or not at all, and sealed.

The seal, a hash of all before it at the end of the file, where NetCDF readers do not look, tells a
damaged file before the library that parses it can be led astray by it. Checksums of the groups,
an attribute, tell a file that another tool changed and sealed.
"""

import contextlib
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bayescamel.draws.status import Status
from bayescamel.exceptions import BayesCamelError, StorageError
from bayescamel.input import check_file, shown
from bayescamel.output import write_whole

MAX_BYTES = 16 * 2**30
"""Of a file, and of what it holds when unpacked."""
PARSING = (OSError, EOFError, MemoryError, RuntimeError, LookupError, ValueError, TypeError)
"""What h5py, json, xarray and NumPy raise of files that are damaged, or none of ours."""
SEAL = b"\nbayescamel-sha256:"
SEAL_BYTES = len(SEAL) + 64
CHECKSUMS = "checksums"
"""Attribute: SHA-256 by group, as JSON."""


def write_tree(tree: xr.DataTree, path: Path) -> None:
    """Write a tree; the file appears whole or not at all.

    Made in memory first: HDF5 does not survive a disk that is full.
    """
    tree = tree.copy()
    tree.attrs[CHECKSUMS] = json.dumps(_checksums(tree))
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
        written = json.loads(tree.attrs.pop(CHECKSUMS))
        found = _checksums(tree)
        for name in sorted({*written, *found}):
            if written.get(name) != found.get(name):
                raise StorageError(f"the group {shown(name)!r} was changed: fit again")
    return tree


def _checksums(tree: xr.DataTree) -> dict[str, str]:
    """SHA-256 of each group: names, dims, numbers and attributes, by the group's path."""
    result = {}
    for group in tree.subtree:
        digest = hashlib.sha256()
        for name, variable in sorted(group.to_dataset(inherit=False).variables.items(), key=str):
            values = variable.to_numpy()
            digest.update(f"{name}{variable.dims}{values.shape}".encode())
            if values.dtype.kind in "biuf":
                digest.update(values.astype("<f8").tobytes())
            else:
                digest.update(repr([str(value) for value in values.ravel()]).encode())
        for name, value in sorted(group.attrs.items()):
            digest.update(f"{name}={np.asarray(value).tolist()}".encode())
        result[group.path] = digest.hexdigest()
    return result


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Have what a file that is none of ours makes a reader say end as one error.

    Raises
    ------
    StorageError
        For an error of ours, and for what parsers raise of files and we when something is not
        there. Others are faults of the program, and stay what they are.
    """
    try:
        yield
    except BayesCamelError as error:
        where = "" if shown(path) in str(error) else f"{shown(path)}: "
        raise StorageError(f"{where}{error}") from error
    except PARSING as error:
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


def read_status(text: str) -> Status:
    """A status from the JSON of its `Status.to_dict`."""
    values = json.loads(text)
    return Status(**values | {"modes": tuple(values["modes"])})
