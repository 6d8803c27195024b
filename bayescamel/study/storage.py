"""What a study remembers: its settings, its runs, and the log of what happened to them.

A run is *pending* (leased to a worker), *told* or *failed*. Each method is one transaction and may
be repeated: what was stored once is not stored again.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from bayescamel.exceptions import ConflictError, StorageError, StudyError
from bayescamel.study import schema
from bayescamel.study.database import Database
from bayescamel.study.records import Record
from bayescamel.study.rows import (
    FIELDS,
    Snapshot,
    StoredRun,
    columns_of,
    describe_conflict,
    free_name,
)

type Clock = Callable[[Connection], float]


def database_clock(connection: Connection) -> float:
    """Seconds since 1970 by the database, since the clocks of several machines differ."""
    if connection.dialect.name == "postgresql":
        now = select(func.extract("epoch", func.clock_timestamp()))
        return float(connection.execute(now).scalar_one())
    return time.time()  # a SQLite file is on this machine


class Storage:
    """The rows of one study in a database."""

    def __init__(self, database: Database, name: str, clock: Clock = database_clock) -> None:
        self.database = database
        self.name = name
        self._clock = clock

    def create(self, settings: Mapping[str, Any]) -> None:
        """Make the tables where there are none, and the study.

        Raises
        ------
        StorageError
            When the database has a study of this name.
        """
        self.database.migrate(create=True)

        def work(connection: Connection) -> None:
            if connection.execute(self._query()).first() is not None:
                raise StorageError(
                    f"{self.database} has a study {self.name!r} already: open it, or choose "
                    "another name"
                )
            values = {"name": self.name, "created": self._clock(connection), "settings": settings}
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
        return dict(self.database.read(self._study).settings)

    def snapshot(self) -> Snapshot:
        """All that is stored of the study."""
        return self.database.read(lambda c: self._snapshot(c, self._study(c)))

    def lease(
        self,
        propose: Callable[[Snapshot], Sequence[Mapping[str, Any]]],
        n: int,
        seconds: float,
        worker: str,
    ) -> list[StoredRun]:
        """Lease up to `n` runs: those that came back first, then what `propose` adds.

        Parameters
        ----------
        propose
            New runs, as columns, given what is stored. Called with the write lock held, so it
            must be quick.
        seconds, worker
            How long, and to whom.
        """

        def work(connection: Connection) -> list[StoredRun]:
            study = self._study(connection, lock=True)
            before = self._snapshot(connection, study)
            until = before.now + seconds
            leased = [run.run_id for run in before.returned()[:n]]
            for run_id in leased:
                self._change(connection, study, run_id, worker=worker, lease_until=until)
                self._log(connection, study, "returned", run_id, worker)
            taken = {run.run_id for run in before.runs}
            number = max((run.number for run in before.runs), default=0)
            for columns in propose(before)[: n - len(leased)] if len(leased) < n else ():
                number += 1
                run_id = free_name(number, float(columns["n_params"]), taken)
                place = {"run_id": run_id, "number": number, "state": "pending", "attached": False}
                lease = {"worker": worker, "lease_until": until}
                self._insert(connection, study, dict(columns) | place | lease)
                self._log(connection, study, "asked", run_id, worker)
                leased.append(run_id)
            stored = {run.run_id: run for run in self._snapshot(connection, study).runs}
            return [stored[run_id] for run_id in leased]

        return self.database.write(work)

    def renew(self, run_ids: Iterable[str], seconds: float) -> None:
        """Let the leases of pending runs end in so many seconds; 0 gives them back at once."""
        names = list(run_ids)

        def work(connection: Connection) -> None:
            study = self._study(connection, lock=True)
            connection.execute(
                update(schema.run)
                .where(schema.run.c.study == study.id, schema.run.c.run_id.in_(names))
                .where(schema.run.c.state == "pending")
                .values(lease_until=self._clock(connection) + seconds)
            )

        self.database.write(work)

    def tell(self, run_id: str, record: Record, *, correct: bool = False) -> bool:
        """Store what a run measured; False when the same was told already.

        Parameters
        ----------
        correct
            Replace numbers that were told before; the log keeps them.

        Raises
        ------
        StudyError
            When the run is unknown or the record is of another run.
        ConflictError
            When other numbers were told before.
        """
        record.check(run_id)

        def work(connection: Connection) -> bool:
            study = self._study(connection, lock=True)
            stored = self._run(connection, study, run_id)
            columns = columns_of(stored, record)
            if stored.state == "told":
                differing = [key for key in columns if columns[key] != getattr(stored, key)]
                if not differing:
                    return False
                if not correct:
                    key = differing[0]
                    raise ConflictError(describe_conflict(stored, key, columns[key]))
            elif correct:
                raise StudyError(f"run {run_id!r} is {stored.state}: tell it, do not correct it")
            self._check_names(connection, study, run_id, record)
            took = {"seconds": record.seconds, "device": record.device}
            self._change(connection, study, run_id, state="told", reason=None, **columns, **took)
            before = stored.measured if correct else None
            kind = "corrected" if correct else "told"
            self._log(connection, study, kind, run_id, stored.worker, before)
            return True

        return self.database.write(work)

    def fail(self, run_id: str, reason: str) -> bool:
        """Store that a run ended without a measurement; False when that was known.

        Raises
        ------
        StudyError
            When the run is unknown.
        ConflictError
            When it was told.
        """

        def work(connection: Connection) -> bool:
            study = self._study(connection, lock=True)
            stored = self._run(connection, study, run_id)
            if stored.state == "told":
                raise ConflictError(f"run {run_id!r} was told already, so it did not fail")
            if stored.state == "failed":
                return False
            self._change(connection, study, run_id, state="failed", reason=reason)
            self._log(connection, study, "failed", run_id, stored.worker, {"reason": reason})
            return True

        return self.database.write(work)

    def attach(self, rows: Sequence[tuple[Mapping[str, Any], Record]]) -> int:
        """Store runs that were made elsewhere, all or none; returns how many were new.

        Parameters
        ----------
        rows
            ``run_id, n_params, n_active_params, n_tokens, mixture`` of a run, and what it
            measured.

        Raises
        ------
        ConflictError
            When a run of the same name is stored with other numbers.
        """
        for columns, record in rows:
            record.check(str(columns["run_id"]))

        def work(connection: Connection) -> int:
            study = self._study(connection, lock=True)
            known = {run.run_id: run for run in self._snapshot(connection, study).runs}
            number = max((run.number for run in known.values()), default=0)
            before = number
            for columns, record in rows:
                run_id = str(columns["run_id"])
                values = dict(columns) | {"measured": record.measured()}
                if run_id in known:
                    for key, value in values.items():
                        if getattr(known[run_id], key) != value:
                            raise ConflictError(describe_conflict(known[run_id], key, value))
                    continue
                self._check_names(connection, study, run_id, record)
                number += 1
                place = {"number": number, "state": "told", "attached": True, "seed": 0}
                place |= {"seconds": record.seconds, "device": record.device}
                self._insert(connection, study, values | place)
                self._log(connection, study, "attached", run_id)
            return number - before

        return self.database.write(work)

    def events(self) -> list[dict[str, Any]]:
        """The log, oldest first: ``time, kind, run_id, worker, detail``."""
        columns = [schema.event.c[key] for key in ("time", "kind", "run_id", "worker", "detail")]

        def work(connection: Connection) -> list[dict[str, Any]]:
            mine = schema.event.c.study == self._study(connection).id
            query = select(*columns).where(mine).order_by(schema.event.c.id)
            return [dict(row._mapping) for row in connection.execute(query)]

        return self.database.read(work)

    def _query(self) -> Any:
        return select(schema.study).where(schema.study.c.name == self.name)

    def _study(self, connection: Connection, lock: bool = False) -> Row[Any]:
        # SQLite holds its lock already and knows no FOR UPDATE; PostgreSQL takes one here.
        query = self._query().with_for_update() if lock else self._query()
        row = connection.execute(query).first()
        if row is None:
            raise StorageError(
                f"no study {self.name!r} in {self.database}: make it with `bayescamel study create`"
            )
        return row

    def _snapshot(self, connection: Connection, study: Row[Any]) -> Snapshot:
        table = schema.run.c
        query = select(*(table[name] for name in FIELDS)).where(table.study == study.id)
        rows = connection.execute(query.order_by(table.number, table.run_id))
        names = connection.execute(
            select(schema.study.c.validation).where(schema.study.c.id == study.id)
        ).scalar_one()
        return Snapshot(
            runs=tuple(StoredRun(**row._mapping) for row in rows),
            validation=None if names is None else tuple(names),
            now=self._clock(connection),
        )

    def _run(self, connection: Connection, study: Row[Any], run_id: str) -> StoredRun:
        columns = [schema.run.c[name] for name in FIELDS]
        mine = (schema.run.c.study == study.id, schema.run.c.run_id == run_id)
        row = connection.execute(select(*columns).where(*mine)).first()
        if row is None:
            raise StudyError(
                f"the study asked for no run {run_id!r}: check the name, or attach a run that was "
                "made elsewhere"
            )
        return StoredRun(**row._mapping)

    def _check_names(
        self, connection: Connection, study: Row[Any], run_id: str, record: Record
    ) -> None:
        """The first run decides which validation domains there are; later ones may lack some."""
        names = connection.execute(
            select(schema.study.c.validation).where(schema.study.c.id == study.id)
        ).scalar_one()
        if names is None:
            mine = schema.study.c.id == study.id
            connection.execute(
                update(schema.study).where(mine).values(validation=sorted(record.loss))
            )
            return
        for name in record.loss:
            if name not in names:
                raise StudyError(
                    f"run {run_id!r}: unknown validation domain {name!r}; the study's are: "
                    f"{', '.join(names)}"
                )

    def _insert(self, connection: Connection, study: Row[Any], values: Mapping[str, Any]) -> None:
        connection.execute(insert(schema.run).values(study=study.id, **values))

    def _change(
        self, connection: Connection, study: Row[Any], run_id: str, **values: object
    ) -> None:
        connection.execute(
            update(schema.run)
            .where(schema.run.c.study == study.id, schema.run.c.run_id == run_id)
            .values(**values)
        )

    def _log(
        self,
        connection: Connection,
        study: Row[Any],
        kind: str,
        run_id: str,
        worker: str | None = None,
        detail: object = None,
    ) -> None:
        connection.execute(
            insert(schema.event).values(
                study=study.id,
                time=self._clock(connection),
                kind=kind,
                run_id=run_id,
                worker=worker,
                detail=detail,
            )
        )
