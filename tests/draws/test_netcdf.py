"""A posterior's file: whole, sealed, and read with care."""

import hashlib
import io
import os
import random
import resource
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from bayescamel.draws.netcdf import CHECKSUMS, SEAL, read_tree, write_tree
from bayescamel.exceptions import StorageError
from bayescamel.output import write_whole
from bayescamel.posterior import Posterior


def tree() -> xr.DataTree:
    draws = xr.Dataset(
        {"alpha": (("chain", "draw"), np.random.default_rng(0).normal(size=(2, 50)))}
    )
    made = xr.DataTree.from_dict({"posterior": draws})
    made.attrs["format"] = 1
    return made


def sealed(content: bytes) -> bytes:
    return content + SEAL + hashlib.sha256(content).hexdigest().encode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_tree(tree(), tmp_path / "p.nc")
    return tmp_path / "p.nc"


def test_what_was_written_is_read_by_us_and_by_any_netcdf_reader(path: Path) -> None:
    theirs = xr.load_datatree(path, engine="h5netcdf")
    del theirs.attrs[CHECKSUMS]
    for found in (read_tree(path), theirs):
        xr.testing.assert_identical(found, tree())
    assert [p.name for p in path.parent.iterdir()] == ["p.nc"]


def test_every_damage_is_told(path: Path) -> None:
    """A bit flipped, bytes lost or added anywhere; the file is not even parsed."""
    chance = random.Random(0)
    content = path.read_bytes()
    for _ in range(100):
        place = chance.randrange(len(content))
        flipped = bytes([content[place] ^ 1 << chance.randrange(8)])
        for damaged in (
            content[:place] + flipped + content[place + 1 :],
            content[:place],
            content[:place] + b"\0" + content[place:],
        ):
            path.write_bytes(damaged)
            with pytest.raises(StorageError, match="fit again"):
                read_tree(path)


def hdf5(fill: Callable[[h5py.File], object]) -> bytes:
    made = io.BytesIO()
    with h5py.File(made, "w") as file:
        file.attrs["format"] = 1
        fill(file)
    return made.getvalue()


def link(file: h5py.File) -> None:
    file["posterior"] = h5py.ExternalLink("/etc/hostname", "/")


def soft(file: h5py.File) -> None:
    file["posterior"] = h5py.SoftLink("/nowhere")


def external(file: h5py.File) -> None:
    file.create_dataset("x", (4,), "u1", external=[("/etc/hostname", 0, 4)])


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((4,), "u1")
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", (4,))
    file.create_virtual_dataset("x", layout)


def absurd(file: h5py.File) -> None:
    file.create_dataset("x", (2**40,), "f8", chunks=(2**20,))


@pytest.mark.parametrize(
    ("fill", "message"),
    [
        (link, "link to elsewhere"),
        (soft, "link to elsewhere"),
        (external, "another file"),
        (virtual, "another file"),
        (absurd, "GiB"),
        (lambda file: file.attrs.pop("format"), "no posterior written by bayescamel"),
    ],
)
def test_hostile_files_are_refused_before_they_are_read(
    tmp_path: Path, fill: Callable[[h5py.File], object], message: str
) -> None:
    path = tmp_path / "p.nc"
    path.write_bytes(sealed(hdf5(fill)))
    with pytest.raises(StorageError, match=message):
        read_tree(path)


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 1000, b"CDF\x01" + b"\0" * 99, b"\x89HDF\r\n\x1a\n" + b"\xff" * 500]
)
def test_what_is_no_netcdf_is_one_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p.nc"
    for given in (content, sealed(content)):
        path.write_bytes(given)
        with pytest.raises(StorageError):
            Posterior.load(path)


def test_missing_and_odd_groups_are_one_error(tmp_path: Path) -> None:
    path = tmp_path / "p.nc"
    bare = tree()
    for attributes in ({}, {"law": "camel"}, {"law": "camel", "hierarchy": "3"}, {"law": "x"}):
        bare.attrs = {"format": 1} | attributes
        write_tree(bare, path)
        with pytest.raises(StorageError, match=r"p\.nc"):
            Posterior.load(path)


CHANGES: dict[str, Callable[[xr.DataTree], object]] = {
    "a number": lambda tree: tree["posterior"].update({"alpha": 2 * tree["posterior"]["alpha"]}),
    "a name": lambda tree: tree["posterior"].update({"beta": tree["posterior"]["alpha"]}),
    "order of dims": lambda tree: tree["posterior"].update(
        {"alpha": tree["posterior"]["alpha"].transpose()}
    ),
    "a fact": lambda tree: tree.attrs.update(format=2),
    "a fact of a group": lambda tree: tree["posterior"].attrs.update(law="r1"),
    "a group more": lambda tree: tree.update({"more": xr.DataTree()}),
    "a group less": lambda tree: tree.__delitem__("posterior"),
    "no draws": lambda tree: tree.update({"posterior": tree["posterior"].isel(draw=slice(0, 0))}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_another_tool_changed_is_refused_under_a_valid_seal(path: Path, change: str) -> None:
    """The checksums of the groups tell it, and which group it was."""
    theirs = xr.load_datatree(path, engine="h5netcdf")
    CHANGES[change](theirs)
    path.write_bytes(sealed(bytes(theirs.to_netcdf(engine="h5netcdf"))))
    group = "'/'" if change == "a fact" else "'/(posterior|more)'"
    with pytest.raises(StorageError, match=f"the group {group} was changed: fit again"):
        read_tree(path)


def test_folders_pipes_and_missing_files_are_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, message in (
        (".", "folder"),
        ("pipe", "pipe"),
        ("none.nc", "no file"),
        ("a\0b", "null"),
    ):
        with pytest.raises(StorageError, match=message):
            Posterior.load(tmp_path / name)


def test_a_full_disk_is_one_error_and_leaves_what_was_there(path: Path) -> None:
    before = path.read_bytes()
    soft_limit, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(StorageError, match="cannot be written"):
            write_tree(tree(), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft_limit, hard))
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["p.nc"]


def test_no_planted_link_is_followed(tmp_path: Path) -> None:
    """The old name of an unfinished file, and the name itself."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    for name in (".out.nc.part", "out.nc"):
        (tmp_path / name).symlink_to(victim)
    write_whole(tmp_path / "out.nc", b"new")
    assert victim.read_text() == "mine"
    assert (tmp_path / "out.nc").read_bytes() == b"new"
    assert not (tmp_path / "out.nc").is_symlink()
