"""Refuse an output file that cannot be written, before the work that would fill it."""

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
