"""The rows of one study, read and written within one transaction."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from bayescamel.exceptions import StudyError
from bayescamel.input import shown
from bayescamel.study import schema
from bayescamel.study.records import Record
from bayescamel.study.rows import FIELDS, Ledger, Snapshot, StoredRun, readable_name

MAX_CHANGED = 500
"""Runs that are read by name; of more, all are read."""

type Clock = Callable[[Connection], float]


def database_clock(connection: Connection) -> float:
    """Seconds since 1970 by the database, since the clocks of several machines differ."""
    if connection.dialect.name == "postgresql":
        now = select(func.extract("epoch", func.clock_timestamp()))
        return float(connection.execute(now).scalar_one())
    return time.time()  # a SQLite file is on this machine


def find(connection: Connection, name: str, lock: bool = False) -> Row[Any] | None:
    """The study's row; locked until the transaction ends."""
    query = select(schema.study).where(schema.study.c.name == name)
    # SQLite holds its lock already and knows no FOR UPDATE; PostgreSQL takes one here.
    return connection.execute(query.with_for_update() if lock else query).first()


class StoredStudy:
    """One study within one transaction."""

    def __init__(self, connection: Connection, row: Row[Any], clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self.id = row.id
        self.created = row.created
        self.settings: dict[str, Any] = row.settings

    def now(self) -> float:
        """The database's clock, seconds since 1970."""
        return self._clock(self._connection)

    def change_study(self, **values: object) -> None:
        """Replace columns of the study."""
        mine = schema.study.c.id == self.id
        self._connection.execute(update(schema.study).where(mine).values(**values))

    def delete(self, run_id: str) -> None:
        """Delete a run."""
        mine = (schema.run.c.study == self.id, schema.run.c.run_id == run_id)
        self._connection.execute(delete(schema.run).where(*mine))

    def snapshot(self, before: Snapshot | None = None) -> Snapshot:
        """All that is stored.

        Parameters
        ----------
        before
            An earlier one: only runs to which something happened since are read again.
        """
        names = self.validation()
        last = select(func.coalesce(func.max(schema.event.c.id), 0)).where(
            schema.event.c.study == self.id
        )
        event = int(self._connection.execute(last).scalar_one())
        key = (int(self.id), float(self.created))
        known = before if before is not None and before.study == key else None
        return Snapshot(
            runs=self._runs(known),
            validation=None if names is None else tuple(names),
            now=self.now(),
            settings=self.settings,
            study=key,
            event=event,
        )

    def _runs(self, before: Snapshot | None) -> tuple[StoredRun, ...]:
        table = schema.run.c
        query = select(*(table[name] for name in FIELDS)).where(table.study == self.id)
        kept: list[StoredRun] = []
        if before is not None:
            # Every change of a run is logged, but for leases, which pending runs alone have.
            since = (schema.event.c.study == self.id, schema.event.c.id > before.event)
            logged = self._connection.execute(select(schema.event.c.run_id).where(*since)).scalars()
            changed = {*logged, *(run.run_id for run in before.pending())}
            if len(changed) <= MAX_CHANGED:
                kept = [run for run in before.runs if run.run_id not in changed]
                query = query.where(table.run_id.in_([name for name in changed if name]))
        rows = self._connection.execute(query)
        fresh = [StoredRun(**row._mapping) for row in rows]
        return tuple(sorted([*kept, *fresh], key=lambda run: (run.number, run.run_id)))

    def ledger(self) -> Ledger:
        """What must be known before runs are stored: quick however many there are."""
        table = schema.run.c
        mine = table.study == self.id
        pending = select(*(table[name] for name in FIELDS)).where(mine, table.state == "pending")
        cost = func.coalesce(table.cost, table.flops, 0.0)
        ended = select(func.coalesce(func.sum(cost), 0.0)).where(
            mine, table.state != "pending", table.attached.is_(False)
        )
        number = select(func.coalesce(func.max(table.number), 0)).where(mine)
        return Ledger(
            waiting=tuple(
                StoredRun(**row._mapping)
                for row in self._connection.execute(pending.order_by(table.number, table.run_id))
            ),
            ended=float(self._connection.execute(ended).scalar_one()),
            number=int(self._connection.execute(number).scalar_one()),
            now=self.now(),
        )

    def free_name(self, number: int, n_params: float) -> str:
        """A readable run_id that no run has."""
        name = readable_name(number, n_params)
        mine = schema.run.c.study == self.id
        while self._connection.execute(
            select(schema.run.c.number).where(mine, schema.run.c.run_id == name)
        ).first():
            name += "x"
        return name

    def run(self, run_id: str) -> StoredRun:
        """One run.

        Raises
        ------
        StudyError
            When there is none of this name.
        """
        columns = [schema.run.c[name] for name in FIELDS]
        mine = (schema.run.c.study == self.id, schema.run.c.run_id == run_id)
        row = self._connection.execute(select(*columns).where(*mine)).first()
        if row is None:
            raise StudyError(
                f"the study asked for no run {shown(repr(run_id))}: check the name, or attach a "
                "run that was made elsewhere"
            )
        return StoredRun(**row._mapping)

    def check_names(self, run_id: str, records: Sequence[Record]) -> None:
        """The first run decides which validation domains there are; later ones may lack some."""
        names = self.validation()
        if names is None:
            names = sorted(records[0].loss)
            self.change_study(validation=names)
        known = set(names)
        for record in records:
            for name in record.loss:
                if name not in known:
                    raise StudyError(
                        f"run {shown(repr(record.run_id or run_id))}: unknown validation "
                        f"domain {shown(repr(name))}; the study's are: {', '.join(names)}"
                    )

    def validation(self) -> list[str] | None:
        """The validation domains, once they are known."""
        query = select(schema.study.c.validation).where(schema.study.c.id == self.id)
        names: list[str] | None = self._connection.execute(query).scalar_one()
        return names

    def forget_names(self, run_id: str, losses: Sequence[str] | None) -> None:
        """Keep the validation domains of the runs other than this one."""
        table = schema.run.c
        mine = (table.study == self.id, table.run_id != run_id, table.state == "told")
        measured = self._connection.execute(select(table.measured).where(*mine)).scalars()
        names = {name for values in measured for name in values["loss"]} | set(losses or ())
        self.change_study(validation=sorted(names) or None)

    def insert(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store new runs."""
        self._connection.execute(insert(schema.run), [{"study": self.id, **row} for row in rows])

    def change(self, run_id: str, **values: object) -> None:
        """Replace columns of a run."""
        self._connection.execute(
            update(schema.run)
            .where(schema.run.c.study == self.id, schema.run.c.run_id == run_id)
            .values(**values)
        )

    def log(
        self,
        kind: str,
        run_id: str | Sequence[str] | None,
        worker: str | None = None,
        detail: object = None,
    ) -> None:
        """Log what happened to a run, to several, or to the study."""
        names = [run_id] if run_id is None or isinstance(run_id, str) else run_id
        now = self.now()
        shared = {"study": self.id, "time": now, "kind": kind, "worker": worker, "detail": detail}
        self._connection.execute(
            insert(schema.event), [shared | {"run_id": name} for name in names]
        )

    def events(self) -> list[dict[str, Any]]:
        """The log, oldest first: ``time, kind, run_id, worker, detail``."""
        columns = [schema.event.c[key] for key in ("time", "kind", "run_id", "worker", "detail")]
        query = select(*columns).where(schema.event.c.study == self.id).order_by(schema.event.c.id)
        return [dict(row._mapping) for row in self._connection.execute(query)]
