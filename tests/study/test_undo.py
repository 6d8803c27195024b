"""What came into a study can be undone, and the log keeps it."""

import json
import math
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bayescamel.exceptions import (
    BayesCamelError,
    FitError,
    RunTableError,
    StorageError,
    StudyError,
    TargetError,
)
from bayescamel.study import Study
from bayescamel.study.rows import LONGEST_LEASE
from bayescamel.study.settings import change_settings
from tests.study.examples import QUICK, SPACE, TARGET, create, elsewhere, measure, record, train


def last(study: Study) -> dict[str, Any]:
    return study.events()[-1]


def test_a_failed_run_is_refunded(study: Study) -> None:
    (asked,) = study.ask()
    with pytest.raises(StudyError, match="is pending"):
        study.refund(asked.run_id, "no")
    study.fail(asked.run_id, "a typo")
    assert study.snapshot().spent() == asked.flops
    assert study.refund(asked.run_id, "the command had a typo")
    assert study.snapshot().spent() == 0
    assert not study.refund(asked.run_id, "again")
    assert last(study)["detail"] == {"reason": "the command had a typo", "flops": asked.flops}


def test_a_failed_run_costs_what_it_spent(study: Study) -> None:
    first, second, third = study.ask(3)
    study.fail(first.run_id, "out of memory", flops=1e10)
    study.fail(second.run_id, "at once", seconds=0.6)
    assert study.snapshot().spent() == pytest.approx(1e10 + 0.01 * second.flops)
    for flops in (-1.0, math.nan, math.inf):
        with pytest.raises(StudyError, match="flops ="):
            study.fail(third.run_id, "no", flops=flops)


def test_seconds_are_weighed_by_those_that_runs_took(study: Study) -> None:
    told, failed = study.ask(2)
    given = {"loss": measure(told.mixture, told.n_params), "seconds": 1000.0, "device": "cpu"}
    study.tell(told.run_id, given)
    study.fail(failed.run_id, "no", seconds=1000 * failed.flops / told.flops / 4)
    assert study.snapshot().runs[1].cost == pytest.approx(failed.flops / 4)


def test_a_dropped_run_is_no_longer_known(study: Study) -> None:
    names = train(study, 3)
    spent = study.snapshot().spent()
    study.drop(names[0], "trained on the wrong text")
    assert names[0] not in list(study.runs()["run_id"])
    assert study.snapshot().spent() == spent
    event = last(study)
    assert (event["kind"], event["detail"]["reason"]) == ("dropped", "trained on the wrong text")
    assert event["detail"]["measured"]["loss"]
    study.drop(names[1], "and this", refund=True)
    assert study.snapshot().spent() < spent
    stored = study.snapshot().runs[0]
    assert study.tell(names[0], measure(stored.mixture, stored.n_params))  # trained again
    with pytest.raises(StudyError, match="no run 'r9'"):
        study.drop("r9", "no")


def test_an_attached_run_that_was_dropped_may_be_attached_again(study: Study) -> None:
    study.attach(elsewhere())
    study.drop("e1", "other units")
    assert list(study.runs()["run_id"]) == ["e0", "e2", "e3"]
    assert study.attach(elsewhere()) == 1


def test_names_of_a_first_record_that_was_wrong_can_be_mended(study: Study) -> None:
    first, second = study.ask(2)
    study.tell(first.run_id, {"loss": {"wbe": 3.0, "code": 3.0}})
    with pytest.raises(StudyError, match="unknown validation domain 'web'"):
        study.tell(second.run_id, {"code": 3.0, "web": 3.0})
    study.correct(first.run_id, {"web": 3.0, "code": 3.0})
    assert study.snapshot().validation == ("code", "web")
    assert study.tell(second.run_id, {"code": 3.0, "web": 3.0})
    study.drop(first.run_id, "no")
    study.drop(second.run_id, "no")
    assert study.snapshot().validation is None


def test_size_and_mixture_are_corrected_too(study: Study) -> None:
    (asked,) = study.ask()
    losses = measure(asked.mixture, asked.n_params)
    study.tell(asked.run_id, losses)
    right = {"loss": losses, "mixture": {"code": 0.25, "web": 0.75}, "n_params": 2e6}
    assert study.correct(asked.run_id, right)
    (stored,) = study.snapshot().runs
    assert (stored.mixture, stored.n_params) == ({"code": 0.25, "web": 0.75}, 2e6)
    assert last(study)["detail"]["mixture"] == dict(asked.mixture)
    for wrong in (
        {"mixture": {"code": 0.5, "web": 0.6}},
        {"mixture": {"code": math.nan, "web": 0.5}},
        {"mixture": {"code": 0.5, "wbe": 0.5}},
        {"mixture": {"code": -0.5, "web": 1.5}},
        {"n_active_params": 1e12},
    ):
        with pytest.raises((StudyError, RunTableError)):
            study.correct(asked.run_id, {"loss": losses} | wrong)
    assert study.snapshot().runs == (stored,)


# Leases.


def test_leases_are_given_back_by_command(study: Study) -> None:
    asked = study.ask(3)
    study.tell(asked[0].run_id, measure(asked[0].mixture, asked[0].n_params))
    with pytest.raises(StudyError, match="is told"):
        study.release([asked[0].run_id])
    assert study.release([asked[1].run_id]) == [asked[1].run_id]
    assert [c.run_id for c in study.ask()] == [asked[1].run_id]
    assert study.release() == [asked[1].run_id, asked[2].run_id]
    assert len(study.snapshot().returned()) == 2


@pytest.mark.parametrize("lease", [math.inf, math.nan, 0.0, -1.0, LONGEST_LEASE * 1.01])
def test_leases_without_end_are_refused(study: Study, lease: float) -> None:
    with pytest.raises(StudyError, match="at most"):
        study.ask(lease=lease)
    assert study.snapshot().runs == ()


def test_a_lease_from_a_clock_that_was_wrong_has_run_out(study: Study) -> None:
    (asked,) = study.ask()
    with study._storage.database.engine.begin() as connection:
        connection.execute(text("UPDATE bayescamel_run SET lease_until = 1e11"))
    assert [c.run_id for c in study.ask()] == [asked.run_id]


# Settings.


def test_settings_are_changed_and_logged(study: Study, url: str) -> None:
    other = Study.open(url)
    assert study.change(budget=2e17, objective={"web": 1.0})
    assert not study.change(budget=2e17)
    assert last(study)["detail"]["before"]["budget"] == 1e17
    assert other.status().flops_left == 2e17  # it learns of it by itself
    assert other.settings.objective == {"web": 1.0}
    assert study.change(fit={"law": "additive"})
    assert study.settings.fit.law == "additive"
    assert study.settings.fit.draws == QUICK.draws
    assert study.change(acquisition="regret(outcomes=128)")
    assert Study.open(url).settings.acquisition == "regret(outcomes=128)"


@pytest.mark.parametrize(
    "changes",
    [
        {"budget": -1.0},
        {"budget": math.nan},
        {"colour": 1},
        {"objective": {"web": -1.0}},
        {"objective": {"web": 0.0}},
        {"objective": {"web": math.nan}},
        {"fit": {"draws": 10}},
        {"fit": {"law": "newton"}},
        {"acquisition": "best"},
        {"acquisition": "regret(outcomes=100)"},
        {"space": SPACE.to_dict() | {"domains": ["a", "b"]}},
    ],
)
def test_settings_that_cannot_be_are_refused(study: Study, changes: dict[str, Any]) -> None:
    with pytest.raises(BayesCamelError):
        study.change(**changes)
    assert study.events() == []


def test_a_study_whose_settings_cannot_be_is_mended(study: Study, url: str) -> None:
    """As one of an earlier version, which took any number of draws."""
    values = json.dumps(study.settings.to_dict() | {"fit": {"draws": 10}})
    with study._storage.database.engine.begin() as connection:
        connection.execute(text("UPDATE bayescamel_study SET settings = :v"), {"v": values})
    with pytest.raises(FitError, match="draws = 10"):
        Study.open(url)
    change_settings(study._storage, {"fit": {"draws": 100}})
    assert Study.open(url).settings.fit.draws == 100


@pytest.mark.parametrize(
    "options",
    [
        {"objective": {"web": -1.0}},
        {"objective": {"web": math.nan}},
        {"objective": {"web": 0.0}},
        {"objective": {"web": 1.0}, "losses": ["code"]},
        {"losses": ["code", "code"]},
        {"losses": []},
        {"losses": ["co\x1bde"]},
        {"name": "a" * 300},
        {"name": " study"},
        {"name": ""},
        {"name": "a\0b"},
    ],
)
def test_what_cannot_be_created(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises((StudyError, TargetError)):
        Study.create(tmp_path / "study.db", SPACE, TARGET, budget=1e17, fit=QUICK, **options)
    assert not (tmp_path / "study.db").exists()


# What comes in.


def test_any_table_of_numbers_is_not_taken_for_losses(url: str) -> None:
    study = create(url)
    (asked,) = study.ask()
    with pytest.raises(StudyError, match="'epoch' is no validation domain"):
        study.tell(asked.run_id, {"epoch": 3, "lr": 0.01})
    assert study.snapshot().validation is None
    assert study.tell(asked.run_id, {"loss_wiki": 3.0})


def test_losses_that_were_named_are_known_from_the_start(url: str) -> None:
    study = create(url, losses=["wiki", "books"])
    assert study.snapshot().validation == ("books", "wiki")
    first, second = study.ask(2)
    with pytest.raises(StudyError, match="'code'"):
        study.tell(first.run_id, {"code": 3.0})
    assert study.tell(first.run_id, {"wiki": 3.0})
    study.drop(first.run_id, "no")
    assert study.tell(second.run_id, {"books": 3.0})


@pytest.mark.parametrize(
    "spoil",
    [
        {"mixture": {"code": math.nan, "web": 1.0}},
        {"n_active_params": 9e9},
        {"run_id": " "},
        {"loss_nats_per_token": {"code": 1e300, "web": 3.0}},
    ],
)
def test_records_that_cannot_be_attached(
    study: Study, tmp_path: Path, spoil: dict[str, Any]
) -> None:
    (tmp_path / "x.json").write_text(json.dumps(record("x", 0.2) | spoil))
    with pytest.raises((StudyError, RunTableError)):
        study.attach(tmp_path)
    assert study.snapshot().runs == ()


def test_ids_that_differ_by_a_blank_are_one(study: Study, tmp_path: Path) -> None:
    for number, name in enumerate(("a", " a ")):
        (tmp_path / f"{number}.json").write_text(json.dumps(record(name, 0.2)))
    with pytest.raises(RunTableError, match="'a' occurs more than once"):
        study.attach(tmp_path)
    table = elsewhere()
    study.attach(table)
    assert study.attach(table.assign(run_id=table["run_id"] + " ")) == 0


# A copy.


def test_a_study_in_use_is_copied(tmp_path: Path) -> None:
    study = create(tmp_path / "study.db")
    train(study, 2)
    writer = sqlite3.connect(tmp_path / "study.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE bayescamel_run SET state = 'failed'")
    study.backup(tmp_path / "copy.db")
    writer.execute("ROLLBACK")
    assert len(Study.open(tmp_path / "copy.db").snapshot().told()) == 2
    with pytest.raises(StorageError, match="exists"):
        study.backup(tmp_path / "copy.db")
    assert [path.name for path in tmp_path.glob(".*")] == []


@pytest.mark.postgresql
def test_postgresql_copies_itself(postgresql: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="pg_dump"):
        create(postgresql).backup(tmp_path / "copy.db")
