"""Refuse an output file that cannot be written, before the work that would fill it."""

import os
import secrets
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


def write_whole(path: Path, content: bytes) -> None:
    """Write a file; it appears whole or not at all, and is on the disk when this returns.

    Raises
    ------
    StorageError
        When it cannot be written; what was there before is still there.
    """
    # A name that nobody can have foreseen, opened only if it is new: no planted link is followed.
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error
