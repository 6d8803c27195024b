"""Gates for what comes from outside: files, JSON, numbers, and text that is shown.

What passes can be computed with and stored; all else is refused by one line that names it.
"""

import json
import math
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bayescamel.exceptions import BayesCamelError, StorageError

MAX_BYTES = 64 * 2**20
"""Of a text file: a run's record has some thousand, a table of a million runs a hundred times."""
MAX_DEPTH = 64
"""Of nested JSON; records, spaces and evaluation results nest five deep."""
MAX_DIGITS = 300
"""Of an integer: a float holds 308."""
MAX_NAME = 200
"""Characters of a name."""
MAX_SHOWN = 80
"""Characters of a name or cell that a message quotes."""
WEIGHT_TOLERANCE = 1e-3
"""How far the weights of a mixture may sum from 1 and be scaled: three digits written by hand."""

_COUNT = re.compile(r"((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?)\s*([kmbgt]?)", re.IGNORECASE)
_SUFFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12}


def printable(text: object) -> str:
    """Text as it may stand on a terminal: control characters by their escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def shown(text: object, most: int = MAX_SHOWN) -> str:
    """A name, path or cell as it may stand in a message: printable, and not without end."""
    words = printable(text)
    return words if len(words) <= most else words[: most - 1] + "…"


def check_file(
    path: Path, what: str, error: type[BayesCamelError] = StorageError, most: int = MAX_BYTES
) -> None:
    """Refuse a file that is missing, no file (a folder, a pipe, a device) or too large.

    Parameters
    ----------
    what
        It should be, for the message: ``record``.

    Raises
    ------
    BayesCamelError
        Of the kind that was asked for.
    """
    where = f"{shown(path)}: no {what} can be read from it"
    try:
        found = path.stat()
    except FileNotFoundError as problem:
        raise error(f"no file {where}") from problem
    except (OSError, ValueError) as problem:  # ValueError: a NUL in the name
        reason = getattr(problem, "strerror", None) or str(problem)
        raise error(f"{where}: {reason}") from problem
    if not stat.S_ISREG(found.st_mode):
        raise error(f"{where}: it is a folder, a pipe or a device")
    if found.st_size > most:
        raise error(
            f"{where}: it has {found.st_size / 2**20:,.0f} MiB, more than the "
            f"{most / 2**20:,.0f} that such a file may have"
        )


def read_text(path: Path, what: str, error: type[BayesCamelError] = StorageError) -> str:
    """The text of a file, UTF-8; see `check_file`.

    Raises
    ------
    BayesCamelError
        Of the kind that was asked for, when it cannot be read.
    """
    check_file(path, what, error)
    where = f"{shown(path)}: no {what} can be read from it"
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)  # files of /proc say that they are empty
        if len(content) > MAX_BYTES:
            raise error(f"{where}: it has more than {MAX_BYTES / 2**20:,.0f} MiB")
        return content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise error(f"{where}: {problem}") from problem


def read_object(
    path: Path, what: str, error: type[BayesCamelError] = StorageError
) -> dict[str, Any]:
    """The JSON object in a file; see `check_file` and `parse_json`."""
    text = read_text(path, what, error)
    values = parse_json(text, f"{shown(path)}: no {what} can be read from it", error)
    if not isinstance(values, dict):
        raise error(f"{shown(path)}: a {what} is a JSON object, not {type(values).__name__}")
    return values


def parse_json(text: str, where: str, error: type[BayesCamelError] = StorageError) -> Any:
    """JSON from outside.

    Raises
    ------
    BayesCamelError
        Of the kind that was asked for, when it is no JSON, or has what nothing here can use: a
        key twice, a number of more than 300 digits, nesting without end, text that is no Unicode.
    """
    try:
        values = json.loads(text, parse_int=_whole, object_pairs_hook=_once)
    except RecursionError as problem:
        raise error(f"{where}: it is nested too deep") from problem
    except json.JSONDecodeError as problem:
        raise error(f"{where}: broken JSON at line {problem.lineno} ({problem.msg})") from problem
    except ValueError as problem:
        raise error(f"{where}: {shown(problem, 200)}") from problem
    check_json(values, where, error)
    return values


def check_json(values: object, where: str, error: type[BayesCamelError] = StorageError) -> None:
    """Refuse nested values that no database can hold: too deep, or text that is no Unicode.

    Raises
    ------
    BayesCamelError
        Of the kind that was asked for.
    """
    try:
        _check(values, 0)
    except ValueError as problem:
        raise error(f"{where}: {problem}") from problem


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {shown(repr(twice))} occurs twice")
    return values


def _check(value: object, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError("it is nested too deep")
    if isinstance(value, str):
        check_text(value)
    elif isinstance(value, dict | list):
        items: Iterable[object] = value
        if isinstance(value, dict):
            for name in value:
                check_text(str(name))
            items = value.values()
        for item in items:
            _check(item, depth + 1)


def check_text(text: str) -> None:
    """Refuse text that no database and no file can hold.

    Raises
    ------
    ValueError
        When it has a NUL or half of a surrogate pair.
    """
    if "\0" in text or (not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text)):
        raise ValueError(f"{shown(repr(text))} is no text: it has a NUL or a lone surrogate")


def as_number(value: object) -> float:
    """A number as a float.

    Raises
    ------
    ValueError
        When it is none, or too large for one.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{shown(repr(value))} is not a number")
    try:
        return float(value)
    except OverflowError:
        digits = int(math.log10(abs(value))) + 1
        raise ValueError(f"a number of {digits} digits is none that can be used") from None


def as_count(text: str) -> float:
    """Any number, or a count: what no model can have is refused by who knows what it is of.

    Raises
    ------
    ValueError
        When it is neither.
    """
    try:
        return float(text)
    except ValueError:
        return parse_count(text)


def parse_count(text: str) -> float:
    """A count of parameters or tokens as people write it: ``7B``, ``2T``, ``32.0K``, ``1e9``.

    Raises
    ------
    ValueError
        When it is none.
    """
    found = _COUNT.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{shown(repr(text))} is no count: write 7B, 2.5T, 350M or 1e9")
    return float(found[1]) * _SUFFIXES[found[2].lower()]
