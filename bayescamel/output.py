"""Files of the user: outputs, written whole or not at all, and the folder of what is kept."""

import hashlib
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bayescamel.exceptions import StorageError
from bayescamel.input import shown


def check_output(path: Path, force: bool) -> None:
    """Refuse an output that cannot be written, before the work that fills it.

    Raises
    ------
    StorageError
        When the file exists and `force` is not set, is none, or its folder does not exist or
        cannot be written.
    """
    where = shown(path)
    try:
        found = path.lstat() if path.is_symlink() else path.stat()
    except FileNotFoundError:
        found = None
    except (OSError, ValueError) as error:  # a name of 300 characters; one with a NUL
        reason = getattr(error, "strerror", None) or str(error)
        raise StorageError(f"{where} cannot be written: {reason}") from error
    if found is not None and not stat.S_ISREG(found.st_mode) and not path.is_symlink():
        raise StorageError(f"{where} is a folder, a pipe or a device: choose another name")
    if found is not None and not force:
        raise StorageError(
            f"{where} exists already: choose another name or pass force=True (--force)"
        )
    folder = path.absolute().parent
    if not folder.is_dir():
        raise StorageError(
            f"no folder {shown(path.parent)} to write {shown(path.name)} in: create it first"
        )
    try:
        # Written and taken away: rights alone do not tell of a folder of /proc, or a full disk.
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".", suffix=".part") as probe:
            probe.write(b"0")
    except OSError as error:
        raise StorageError(
            f"{where} cannot be written in {shown(folder)}: {error.strerror}"
        ) from error


def private_folder(path: Path) -> Path:
    """A folder of the user alone, made where it is missing: what lies in it is run or believed.

    Raises
    ------
    StorageError
        When it cannot be made, or is another user's.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise StorageError(f"{shown(path)} is no folder of this user: remove it")
        if stat.S_IMODE(found.st_mode) & 0o077:
            path.chmod(0o700)
    except OSError as error:
        raise StorageError(f"{shown(path)} cannot be made: {error.strerror}") from error
    return path


def file_name(name: str) -> str:
    """A name as part of a file's: itself where every system takes it, else with a hash of it."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:60]
    if plain == name:
        return name
    return f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Name a new, empty file to write; once it is written and on the disk it becomes `path`.

    Raises
    ------
    StorageError
        When it cannot be written; what was there before is still there.
    """
    # A name that nobody can have foreseen, opened only if it is new: no planted link is followed.
    try:
        part = path.with_name(f".{secrets.token_hex(8)}.part")
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        try:
            yield part
            descriptor = os.open(part, os.O_RDWR)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{shown(path)} cannot be written: {error.strerror or error}") from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file at once; see `whole`."""
    with whole(path) as part:
        part.write_bytes(content)


def cache_folder() -> Path:
    """Where compiled programs and studies' posteriors are kept for this user."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "bayescamel"
