import json
import time
from pathlib import Path
from typing import Any

import pytest

from bayescamel.exceptions import BayesCamelError
from bayescamel.study.records import as_record
from proxies import corpora, flops, launch
from proxies.corpora import Corpora
from proxies.model import ModelConfig


@pytest.fixture
def saved(tmp_path: Path, tiny_corpora: Corpora) -> Path:
    return corpora.save(tiny_corpora, tmp_path / "cache")


def candidate(**changes: object) -> dict[str, object]:
    values = {
        "run_id": "r0001-8k",
        "n_params": launch.proxy_size(8_000).n_params,
        "n_active_params": None,
        "n_tokens": 4096.0,
        "mixture": {"letters": 0.25, "math": 0.75},
        "seed": 1,
        "flops": 1.0,
    }
    return values | changes


def run(folder: Path, saved: Path, **changes: object) -> int:
    path = folder / "candidate.json"
    path.write_text(json.dumps(candidate(**changes)))
    return launch.main([str(path), str(folder / "record.json"), "--corpora", str(saved)])


def test_candidate_in_record_out(tmp_path: Path, saved: Path) -> None:
    start = time.perf_counter()
    assert run(tmp_path, saved) == 0
    elapsed = time.perf_counter() - start
    found = as_record(tmp_path / "record.json")
    assert found.run_id == "r0001-8k"
    assert set(found.loss) == {"letters", "math"}
    assert found.n_params == candidate()["n_params"]
    assert found.mixture == candidate()["mixture"]
    # Of the training alone, which is part of what it took.
    assert found.seconds is not None
    assert 0 < found.seconds < elapsed
    # What the study counts for a run is what the trainer counts.
    size = launch.proxy_size(8_000)
    assert found.n_tokens is not None
    assert found.flops == pytest.approx(size.flops(found.n_tokens))
    assert {path.name for path in tmp_path.iterdir()} == {"candidate.json", "record.json", "cache"}


def test_realised_size_is_a_dial_of_itself() -> None:
    """A size of the space, asked for again, gives the same shape."""
    for dial in (6e3, 16e3, 48e3, 144e3, 432e3, 1.3e6):
        size = launch.proxy_size(dial)
        again = ModelConfig.from_dial(size.n_params)
        assert again.n_params == pytest.approx(size.n_params, rel=launch.SAME_SIZE)
        assert size.flops_per_token == flops.train_flops(ModelConfig.from_dial(dial), 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mixture": {"letters": 0.5, "web": 0.5}}, "no text for 'web'"),
        ({"n_active_params": 2000.0}, "dense models only"),
        ({"n_tokens": 10.0}, "less than one step"),
    ],
)
def test_what_cannot_be_trained(
    tmp_path: Path,
    saved: Path,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, Any],
    message: str,
) -> None:
    assert run(tmp_path, saved, **changes) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "record.json").exists()


def test_size_that_no_shape_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "SAME_SIZE", 1e-9)
    with pytest.raises(BayesCamelError, match="nearest shape to 10001 parameters"):
        launch.config_of(candidate(n_params=10_001.0))


def test_candidate_that_lacks_a_number(tmp_path: Path) -> None:
    with pytest.raises(BayesCamelError, match="no 'n_tokens'"):
        launch.config_of({"run_id": "x", "n_params": 1e6, "mixture": {}})
