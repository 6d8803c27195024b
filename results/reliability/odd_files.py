"""Posterior files: damaged, or changed by another tool and sealed anew."""

import hashlib
import io
import random
from pathlib import Path

import xarray as xr
from odd_cases import Count

from bayescamel.draws.netcdf import SEAL, SEAL_BYTES
from bayescamel.posterior import Posterior
from tests.prior_posterior import example_runs, prior_posterior


def posterior_file(folder: Path) -> Path:
    """A posterior whose draws are of the prior: it is read like any other."""
    path = folder / "posterior.nc"
    prior_posterior(example_runs()).save(path)
    return path


def odd(tree: xr.DataTree, chance: random.Random) -> None:
    """Change a tree as one who writes it with other tools may."""
    group = chance.choice(list(tree.children))
    dataset = tree[group].to_dataset()
    name = chance.choice([str(n) for n in dataset.data_vars] or ["x"])
    what = chance.randrange(7)
    if what == 0:
        del tree[group]
    elif what == 1 and name in dataset:
        tree[group] = xr.DataTree(dataset.drop_vars(name))
    elif what == 2 and name in dataset:
        tree[group] = xr.DataTree(dataset.rename({name: "other"}))
    elif what == 3 and name in dataset and dataset[name].dims:
        tree[group] = xr.DataTree(dataset.isel({dataset[name].dims[0]: slice(0, 0)}))
    elif what == 4 and tree.attrs:
        del tree.attrs[chance.choice(list(tree.attrs))]
    elif what == 5 and tree.attrs:
        tree.attrs[chance.choice(list(tree.attrs))] = chance.choice(("", "{", "[]", "3", "null"))
    else:
        tree["more"] = xr.DataTree(xr.Dataset({"x": ("n", [1.0])}))


def posteriors(numbers: range, folder: Path) -> Count:
    """Bytes damaged, or another content under a new seal; what is taken must be all that it was."""
    count = Count("posterior files")
    path = posterior_file(folder)
    content, good = path.read_bytes(), Posterior.load(path)
    whole = xr.load_datatree(io.BytesIO(content[:-SEAL_BYTES]), engine="h5netcdf")

    def work(chance: random.Random) -> str:
        if chance.random() < 0.5:
            odd(tree := whole.copy(deep=True), chance)
            inner = bytes(tree.to_netcdf(engine="h5netcdf"))
            path.write_bytes(inner + SEAL + hashlib.sha256(inner).hexdigest().encode())
        else:
            place, length = chance.randrange(len(content)), chance.choice((1, 4, 4096))
            new = chance.randbytes(length)
            cut = (content[:place], content[:place] + new + content[place + length :], content)
            path.write_bytes(chance.choice(cut))
        found = Posterior.load(path)
        same = found.tree.identical(good.tree) and found.runs.identical(good.runs)
        same &= (found.hierarchy, found.status) == (good.hierarchy, good.status)
        return "taken" if same else "wrong"

    for number in numbers:
        count.case(number, work)
    return count
