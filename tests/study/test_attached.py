"""Runs that a study takes in from elsewhere."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayescamel.exceptions import RunTableError, StudyError
from bayescamel.runs.table import read_runs
from bayescamel.study import Study
from tests.study.examples import elsewhere, record


def test_attached_table(study: Study, tmp_path: Path) -> None:
    elsewhere().to_csv(tmp_path / "runs.csv", index=False)
    assert study.attach(tmp_path / "runs.csv") == 4
    assert study.attach(str(tmp_path / "runs.csv")) == 0
    assert study.status().flops_spent == 0
    columns = [c for c in elsewhere() if c != "run_id"]
    np.testing.assert_array_equal(study.runs()[columns], elsewhere()[columns])
    assert read_runs(study.runs()).sizes["run"] == 4


def test_attached_export_of_weights_and_biases(study: Study, tmp_path: Path) -> None:
    names = {"run_id": "Name", "w_code": "mixture.code", "w_web": "mixture.web"}
    names |= {"loss_code": "val_loss/code", "loss_web": "val_loss/web", "n_params": "params"}
    table = elsewhere().rename(columns=names)
    table["State"] = ["finished", "crashed", "finished", "finished"]
    table["Created"] = "2026-01-01"
    table.to_csv(tmp_path / "export.csv", index=False)
    assert study.attach(tmp_path / "export.csv", {"params": "n_params"}) == 3
    assert list(study.runs()["run_id"]) == ["e0", "e2", "e3"]
    np.testing.assert_array_equal(study.runs()["loss_web"], elsewhere()["loss_web"][[0, 2, 3]])


def test_attached_folder_of_records(study: Study, tmp_path: Path) -> None:
    for i, share in enumerate((0.2, 0.8)):
        path = tmp_path / f"x{i}.json"
        path.write_text(json.dumps(record(f"x{i}", share)), encoding="utf-8")
    assert study.attach(tmp_path) == 2
    assert list(study.runs()["acc_quiz"]) == [0.3, 0.3]
    assert list(study.runs()["score_quiz"]) == [0.28, 0.28]


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda t: t.drop(columns="n_tokens"), RunTableError, "n_tokens"),
        (lambda t: t.rename(columns={"w_code": "w_cod"}), StudyError, "training domain 'cod'"),
        (lambda t: t.assign(loss_code=-1.0), RunTableError, "loss_code = -1"),
        (lambda t: t.assign(w_code=0.3), RunTableError, "sum to"),
        (lambda t: t.assign(w_web=1.0).drop(columns="w_code"), StudyError, "no column w_code"),
    ],
)
def test_what_cannot_be_attached(
    study: Study,
    spoil: Callable[[pd.DataFrame], pd.DataFrame],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        study.attach(spoil(elsewhere()))
    assert study.snapshot().runs == ()


def test_record_that_does_not_say_what_it_is(study: Study, tmp_path: Path) -> None:
    bare = {key: value for key, value in record("x", 0.2).items() if key != "mixture"}
    (tmp_path / "x.json").write_text(json.dumps(bare), encoding="utf-8")
    with pytest.raises(StudyError, match=r"x\.json.*'mixture'"):
        study.attach(tmp_path)


def test_record_of_repeated_text_is_refused(study: Study, tmp_path: Path) -> None:
    run = record("x", 0.2)
    seen = 0.2 * 8e7
    path = tmp_path / "x.json"
    path.write_text(json.dumps(run | {"unique": {"code": seen / 4}}), encoding="utf-8")
    with pytest.raises(StudyError, match=r"x\.json.*more tokens of code than.*leave such runs out"):
        study.attach(tmp_path)
    path.write_text(json.dumps(run | {"unique": {"code": seen}}), encoding="utf-8")
    assert study.attach(tmp_path) == 1


def test_empty_folder(study: Study, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no records"):
        study.attach(tmp_path / ".." / Path(tmp_path).name)
