import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from proxies import record, train
from proxies.corpora import Corpora
from proxies.train import TrainConfig


@pytest.fixture
def entry(tiny_corpora: Corpora, tiny_config: TrainConfig) -> dict[str, Any]:
    outcome = train.run(tiny_config, tiny_corpora)
    return record.build("a", tiny_config, tiny_corpora, outcome, "cpu")


def test_record_holds_everything_and_comes_back(
    tmp_path: Path, entry: dict[str, Any], tiny_config: TrainConfig
) -> None:
    path = record.write(entry, tmp_path)
    (back,) = record.read_all(tmp_path)
    assert path.name == "a.json"
    assert back == json.loads(json.dumps(entry))
    assert back["n_params"] == tiny_config.model.n_params
    assert set(back["loss_nats_per_token"]) == set(back["bits_per_byte"]) == {"letters", "math"}
    assert back["benchmarks"]["arithmetic"]["n_questions"] == 8
    assert {"torch", "numpy", "python"} <= set(back["versions"])
    assert 0 < back["train_seconds"] <= back["seconds"]


def test_interrupted_write_leaves_nothing(
    tmp_path: Path, entry: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        record.write(entry, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_missing_value_is_never_written(tmp_path: Path, entry: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        record.write(entry | {"flops": float("nan")}, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_cell_tells_runs_apart(tiny_config: TrainConfig) -> None:
    key = record.cell(tiny_config, "f")
    assert key == record.cell(replace(tiny_config), "f")
    reordered = dict(reversed(list(tiny_config.mixture.items())))
    assert key == record.cell(replace(tiny_config, mixture=reordered), "f")
    others = [
        record.cell(replace(tiny_config, seed=1), "f"),
        record.cell(replace(tiny_config, base_lr=1.0), "f"),
        record.cell(tiny_config, "g"),
    ]
    assert len({key, *others}) == 4


def test_unreadable_records_are_named(tmp_path: Path) -> None:
    with pytest.raises(record.RecordError, match="no such folder"):
        record.read_all(tmp_path / "missing")
    (tmp_path / "half.json").write_text('{"run_id": "x"')
    with pytest.raises(record.RecordError, match=r"half\.json is not a record"):
        record.read_all(tmp_path)
