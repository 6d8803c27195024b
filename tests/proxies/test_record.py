import json
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from proxies import record, train
from proxies.config import TrainConfig
from proxies.corpora import Corpora
from proxies.devices import Runtime
from tests.proxies.tiny import SPARSE


@pytest.fixture
def entry(tiny_corpora: Corpora, tiny_config: TrainConfig) -> dict[str, Any]:
    config = replace(tiny_config, model=SPARSE)
    (measured,) = train.run(config, tiny_corpora)
    return record.build("a", config, tiny_corpora, measured, Runtime())


def test_record_holds_everything_and_comes_back(tmp_path: Path, entry: dict[str, Any]) -> None:
    path = record.write(entry, tmp_path)
    (back,) = record.read_all(tmp_path)
    assert path.name == "a.json"
    assert back == json.loads(json.dumps(entry))
    assert (back["n_params"], back["n_active_params"]) == (SPARSE.n_params, SPARSE.n_active_params)
    assert back["parameters"] == SPARSE.counts()
    for key in ("loss_nats_per_token", "loss_standard_error", "bits_per_byte", "epochs"):
        assert set(back[key]) == {"letters", "math"}
    assert back["benchmarks"]["sums"]["n_questions"] == 8
    assert set(back["expert_loads"]) == {"max_over_mean", "dead_share"}
    assert set(back["gradients"]) == {"gradient_norm", "clipped_share", "skipped_steps"}
    assert {"torch", "numpy", "python"} <= set(back["versions"])
    assert 0 < back["train_seconds"] < back["seconds"]
    assert back["tokens_per_second"] == pytest.approx(back["n_tokens"] / back["train_seconds"])
    assert back["device_name"]
    assert back["commit"] == record.commit()


def test_records_can_be_read_by_others(tmp_path: Path, entry: dict[str, Any]) -> None:
    mask = os.umask(0o022)
    try:
        path = record.write(entry, tmp_path)
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


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


def test_key_tells_runs_apart(tiny_config: TrainConfig) -> None:
    key = tiny_config.key("f")
    assert key == replace(tiny_config).key("f")
    reordered = dict(reversed(list(tiny_config.mixture.items())))
    assert key == replace(tiny_config, mixture=reordered).key("f")
    others = [
        replace(tiny_config, seed=1).key("f"),
        replace(tiny_config, rate_factor=2.0).key("f"),
        replace(tiny_config, branches=(300,)).key("f"),
        replace(tiny_config, text_tokens={"math": 500}).key("f"),
        tiny_config.key("g"),
    ]
    assert len({key, *others}) == 6


def test_text_that_was_seen_again_is_told() -> None:
    unique = record.unique_tokens({"a": 0.4, "b": 0.6}, 1e6, {"a": 4.0, "b": 0.9})
    assert unique == {"a": pytest.approx(1e5)}


def test_unreadable_records_are_named(tmp_path: Path) -> None:
    with pytest.raises(record.RecordError, match="no such folder"):
        record.read_all(tmp_path / "missing")
    (tmp_path / "half.json").write_text('{"run_id": "x"')
    with pytest.raises(record.RecordError, match=r"half\.json is not a record"):
        record.read_all(tmp_path)
