"""A posterior in a NetCDF file: draws, runs, and what was asked of the sampler."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import xarray as xr

from bayescamel._version import __version__
from bayescamel.draws.netcdf import read_status, read_tree, write_tree
from bayescamel.exceptions import StorageError
from bayescamel.laws import get_law
from bayescamel.models.hierarchy import Hierarchy, Noise
from bayescamel.models.problem import Centre
from bayescamel.output import check_output
from bayescamel.posterior import Posterior

FORMAT = 1
"""Raised when a file of today can no longer be read."""


def save(posterior: Posterior, path: Path, force: bool = False) -> None:
    """Write a posterior; the file appears whole or not at all.

    Raises
    ------
    StorageError
        When the file is there and `force` is not set, or its folder is not.
    """
    check_output(path, force)
    tree = posterior.tree.copy()
    tree["runs"] = xr.DataTree(posterior.runs)
    hierarchy, centre = posterior.hierarchy, posterior.centre
    tree.attrs = {
        "format": FORMAT,
        "bayescamel_version": __version__,
        "law": hierarchy.law.name,
        "fingerprint": posterior.runs.attrs.get("fingerprint", ""),
        "priors": json.dumps(
            {
                "parameters": [dataclasses.asdict(p) for p in hierarchy.law.parameters],
                "coefficients": [dataclasses.asdict(c) for c in hierarchy.law.coefficients],
            }
        ),
        "hierarchy": json.dumps(
            {
                "n_validation": hierarchy.n_validation,
                "n_domain": hierarchy.n_domain,
                "pooling": hierarchy.pooling,
                "sparse": hierarchy.sparse,
                "noise": dataclasses.asdict(hierarchy.noise),
            }
        ),
        "centre": json.dumps({"n_params": centre.n_params, "n_tokens": centre.n_tokens}),
        "status": json.dumps(posterior.status.to_dict()),
    }
    write_tree(tree, path)


def load(path: Path) -> Posterior:
    """Read a posterior.

    Raises
    ------
    StorageError
        When the file is missing, is no posterior of ours, or one of a law whose priors have
        changed since.
    """
    tree = read_tree(path)
    attrs = tree.attrs
    stored = attrs["format"]
    if stored != FORMAT:
        raise StorageError(f"{path} has format {stored}, this version reads {FORMAT}: fit again")
    law = get_law(attrs["law"])
    options = json.loads(attrs["hierarchy"])
    if set(options["noise"]) != {field.name for field in dataclasses.fields(Noise)}:
        raise StorageError(f"{path}: the priors of the noise have changed since: fit again")
    hierarchy = Hierarchy(law, **options | {"noise": Noise(**options["noise"])})
    priors = json.loads(attrs["priors"])
    if priors["parameters"] != json.loads(
        json.dumps([dataclasses.asdict(p) for p in law.parameters])
    ):
        raise StorageError(f"{path}: the priors of law {law.name!r} have changed since: fit again")
    runs = tree["runs"].to_dataset().assign_attrs(tree["runs"].attrs)
    del tree["runs"]
    constant = tree["constant_data"]
    status = read_status(attrs["status"])
    tree.attrs = {}
    return Posterior(
        tree=tree,
        runs=runs,
        hierarchy=hierarchy,
        centre=Centre(
            mixture=np.asarray(constant["reference_mixture"]),
            loss=np.asarray(constant["reference_loss"]),
            **json.loads(attrs["centre"]),
        ),
        status=status,
    )
