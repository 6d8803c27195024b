"""Folders of the user alone, and outputs that are refused before any work."""

import os
import stat
from pathlib import Path

import pytest

from bayescamel.exceptions import StorageError
from bayescamel.models import compiled
from bayescamel.output import check_output, private_folder


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_private_folder_is_the_users_alone_whatever_the_mask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        assert rights(private_folder(tmp_path / "a" / "b")) == 0o700
    finally:
        os.umask(before)


def test_one_that_others_can_read_or_write_is_closed(tmp_path: Path) -> None:
    open_to_all = tmp_path / "cache"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    assert rights(private_folder(open_to_all)) == 0o700


def test_a_link_a_file_and_another_users_folder_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies in it is run: whoever planted it would have us run what they like."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="no folder of this user"):
        private_folder(tmp_path / "link")
    with pytest.raises(StorageError, match="cannot be made"):
        private_folder(tmp_path / "file")
    someone = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: someone)
    with pytest.raises(StorageError, match="no folder of this user"):
        private_folder(tmp_path / "theirs")


def test_compiled_programs_are_kept_in_a_private_folder_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(compiled, "jax", made := _WithoutCache())
    compiled.use_cache()
    folder = tmp_path / "bayescamel" / "jax"
    assert made.updates["jax_compilation_cache_dir"] == str(folder)
    assert rights(folder) == 0o700
    folder.rmdir()
    folder.symlink_to(tmp_path)
    monkeypatch.setattr(compiled, "jax", made := _WithoutCache())
    compiled.use_cache()
    assert made.updates == {}
    assert "no folder of this user" in caplog.text


class _WithoutCache:
    """JAX before a folder was chosen."""

    def __init__(self) -> None:
        self.config = self
        self.jax_compilation_cache_dir = None
        self.updates: dict[str, object] = {}

    def update(self, name: str, value: object) -> None:
        self.updates[name] = value


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("folder", "is a folder, a pipe or a device"),
        ("pipe", "is a folder, a pipe or a device"),
        ("there", "exists already"),
        ("away/out.nc", "no folder"),
        ("a" * 300, "cannot be written"),
        ("a\0b", "cannot be written"),
        ("/proc/out.nc", "cannot be written"),
    ],
)
def test_outputs_that_cannot_be_are_refused_before_the_work(
    tmp_path: Path, name: str, message: str
) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "there").touch()
    with pytest.raises(StorageError, match=message) as raised:
        check_output(tmp_path / name, force=False)
    assert str(raised.value).isprintable()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "pipe", "there"]
