"""The password of a database is never shown, however its URL is spelled."""

import traceback
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bayescamel.cli import app
from bayescamel.exceptions import StorageError
from bayescamel.study.database import Database
from bayescamel.study.urls import masked, parse
from tests.study.test_cli import CREATE

SECRET = "s3cr3t"
SPELLINGS = [
    "postgresql://u:s3cr3t@localhost:1/db",
    "postgres://u:s3cr3t@localhost:1/db",
    "postgresql+psycopg://u:s3cr3t@localhost:1/db",
    "postgresql://u:s3cr3t@tail@localhost:1/db",
    "postgresql://u:head/s3cr3t@localhost:1/db",
    "postgresql://u:head:s3cr3t@localhost:1/db",
    "postgresql://u:head?s3cr3t@localhost:1/db",
    "postgresql://u:s3cr3t#x@localhost:1/db",
    "postgresql://u:x%40s3cr3t@localhost:1/db",
    "postgresql://:s3cr3t@localhost:1/db",
    "postgresql://u:s3cr3t@localhost:port/db",
    "postgresql://u:s3cr3t@localhost:99999/db",
    "postgresql://u:s3cr3t@[::1/db",
    "postgresql://localhost:1/db?password=s3cr3t",
    "postgresql://localhost:1/db?user=u&pass%77ord=s3cr3t",
    "postgresql://u@localhost:1/db?password=s3cr3t@x",
    "postgresql://u@localhost:1/db?sslpassword=s3cr3t",
    "postgresql://u:s3cr3t@localhost:1/db?password=s3cr3t",
    "postgresql:///?host=localhost&port=1&password=s3cr3t",
    "postgresql:/u:s3cr3t@localhost/db",
    "postgresql//u:s3cr3t@localhost/db",
    "postgresql:u:s3cr3t@localhost/db",
    "postgressql://u:s3cr3t@localhost/db",
    "Postgresql://u:s3cr3t@localhost/db",
    "mysql://u:s3cr3t@localhost/db",
    "u:s3cr3t@localhost/no/db",
    "host=localhost/no password=s3cr3t",
    "postgresql://u:\x1b[2Js3cr3t@localhost:1/db",
]


@pytest.mark.parametrize("url", SPELLINGS)
def test_no_spelling_shows_the_password(url: str) -> None:
    assert SECRET not in masked(url)
    try:
        shown = str(Database(url, patience=0))
    except StorageError as error:
        shown = str(error) + "".join(traceback.format_exception(error))
    assert SECRET not in shown


@pytest.mark.parametrize("url", SPELLINGS)
def test_no_command_shows_the_password(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing answers on that port."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bayescamel.study.database.PATIENCE", 0.0)
    monkeypatch.setattr("bayescamel.study.database.Database.__init__.__defaults__", (0.0,))
    done = CliRunner().invoke(app, ["study", "create", url, *CREATE])
    assert done.exit_code == 2, done.output
    assert SECRET not in done.output
    assert done.stderr.count("\n") == 1
    assert "\x1b" not in done.output


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("postgresql://u:p@ss/w:rd@h/db", "p@ss/w:rd"),
        ("postgres://u:p%23%3F@h/db", "p#?"),
        ("postgresql://u@h/db", None),
    ],
)
def test_passwords_may_hold_what_ends_a_host(url: str, password: str | None) -> None:
    found = parse(url)
    assert (found.username, found.password, found.host, found.database) == (
        "u",
        password,
        "h",
        "db",
    )


def test_what_has_no_password_is_shown_as_it_is() -> None:
    for where in ("study.db", "sqlite:///a/b.db", "postgresql://u@h:5432/db", "C:\\x.db"):
        assert masked(where) == where
