"""A posterior in a NetCDF file: draws, runs, and what was asked of the sampler."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bayescamel._version import __version__
from bayescamel.draws.draws import Draws
from bayescamel.draws.netcdf import read_status, read_tree, reading, write_tree
from bayescamel.exceptions import StorageError
from bayescamel.input import shown
from bayescamel.laws import Coefficient, Law, Parameter, get_law
from bayescamel.models.hierarchy import Hierarchy, Noise
from bayescamel.output import check_output
from bayescamel.runs.sizes import Centre

FORMAT = 4
"""Raised when a file of today can no longer be read."""


def save(draws: Draws, path: Path, force: bool = False) -> None:
    """Write draws and what made them; the file appears whole or not at all.

    Raises
    ------
    StorageError
        When the file is there and `force` is not set, or its folder is not.
    """
    check_output(path, force)
    write_tree(as_tree(draws), path)


def as_tree(draws: Draws) -> xr.DataTree:
    """Draws and what made them, as `from_tree` takes them back."""
    tree = draws.tree.copy()
    tree["runs"] = xr.DataTree(draws.runs)
    hierarchy, centre = draws.hierarchy, draws.centre
    tree.attrs = {
        "format": FORMAT,
        "bayescamel_version": __version__,
        "law": hierarchy.law.name,
        "fingerprint": draws.runs.attrs.get("fingerprint", ""),
        "priors": _priors(hierarchy.law),
        "is_point_fit": int(draws.is_point_fit),
        "hierarchy": json.dumps(
            {
                "n_validation": hierarchy.n_validation,
                "n_domain": hierarchy.n_domain,
                "pooling": hierarchy.pooling,
                "sparse": hierarchy.sparse,
                "repeated": hierarchy.repeated,
                "noise": dataclasses.asdict(hierarchy.noise),
            }
        ),
        "centre": json.dumps({"n_params": centre.n_params, "n_tokens": centre.n_tokens}),
        "status": json.dumps(draws.status.to_dict()),
    }
    return tree


def _priors(law: Law) -> str:
    return json.dumps(
        {
            "parameters": [dataclasses.asdict(prior) for prior in law.parameters],
            "coefficients": [dataclasses.asdict(prior) for prior in law.coefficients],
        }
    )


def _stored_law(law: Law, priors: dict[str, list[dict[str, Any]]], path: Path) -> Law:
    """The law with the priors that the file tells."""
    parameters = [Parameter(**p | {"dims": tuple(p["dims"])}) for p in priors["parameters"]]
    coefficients = [Coefficient(**c) for c in priors["coefficients"]]
    try:
        return dataclasses.replace(
            law, parameters=tuple(parameters), coefficients=tuple(coefficients)
        )
    except TypeError as error:
        raise StorageError(f"{path}: law {law.name!r} has changed since: fit again") from error


def load[D: Draws](path: Path, into: type[D]) -> D:
    """Read what `save` wrote.

    Raises
    ------
    StorageError
        When the file is missing, is no posterior of ours, or one of a law that has changed
        since.
    """
    tree = read_tree(path)
    with reading(path):
        return from_tree(tree, path, into)


def from_tree[D: Draws](tree: xr.DataTree, path: Path, into: type[D]) -> D:
    """Take draws back from a tree of `as_tree`, which was read from `path`."""
    attrs = tree.attrs
    stored = attrs["format"]
    if stored != FORMAT:
        raise StorageError(
            f"{shown(path)} has format {shown(stored)}, this version reads {FORMAT}: fit again"
        )
    law = _stored_law(get_law(attrs["law"]), json.loads(attrs["priors"]), path)
    options = json.loads(attrs["hierarchy"])
    if set(options["noise"]) != {field.name for field in dataclasses.fields(Noise)}:
        raise StorageError(f"{path}: the priors of the noise have changed since: fit again")
    hierarchy = Hierarchy(law, **options | {"noise": Noise(**options["noise"])})
    runs = tree["runs"].to_dataset().assign_attrs(tree["runs"].attrs)
    del tree["runs"]
    constant = tree["constant_data"].to_dataset()
    status, is_point_fit = read_status(attrs["status"]), bool(attrs["is_point_fit"])
    tree.attrs = {}
    return into(
        tree=tree,
        runs=runs,
        hierarchy=hierarchy,
        centre=Centre(
            mixture=np.asarray(constant["reference_mixture"]),
            loss=np.asarray(constant["reference_loss"]),
            **json.loads(attrs["centre"]),
        ),
        status=status,
        is_point_fit=is_point_fit,
    )
