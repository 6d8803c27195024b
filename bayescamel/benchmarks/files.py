"""A benchmark posterior in a NetCDF file."""

import dataclasses
import json
from pathlib import Path

import xarray as xr

from bayescamel._version import __version__
from bayescamel.benchmarks.draws import BenchmarkDraws
from bayescamel.benchmarks.hierarchy import BenchmarkHierarchy
from bayescamel.benchmarks.laws import get_benchmark_law
from bayescamel.benchmarks.laws.base import BenchmarkLaw
from bayescamel.draws.netcdf import read_status, read_tree, reading, write_tree
from bayescamel.exceptions import StorageError
from bayescamel.output import check_output

FORMAT = "benchmarks-1"
"""Changed when a file of today can no longer be read."""


def save(posterior: BenchmarkDraws, path: Path, force: bool = False) -> None:
    """Write a posterior; the file appears whole or not at all.

    Raises
    ------
    StorageError
        When the file is there and `force` is not set, or its folder is not.
    """
    check_output(path, force)
    tree = posterior.tree.copy()
    tree["runs"] = xr.DataTree(posterior.runs)
    tree["facts"] = xr.DataTree(posterior.facts)
    tree["reference"] = xr.DataTree(posterior.reference.to_dataset(name="loss"))
    hierarchy = posterior.hierarchy
    tree.attrs = {
        "format": FORMAT,
        "bayescamel_version": __version__,
        "law": hierarchy.law.name,
        "measures": hierarchy.measures,
        "fingerprint": posterior.runs.attrs.get("fingerprint", ""),
        "priors": _priors(hierarchy.law),
        "status": json.dumps(posterior.status.to_dict()),
    }
    write_tree(tree, path)


def load(path: Path) -> BenchmarkDraws:
    """Read a posterior.

    Raises
    ------
    StorageError
        When the file is missing, is no benchmark posterior, or one of a law whose priors have
        changed since.
    """
    tree = read_tree(path)
    with reading(path):
        return _from_tree(tree, path)


def _from_tree(tree: xr.DataTree, path: Path) -> BenchmarkDraws:
    stored = tree.attrs["format"]
    if stored != FORMAT:
        raise StorageError(
            f"{path} is no benchmark posterior of this version (format {stored}): write one with "
            "bayescamel fit-benchmarks"
        )
    law = get_benchmark_law(tree.attrs["law"])
    if tree.attrs["priors"] != _priors(law):
        raise StorageError(f"{path}: the priors of law {law.name!r} have changed since: fit again")
    runs = tree["runs"].to_dataset().assign_attrs(tree["runs"].attrs)
    facts = tree["facts"].to_dataset()
    facts = facts.assign(above_chance=facts["above_chance"].astype(bool))
    reference = tree["reference"].to_dataset()["loss"]
    status = read_status(tree.attrs["status"])
    hierarchy = BenchmarkHierarchy(
        law, runs.sizes["benchmark"], runs.sizes["validation"], tree.attrs["measures"]
    )
    for name in ("runs", "facts", "reference"):
        del tree[name]
    tree.attrs = {}
    return BenchmarkDraws(
        tree=tree,
        runs=runs,
        hierarchy=hierarchy,
        facts=facts,
        reference=reference,
        status=status,
    )


def _priors(law: BenchmarkLaw) -> str:
    return json.dumps([dataclasses.asdict(parameter) for parameter in law.parameters])
