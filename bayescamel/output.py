"""Files of the user: outputs, written whole or not at all, and the folder of what is kept."""

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bayescamel.exceptions import StorageError


def check_output(path: Path, force: bool) -> None:
    """Refuse an output that cannot be written, before the work that fills it.

    Raises
    ------
    StorageError
        When the file exists and `force` is not set, or its folder does not.
    """
    if path.exists() and not force:
        raise StorageError(
            f"{path} exists already: choose another name or pass force=True (--force)"
        )
    if not path.absolute().parent.is_dir():
        raise StorageError(f"no folder {path.parent} to write {path.name} in: create it first")


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
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
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
        raise StorageError(f"{path} cannot be written: {error.strerror or error}") from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file at once; see `whole`."""
    with whole(path) as part:
        part.write_bytes(content)


def cache_folder() -> Path:
    """Where compiled programs and studies' posteriors are kept for this user."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "bayescamel"
