"""A study as a whole in a database: made, its settings changed, its log and all of it read."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert

from bayescamel.exceptions import StorageError
from bayescamel.input import shown
from bayescamel.study import schema
from bayescamel.study.database import Database
from bayescamel.study.rows import Snapshot
from bayescamel.study.stored import Clock, StoredStudy, database_clock, find


class WholeStudy:
    """One study in a database, and transactions on it."""

    def __init__(self, database: Database, name: str, clock: Clock = database_clock) -> None:
        self.database = database
        self.name = name
        self._clock = clock
        self._seen: Snapshot | None = None

    def create(self, settings: Mapping[str, Any], losses: Sequence[str] | None = None) -> None:
        """Make the tables where there are none, and the study.

        Parameters
        ----------
        losses
            Its validation domains; None: those of the first run that is told.

        Raises
        ------
        StorageError
            When the database has a study of this name.
        """
        self.database.migrate(create=True)

        def work(connection: Connection) -> None:
            if find(connection, self.name) is not None:
                raise StorageError(
                    f"{self.database} has a study {shown(repr(self.name))} already: open it, or "
                    "choose another name"
                )
            values = {"name": self.name, "created": self._clock(connection), "settings": settings}
            values["validation"] = None if losses is None else sorted(losses)
            connection.execute(insert(schema.study).values(values))

        self.database.write(work)

    def settings(self) -> dict[str, Any]:
        """The study's settings, after bringing an older database to this version.

        Raises
        ------
        StorageError
            When there is no such study.
        """
        self.database.check_exists()
        self.database.migrate(create=False)
        return dict(self.database.read(lambda c: self._open(c).settings))

    def change(self, settings: Mapping[str, Any], losses: Sequence[str] | None = None) -> bool:
        """Replace settings; the log keeps what was there. False when nothing differs.

        Parameters
        ----------
        losses
            Validation domains that the settings declare.
        """

        def work(study: StoredStudy) -> bool:
            before = {k: v for k, v in study.settings.items() if settings.get(k) != v}
            if not before and settings.keys() == study.settings.keys():
                return False
            study.change_study(settings=settings)
            after = {key: settings.get(key) for key in before}
            study.log("changed", None, None, {"before": before, "after": after})
            study.forget_names("", losses)
            return True

        return self._write(work)

    def created(self) -> float:
        """When the study was made, seconds since 1970: with its name it tells it from others."""
        return float(self.database.read(lambda c: self._open(c).created))

    def validation(self) -> list[str] | None:
        """The validation domains, once a run was told or the settings declare them."""
        return self.database.read(lambda c: self._open(c).validation())

    def snapshot(self) -> Snapshot:
        """All that is stored of the study."""
        before = self._seen
        self._seen = self.database.read(lambda c: self._open(c).snapshot(before))
        return self._seen

    def events(self) -> list[dict[str, Any]]:
        """The log, oldest first: ``time, kind, run_id, worker, detail``."""
        return self.database.read(lambda c: self._open(c).events())

    def _write[T](self, work: Callable[[StoredStudy], T]) -> T:
        """Change the study in one transaction, its row locked."""
        return self.database.write(lambda c: work(self._open(c, lock=True)))

    def _open(self, connection: Connection, lock: bool = False) -> StoredStudy:
        row = find(connection, self.name, lock)
        if row is None:
            raise StorageError(
                f"no study {shown(repr(self.name))} in {self.database}: make it with "
                "`bayescamel study create`"
            )
        return StoredStudy(connection, row, self._clock)
