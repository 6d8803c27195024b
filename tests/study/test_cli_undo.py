"""The commands that undo: what they answer, what the log keeps, what they refuse."""

import json
from pathlib import Path
from typing import Any

import pytest

from bayescamel.study import Study
from tests.study.examples import measure
from tests.study.test_cli import CREATE, bayescamel, refused, said


@pytest.fixture
def asked(folder: Path) -> list[dict[str, Any]]:
    """Three runs of a study: the first is told, the others are pending."""
    said("create", "study.db", *CREATE)
    runs = list(said("ask", "study.db", "-n", "3")["candidates"])
    losses = measure(runs[0]["mixture"], runs[0]["n_params"])
    said("tell", "study.db", runs[0]["run_id"], *(f"--loss={k}={v!r}" for k, v in losses.items()))
    return runs


def last() -> dict[str, Any]:
    return Study.open("study.db").events()[-1]


def test_a_run_is_dropped_with_its_reason(asked: list[dict[str, Any]]) -> None:
    run_id, drop = asked[0]["run_id"], ["drop", "study.db", asked[0]["run_id"]]
    assert bayescamel(*drop).exit_code == 2  # a reason is needed
    assert said(*drop, "--reason", "wrong text") == {"run_id": run_id, "dropped": True}
    assert (last()["kind"], last()["detail"]["reason"]) == ("dropped", "wrong text")
    status = said("status", "study.db")
    assert (status["told"], status["failed"]) == (0, 1)
    assert status["flops_spent"] == asked[0]["flops"]
    said("drop", "study.db", asked[1]["run_id"], "--reason", "as well", "--refund")
    assert said("status", "study.db")["flops_spent"] == asked[0]["flops"]
    refused("asked for no run 'r9'", "drop", "study.db", "r9", "--reason", "no")


def test_a_failed_run_is_refunded_once(asked: list[dict[str, Any]]) -> None:
    run_id = asked[1]["run_id"]
    refund = ["refund", "study.db", run_id, "--reason", "a typo"]
    refused("is pending", *refund)
    said("fail", "study.db", run_id, "--reason", "no")
    assert said("status", "study.db")["flops_spent"] == asked[0]["flops"] + asked[1]["flops"]
    assert said(*refund) == {"run_id": run_id, "new": True}
    assert said("status", "study.db")["flops_spent"] == asked[0]["flops"]
    assert said(*refund)["new"] is False
    assert bayescamel(*refund).stdout == f"{run_id}: cost nothing already\n"


def test_a_failed_run_costs_what_it_is_said_to(asked: list[dict[str, Any]]) -> None:
    said("fail", "study.db", asked[1]["run_id"], "--flops", "1e9")
    assert said("status", "study.db")["flops_spent"] == asked[0]["flops"] + 1e9
    refused("flops = nan", "fail", "study.db", asked[2]["run_id"], "--flops", "nan")


def test_leases_are_given_back_one_or_all(asked: list[dict[str, Any]]) -> None:
    told, one, other = (run["run_id"] for run in asked)
    refused(f"run '{told}' is told", "release", "study.db", told)
    assert said("release", "study.db", other) == {"released": [other]}
    assert said("ask", "study.db")["candidates"][0]["run_id"] == other
    assert said("release", "study.db") == {"released": [one, other]}
    again = said("ask", "study.db", "-n", "2")["candidates"]
    assert [run["run_id"] for run in again] == [one, other]


def test_settings_are_changed_and_the_log_keeps_those_before(asked: list[dict[str, Any]]) -> None:
    change = ["change", "study.db", "--budget", "2e17", "--objective", "web=1", "--draws", "200"]
    assert said(*change) == {"changed": ["budget", "fit", "objective"]}
    assert last()["detail"]["before"]["budget"] == 1e17
    assert said(*change) == {"changed": []}
    assert bayescamel(*change).stdout == "nothing differs\n"
    settings = Study.open("study.db").settings
    assert (settings.budget, settings.objective) == (2e17, {"web": 1.0})
    assert (settings.fit.draws, settings.fit.tune) == (200, 200)
    said("change", "study.db", "--objective", "none")
    assert Study.open("study.db").settings.objective is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing to change"),
        (["--budget", "nan"], "budget = nan"),
        (["--objective", "web=-1"], "web"),
        (["--acquisition", "best"], "unknown acquisition 'best'"),
        (["--draws", "10"], "draws = 10"),
        (["--law", "newton"], "newton"),
        (["--start", "-1"], "start = -1"),
    ],
)
def test_settings_that_cannot_be_change_nothing(
    asked: list[dict[str, Any]], words: list[str], message: str
) -> None:
    before = Study.open("study.db")
    refused(message, "change", "study.db", *words)
    after = Study.open("study.db")
    assert after.settings == before.settings
    assert after.events() == before.events()


def test_a_copy_is_the_study(asked: list[dict[str, Any]], folder: Path) -> None:
    assert said("backup", "study.db", "--out", "copy.db") == {"out": "copy.db"}
    assert said("status", "copy.db") == said("status", "study.db")
    refused("copy.db exists", "backup", "study.db", "--out", "copy.db")
    said("drop", "study.db", asked[0]["run_id"], "--reason", "no")
    said("backup", "study.db", "--out", "copy.db", "--force")
    assert said("status", "copy.db")["told"] == 0
    refused("no folder", "backup", "study.db", "--out", "away/copy.db")
    assert sorted(path.name for path in folder.glob("*copy*")) == ["copy.db"]


def test_what_was_told_wrong_is_corrected_size_and_mixture(asked: list[dict[str, Any]]) -> None:
    run_id = asked[0]["run_id"]
    right = {"loss": {"code": 2.5, "web": 2.6}, "mixture": {"code": 0.25, "web": 0.75}}
    Path("right.json").write_text(json.dumps(right | {"n_params": 2e6}))
    tell = ["tell", "study.db", run_id, "--record", "right.json"]
    refused("is of another run", *tell)
    assert said(*tell, "--correct")["new"] is True
    stored = Study.open("study.db").snapshot().runs[0]
    assert (stored.mixture, stored.n_params) == (right["mixture"], 2e6)


@pytest.mark.parametrize("lease", ["inf", "nan", "0", "1e9"])
def test_a_lease_without_end_is_refused(folder: Path, lease: str) -> None:
    said("create", "study.db", *CREATE)
    refused("at most", "ask", "study.db", "--lease", lease)
