"""Where a study lives: URLs of databases, read, and shown without their password."""

import re
from pathlib import Path
from urllib.parse import unquote

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from bayescamel.exceptions import StorageError
from bayescamel.input import printable, shown

REMEDY = (
    "a study lives in a SQLite file (study.db) or in PostgreSQL (postgresql://user@host/name; in a "
    "password ? # and % are written %3F, %23 and %25)"
)
SECRET = re.compile("pass|pwd|secret|token|key", re.IGNORECASE)
"""In names of parameters that may hold one."""


def masked(where: str | Path) -> str:
    """A URL, or what somebody took for one, without what may be a password.

    Cautious rather than exact, since an error about a URL shows one that could not be parsed:
    what stands between the first colon of the user and the last ``@`` is hidden, and the value of
    every key that speaks of a secret.
    """
    words = printable(where)
    # A scheme, in any spelling, ends in slashes; the user's first colon follows.
    words = re.sub(r"^([A-Za-z0-9+.-]*:?/+)?+([^:]*):.*@", r"\1\2:***@", words, flags=re.DOTALL)
    return re.sub(
        r"([?&;\s])([^=?&;\s]*)=([^&;\s]*)",
        lambda m: f"{m[1]}{m[2]}={'***' if SECRET.search(unquote(m[2])) else m[3]}",
        words,
    )


def parse(where: str | Path) -> URL:
    """A URL from ``study.db``, ``sqlite:///study.db`` or ``postgresql://user@host/name``.

    The password may hold ``@`` and ``/`` as they are.

    Raises
    ------
    StorageError
        When it is neither SQLite nor PostgreSQL. It never shows a password, nor does what the
        parser said, which may quote half of one.
    """
    words = str(where)
    what = shown(masked(words), 200)
    # `://user@host`, not a Windows drive and not a path with a colon.
    if not re.match(r"[a-z][a-z0-9+]+:", words):
        if "://" in words or re.match(r"[a-zA-Z0-9+]*sql[a-zA-Z0-9+]*/", words):
            raise StorageError(f"{what} is no database URL: {REMEDY}")
        url = URL.create("sqlite", database=words)
    else:
        scheme, user, rest = _split(words)
        try:
            url = make_url(scheme + rest)
            if user:
                name, colon, password = user.partition(":")
                url = url.set(username=unquote(name), password=unquote(password) if colon else None)
        except (ArgumentError, ValueError):
            raise StorageError(f"{what} is no database URL: {REMEDY}") from None
    if url.drivername.partition("+")[0] in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername != "sqlite" or url.database in (None, "", ":memory:"):
        raise StorageError(f"{what} is no database of a study: {REMEDY}")
    if "\0" in str(url.database) or str(url.database).startswith("file:"):
        raise StorageError(f"{what} is no name of a file")
    return url


def _split(words: str) -> tuple[str, str, str]:
    """Scheme, user with password, and the rest; a password may hold all but a question mark."""
    found = re.match(r"([a-z][a-z0-9+]+://)(?:([^?]*)@)?(.*)", words, flags=re.DOTALL)
    return (words, "", "") if found is None else (found[1], found[2] or "", found[3])
