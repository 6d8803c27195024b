import json
import time
from pathlib import Path
from typing import Any

import pytest

from bayescamel.exceptions import BayesCamelError
from bayescamel.study.records import as_record
from proxies import flops, launch
from proxies.shapes import ModelConfig


def candidate(**changes: Any) -> dict[str, Any]:
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


def run(folder: Path, saved: Path, **changes: Any) -> int:
    path = folder / "candidate.json"
    path.write_text(json.dumps(candidate(**changes)))
    return launch.main([str(path), str(folder / "record.json"), "--corpora", str(saved)])


@pytest.mark.parametrize("size", [launch.proxy_size(8_000), launch.proxy_size(6e4, 17e3)])
def test_candidate_in_record_out(tmp_path: Path, saved: Path, size: Any) -> None:
    asked = {"n_params": size.n_params, "n_active_params": size.n_active_params}
    start = time.perf_counter()
    assert run(tmp_path, saved, **asked) == 0
    elapsed = time.perf_counter() - start
    found = as_record(tmp_path / "record.json")
    assert found.run_id == "r0001-8k"
    assert set(found.loss) == {"letters", "math"}
    assert found.n_params == size.n_params
    assert found.n_active_params == (size.n_active_params or size.n_params)
    assert found.mixture == candidate()["mixture"]
    assert found.seconds is not None
    assert 0 < found.seconds < elapsed
    # What the study counts for a run is what the trainer counts.
    assert found.flops == pytest.approx(size.flops(found.n_tokens or 0))
    left = {path.name for path in tmp_path.iterdir() if not path.name.startswith(".")}
    assert left == {"candidate.json", "record.json"}


def test_realised_size_is_a_dial_of_itself() -> None:
    """A size of the space, asked for again, gives the same shape."""
    for dial in (6e3, 16e3, 48e3, 144e3, 432e3, 1.3e6):
        size = launch.proxy_size(dial)
        assert launch.proxy_size(size.n_params) == size
        assert size.flops_per_token == flops.train_flops(ModelConfig.from_dial(dial), 1)
    sparse = launch.proxy_size(4e5, 1e5)
    assert launch.proxy_size(sparse.n_params, sparse.n_active_params) == sparse


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mixture": {"letters": 0.5, "web": 0.5}}, "no text for 'web'"),
        ({"n_active_params": 5200.0}, "no Mixture-of-Experts of 5200 active"),
        ({"n_tokens": 10.0}, "less than one step"),
        ({"n_params": 10_001.0}, "nearest shape to 10001 parameters"),
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


def test_candidate_that_lacks_a_number() -> None:
    with pytest.raises(BayesCamelError, match="no 'n_tokens'"):
        launch.config_of({"run_id": "x", "n_params": 1e6, "mixture": {}})
