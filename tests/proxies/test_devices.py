import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from proxies.config import TrainConfig
from proxies.corpora import Corpora
from proxies.devices import Runtime, Team
from proxies.shapes import ModelConfig
from proxies.train import Trainer
from tests.proxies.tiny import SPARSE, TINY
from tests.proxies.torchrun_worker import SHAPES, traces


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(tmp_path: Path, saved: Path) -> None:
    """DDP and FSDP2 over gloo, dense and sparse, against one process."""
    out = tmp_path / "traces.json"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", "-m", "tests.proxies.torchrun_worker"]
    done = subprocess.run(
        [*command, str(saved), str(out)],
        capture_output=True,
        text=True,
        timeout=500,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    together = json.loads(out.read_text())
    alone = traces(saved, (False,))
    for name in SHAPES:
        expected = alone[f"{name} False"]
        for shard in (False, True):
            losses, loads, whole = together[f"{name} {shard}"]
            # float32 sums in another order, over twenty steps.
            assert losses == pytest.approx(expected[0], abs=2e-3), (name, shard)
            assert loads == pytest.approx(expected[1], abs=0.1), (name, shard)
            assert whole == [1.0]


def test_a_process_alone_is_a_team_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    team = Team.join(Runtime())
    assert (team.rank, team.world) == (0, 1)
    assert team.agree(True)
    assert team.mean(2.5) == 2.5


def test_compiling_is_for_long_runs_or_for_who_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", sys.executable)
    assert Runtime().compiles(1e13)
    assert not Runtime().compiles(1e12)
    assert Runtime(compiled=True).compiles(1.0)
    assert not Runtime(compiled=False).compiles(1e18)
    monkeypatch.setenv("CXX", str(tmp_path / "none"))
    assert not Runtime().compiles(1e18)


@pytest.mark.slow
@pytest.mark.filterwarnings("default:The .grad attribute of a Tensor")  # while PyTorch traces
@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling needs a C++ compiler")
@pytest.mark.parametrize("model", [TINY, SPARSE])
def test_a_compiled_run_learns_the_same(
    tiny_corpora: Corpora, tiny_config: TrainConfig, model: ModelConfig
) -> None:
    config = replace(tiny_config, model=model, n_questions=0)
    plain, compiled = (
        Trainer(config, tiny_corpora, {}, Runtime(compiled=choice)).run()[0]
        for choice in (False, True)
    )
    # float32 sums in another order.
    assert compiled.losses == pytest.approx(plain.losses, abs=1e-3)
