"""One database, SQLite or PostgreSQL: connections, transactions, retries, migrations.

A call opens a connection and closes it: it takes milliseconds, and nothing is inherited by a fork,
goes stale while a model trains, or is left open. Every write is one transaction that holds the
database's write lock from its first statement (SQLite) or the study's row (PostgreSQL), so that
what it read is still so when it writes. A transaction that the database did not acknowledge is
tried again for a while, since every one of them may be repeated; after that the error says that
nothing was stored.
"""

import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from bayescamel.exceptions import StorageError
from bayescamel.input import printable, shown
from bayescamel.output import check_output, whole
from bayescamel.study.schema import REVISION, REVISIONS, VERSION_TABLE
from bayescamel.study.urls import masked, parse

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 30
"""How long SQLite waits for another writer; a writer holds the lock for milliseconds."""
PATIENCE = 60.0
"""Seconds for which a database that is away is tried again."""
PASSING_REFUSALS = (
    "starting up",
    "shutting down",
    "recovery mode",
    "not yet accepting",
    "too many clients",
)
"""PostgreSQL's refusals that pass; a wrong password or database does not."""
READING = "bayescamel_reading"


class Database:
    """Transactions on one database.

    Parameters
    ----------
    where
        See `parse`.
    patience
        Seconds for which a database that is away or locked is tried again.
    """

    def __init__(self, where: str | Path, patience: float = PATIENCE) -> None:
        self.url = parse(where)
        self.patience = patience
        self.engine = _engine(self.url)

    @property
    def file(self) -> Path | None:
        """The file of a SQLite database."""
        if self.url.get_backend_name() != "sqlite":
            return None
        return Path(str(self.url.database)).absolute()

    def __str__(self) -> str:
        if self.file is not None:
            return masked(str(self.url.database))
        return masked(self.url.render_as_string(hide_password=True))

    def read[T](self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction that writes nothing."""
        return self._run(work, self.engine.execution_options(**{READING: True}))

    def write[T](self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction: all of it is stored, or nothing."""
        return self._run(work, self.engine)

    def _run[T](self, work: Callable[[Connection], T], engine: Engine) -> T:
        deadline = time.monotonic() + self.patience
        pause = 0.05
        while True:
            try:
                with engine.begin() as connection:
                    return work(connection)
            except DBAPIError as error:
                if not (_passing(error) and time.monotonic() + pause < deadline):
                    raise StorageError(self._explain(error)) from error
            time.sleep(pause)
            pause = min(2 * pause, 2.0)

    def _explain(self, error: DBAPIError) -> str:
        reason = printable(" ".join(str(error.orig).split()))
        if self.url.password:
            reason = reason.replace(str(self.url.password), "***")
        remedy = "nothing was stored; check the database and repeat the call, which is safe"
        if "full" in reason or "disk I/O" in reason or "No space" in reason:
            remedy = "nothing was stored; free some disk space and repeat the call, which is safe"
        elif "not a database" in reason:
            remedy = "the file is no SQLite database: choose another name"
        elif "unable to open" in reason or "readonly" in reason:
            remedy = "check that the folder exists and can be written"
        return f"{self}: {reason}; {remedy}"

    def backup(self, out: Path, force: bool = False) -> None:
        """Copy a SQLite database that is in use.

        Raises
        ------
        StorageError
            When the copy is there and `force` is not set, or the database is PostgreSQL.
        """
        if self.file is None:
            raise StorageError(
                f"{self}: PostgreSQL copies its databases itself: pg_dump --table 'bayescamel_*'"
            )
        check_output(out, force)

        def work(connection: Connection) -> None:
            original: Any = connection.connection.driver_connection
            with whole(out) as part, contextlib.closing(sqlite3.connect(part)) as copy:
                original.backup(copy)

        self.read(work)

    def check_exists(self) -> None:
        """Refuse to open what is not there.

        Raises
        ------
        StorageError
            When the SQLite file is missing.
        """
        if self.file is not None and not self.file.is_file():
            raise StorageError(f"no study at {self}: make one with `bayescamel study create`")

    def migrate(self, *, create: bool) -> None:
        """Bring the tables to this version's revision, in one transaction.

        Parameters
        ----------
        create
            Whether tables may be made where there are none.

        Raises
        ------
        StorageError
            When there are no tables of ours, or those of a newer version.
        """
        if create and self.file is not None:
            try:
                self.file.touch()
            except OSError as error:
                raise StorageError(
                    f"{self} cannot be made: {error.strerror}: check that its folder exists and "
                    "can be written"
                ) from error
        found = self.read(_revision)
        if found == REVISION:
            return
        if found is None and not create:
            raise StorageError(f"no study in {self}: make one with `bayescamel study create`")
        if found is not None and found not in REVISIONS:
            raise StorageError(
                f"{self} was written by a newer bayescamel (revision {shown(found)}, this version "
                f"knows {REVISION}): upgrade bayescamel"
            )
        self.write(_upgrade)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    return None if found is None else str(found)


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    if connection.dialect.name == "postgresql":
        # Two workers may open an old database at once; SQLite's lock is held already.
        connection.execute(text("SELECT pg_advisory_xact_lock(7236423)"))
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "head")


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        try:
            return create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 10})
        except (ImportError, NoSuchModuleError) as error:
            raise StorageError(
                "PostgreSQL needs the psycopg package: pip install 'bayescamel[postgresql]'"
            ) from error
    # Never made by connecting: a file that is away for a moment would come back as an empty one.
    place = f"file:{quote(str(Path(str(url.database)).absolute()))}?mode=rw"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(place, uri=True, timeout=BUSY_SECONDS)

    engine = create_engine("sqlite://", poolclass=NullPool, creator=connect)

    @event.listens_for(engine, "connect")
    def _(connection: Any, _record: object) -> None:
        # Python's sqlite3 would begin transactions by itself, and too late.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        # An acknowledged commit survives a power cut, not only a kill.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        reading = connection.get_execution_options().get(READING)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _passing(error: DBAPIError) -> bool:
    """Whether the database may be back in a moment."""
    if error.connection_invalidated:
        return True
    reason = str(error.orig)
    if "database is locked" in reason or "unable to open" in reason:
        return True
    # psycopg gives no state to an error of the connection itself; 57P0x: starting or stopping.
    state = getattr(error.orig, "sqlstate", "-")
    if state is None and type(error.orig).__name__ == "OperationalError":
        refused = "FATAL" in reason and not any(words in reason for words in PASSING_REFUSALS)
        return not refused
    return str(state).startswith(("08", "57P0"))
