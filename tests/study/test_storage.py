import dataclasses
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect, text

from bayescamel.exceptions import ConflictError, StorageError, StudyError
from bayescamel.study import schema
from bayescamel.study.database import MIGRATIONS, Database
from bayescamel.study.records import Record
from bayescamel.study.storage import Storage
from tests.study.examples import SETTINGS, column, measure


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self, _connection: object) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def storage(url: str, clock: Clock) -> Storage:
    made = Storage(Database(url, patience=5), "study", clock)
    made.create(SETTINGS.to_dict())
    return made


def ask(
    storage: Storage,
    *shares: float,
    n: int | None = None,
    seconds: float = 60.0,
    worker: str = "here",
) -> Any:
    columns = [column(share) for share in shares]
    n = len(columns) if n is None else n
    return storage.lease(lambda _: columns, n, seconds, worker)


LOSSES = Record({"code": 3.0, "web": 2.9})


def web_loss(storage: Storage) -> float:
    """Loss on web of the first run, as it is stored."""
    measured = storage.snapshot().runs[0].measured
    assert measured is not None
    return measured["loss"]["web"]


def test_settings_come_back(storage: Storage) -> None:
    assert storage.settings() == SETTINGS.to_dict() | {"space": storage.settings()["space"]}
    assert type(SETTINGS).from_dict(storage.settings()) == SETTINGS


def test_told_once_and_repeated(storage: Storage) -> None:
    (run,) = ask(storage, 0.3)
    record = Record({"code": 0.1 + 0.2, "web": 2.9}, {"quiz": 0.5}, {"quiz": 1 / 3}, seconds=3.0)
    assert storage.tell(run.run_id, record)
    assert not storage.tell(run.run_id, dataclasses.replace(record, seconds=5.0))
    (stored,) = storage.snapshot().runs
    assert (stored.state, stored.seconds) == ("told", 3.0)
    assert stored.measured == record.measured()  # to the last bit
    assert [event["kind"] for event in storage.events()] == ["asked", "told"]


def test_other_numbers_are_a_conflict_that_names_run_and_number(storage: Storage) -> None:
    (run,) = ask(storage, 0.3)
    storage.tell(run.run_id, LOSSES)
    with pytest.raises(ConflictError, match=rf"{run.run_id}.*loss web = 2\.9, now 2\.8"):
        storage.tell(run.run_id, Record({"code": 3.0, "web": 2.8}))
    assert web_loss(storage) == 2.9


def test_correction_replaces_and_is_logged(storage: Storage) -> None:
    (run,) = ask(storage, 0.3)
    storage.tell(run.run_id, LOSSES)
    assert storage.tell(run.run_id, Record({"code": 3.0, "web": 2.8}), correct=True)
    assert web_loss(storage) == 2.8
    last = storage.events()[-1]
    assert (last["kind"], last["detail"]["loss"]["web"]) == ("corrected", 2.9)


def test_only_what_was_told_is_corrected(storage: Storage) -> None:
    (run,) = ask(storage, 0.3)
    with pytest.raises(StudyError, match="is pending: tell it"):
        storage.tell(run.run_id, LOSSES, correct=True)


def test_two_workers_tell_one_run_at_once(storage: Storage) -> None:
    (run,) = ask(storage, 0.3)
    with ThreadPoolExecutor(8) as pool:
        new = list(pool.map(lambda _: storage.tell(run.run_id, LOSSES), range(8)))
    assert sorted(new) == [False] * 7 + [True]
    assert [event["kind"] for event in storage.events()].count("told") == 1


def test_workers_that_ask_at_once_get_different_runs(storage: Storage) -> None:
    with ThreadPoolExecutor(8) as pool:
        batches = list(pool.map(lambda i: ask(storage, 0.1, 0.2, worker=str(i)), range(8)))
    names = [run.run_id for batch in batches for run in batch]
    assert len(set(names)) == 16
    assert [run.number for run in storage.snapshot().runs] == list(range(1, 17))


def test_expired_lease_comes_back_first(storage: Storage, clock: Clock) -> None:
    first, second = ask(storage, 0.3, 0.4, worker="lost")
    storage.tell(second.run_id, LOSSES)
    clock.now += 61
    again, fresh = ask(storage, 0.5, n=2, worker="next")
    assert (again.run_id, again.worker) == (first.run_id, "next")
    assert again.lease_until == clock.now + 60
    assert fresh.mixture["code"] == 0.5
    assert [run.run_id for run in storage.snapshot().returned()] == []


def test_a_late_tell_counts_and_its_repetition_elsewhere_conflicts(
    storage: Storage, clock: Clock
) -> None:
    (run,) = ask(storage, 0.3, worker="slow")
    clock.now += 61
    ask(storage, n=1, worker="quick")
    assert storage.tell(run.run_id, LOSSES)  # by the slow one
    with pytest.raises(ConflictError):
        storage.tell(run.run_id, Record({"code": 3.01, "web": 2.9}))


def test_lease_is_renewed_and_given_back(storage: Storage, clock: Clock) -> None:
    (run,) = ask(storage, 0.3)
    clock.now += 50
    storage.renew([run.run_id], 60)
    clock.now += 50
    assert storage.snapshot().returned() == ()
    storage.renew([run.run_id], 0)
    assert [r.run_id for r in storage.snapshot().returned()] == [run.run_id]


def test_failed_runs_stay_failed_and_cost(storage: Storage) -> None:
    (run,) = ask(storage, 0.3)
    assert storage.fail(run.run_id, "diverged")
    assert not storage.fail(run.run_id, "again")
    snapshot = storage.snapshot()
    assert snapshot.runs[0].reason == "diverged"
    assert snapshot.spent() == column()["flops"]
    assert ask(storage, n=1) == []


def test_a_told_run_did_not_fail(storage: Storage) -> None:
    (run,) = ask(storage, 0.4)
    storage.tell(run.run_id, LOSSES)
    with pytest.raises(ConflictError, match="did not fail"):
        storage.fail(run.run_id, "no")


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (Record({}), "no loss"),
        (Record({"code": -1.0}), "loss_code = -1 is no loss"),
        (Record({"code": float("nan")}), "loss_code = nan"),
        (Record({"code": 3.0}, {"quiz": 50.0}), "acc_quiz = 50 is outside"),
        (Record({"code": 3.0}, run_id="other"), "is of run 'other'"),
        (Record({"code": 3.0}, n_params=2e6), "n_params = 2e"),
        (Record({"code": 3.0}, mixture={"code": 1.0}), "w_code = 1, asked for was 0.3"),
        (Record({"code": 3.0}, seconds=-1.0), "seconds = -1"),
    ],
)
def test_what_cannot_be_told(storage: Storage, record: Record, message: str) -> None:
    (run,) = ask(storage, 0.3)
    with pytest.raises(StudyError, match=message):
        storage.tell(run.run_id, record)
    assert storage.snapshot().runs[0].state == "pending"


def test_actual_numbers_replace_those_asked_for(storage: Storage) -> None:
    (run,) = ask(storage, 0.3)
    storage.tell(run.run_id, Record({"code": 3.0}, n_params=0.99e6, n_tokens=19.9e6, flops=1e14))
    (stored,) = storage.snapshot().runs
    assert (stored.n_params, stored.n_tokens, stored.flops) == (0.99e6, 19.9e6, 1e14)


def test_unknown_run_and_unknown_validation_domain(storage: Storage) -> None:
    with pytest.raises(StudyError, match="asked for no run 'r9'"):
        storage.tell("r9", LOSSES)
    first, second = ask(storage, 0.3, 0.4)
    storage.tell(first.run_id, LOSSES)
    with pytest.raises(StudyError, match=r"unknown validation domain 'wbe'.*code, web"):
        storage.tell(second.run_id, Record({"code": 3.0, "wbe": 2.9}))
    assert storage.tell(second.run_id, Record({"code": 3.0}))  # one not measured is no error


def attached(run_id: str, share: float = 0.3, **losses: float) -> tuple[dict[str, Any], Record]:
    keys = ("n_params", "n_active_params", "n_tokens", "mixture")
    columns = {key: column(share)[key] for key in keys}
    return columns | {"run_id": run_id}, Record(losses or measure(columns["mixture"], 1e6))


def test_attached_runs_cost_nothing_and_are_stored_once(storage: Storage) -> None:
    rows = [attached("a"), attached("b", 0.6)]
    assert storage.attach(rows) == 2
    assert storage.attach(rows) == 0
    snapshot = storage.snapshot()
    assert [run.run_id for run in snapshot.told()] == ["a", "b"]
    assert snapshot.spent() == 0


def test_attach_stores_all_or_nothing(storage: Storage) -> None:
    storage.attach([attached("a")])
    with pytest.raises(ConflictError, match="run 'a' was told before"):
        storage.attach([attached("c"), attached("a", code=1.0, web=1.0)])
    assert [run.run_id for run in storage.snapshot().runs] == ["a"]


def test_studies_of_two_names_share_a_database(url: str, storage: Storage) -> None:
    other = Storage(storage.database, "other", storage._clock)
    other.create(SETTINGS.to_dict())
    ask(other, 0.3)
    assert storage.snapshot().runs == ()
    with pytest.raises(StorageError, match="has a study 'other' already"):
        other.create(SETTINGS.to_dict())
    with pytest.raises(StorageError, match="no study 'third'"):
        Storage(storage.database, "third").settings()


def test_tables_are_those_of_the_schema(storage: Storage) -> None:
    with storage.database.engine.connect() as connection:
        seen = inspect(connection)
        for table in schema.metadata.sorted_tables:
            columns = {
                column["name"]: column["nullable"] for column in seen.get_columns(table.name)
            }
            expected = {column.name: column.nullable for column in table.columns}
            assert columns == expected
    revisions = sorted(path.stem[1:5] for path in MIGRATIONS.glob("versions/r*.py"))
    assert tuple(revisions) == schema.REVISIONS


def old_database(url: str) -> None:
    """As revision 0001 left it, with one run told."""
    database = Database(url)
    if database.file is not None:
        database.file.touch()
    config = Config(attributes={})
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        settings, measured = (json.dumps(v) for v in (SETTINGS.to_dict(), LOSSES.measured()))
        connection.execute(
            text(
                "INSERT INTO bayescamel_study (name, created, settings, validation) "
                "VALUES ('study', 0, :settings, :names)"
            ),
            {"settings": settings, "names": json.dumps(["code", "web"])},
        )
        connection.execute(
            text(
                "INSERT INTO bayescamel_run (study, run_id, number, state, attached, n_params, "
                "n_tokens, mixture, seed, flops, measured) VALUES (1, 'r1', 1, 'told', :no, 1e6, "
                "2e7, :mixture, 0, 1.2e14, :measured)"
            ),
            {"no": False, "mixture": json.dumps({"code": 0.3, "web": 0.7}), "measured": measured},
        )


def test_database_of_an_older_version_is_migrated(url: str) -> None:
    old_database(url)
    with ThreadPoolExecutor(4) as pool:  # several workers may open it at once
        opened = list(pool.map(lambda _: Storage(Database(url), "study"), range(4)))
        settings = list(pool.map(lambda storage: storage.settings(), opened))
    assert [type(SETTINGS).from_dict(values) for values in settings] == [SETTINGS] * 4
    (run,) = opened[0].snapshot().runs
    assert (run.run_id, run.measured, run.seconds) == ("r1", LOSSES.measured(), None)
    assert not opened[0].tell("r1", LOSSES)


def test_newer_database_is_refused(storage: Storage) -> None:
    with storage.database.engine.begin() as connection:
        connection.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(StorageError, match=r"newer bayescamel \(revision 9999.*upgrade"):
        storage.settings()


def test_missing_study_makes_no_file(tmp_path: Path) -> None:
    where = tmp_path / "nothing.db"
    with pytest.raises(StorageError, match="no study at"):
        Storage(Database(where), "study").settings()
    assert not where.exists()


def test_other_sqlite_file_is_no_study_and_stays_as_it_is(tmp_path: Path) -> None:
    where = tmp_path / "other.db"
    with sqlite3.connect(where) as connection:
        connection.execute("CREATE TABLE mine (x)")
    with pytest.raises(StorageError, match="no study in"):
        Storage(Database(where), "study").settings()
    with sqlite3.connect(where) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("mine",)]


def test_text_file_is_no_database(tmp_path: Path) -> None:
    where = tmp_path / "notes.db"
    where.write_text("no database, but some notes of sufficient length to be one " * 40)
    with pytest.raises(StorageError, match="no SQLite database"):
        Storage(Database(where), "study").create(SETTINGS.to_dict())


@pytest.mark.parametrize("words", ["mysql://host/x", "sqlite://", "sqlite:///:memory:", "http://x"])
def test_other_databases_are_refused(words: str) -> None:
    with pytest.raises(StorageError, match=r"SQLite file|no database URL"):
        Database(words)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="its folder exists"):
        Storage(Database(tmp_path / "no" / "study.db"), "study").create(SETTINGS.to_dict())
