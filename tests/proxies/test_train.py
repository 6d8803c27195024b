import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from bayescamel.exceptions import BayesCamelError
from proxies import guards, tasks, train
from proxies.checkpoint import CheckpointError
from proxies.config import TrainConfig
from proxies.corpora import Corpora
from proxies.devices import Runtime
from proxies.guards import SpikeGuard, Stopped, TrainingError
from proxies.measure import Measured
from proxies.train import Trainer
from tests.proxies.tiny import SPARSE, TINY

STEP = 4 * TINY.context
GOLDEN = Path(__file__).parent / "golden.json"


def measured(config: TrainConfig, corpora: Corpora, **options: Any) -> list[Measured]:
    return Trainer(config, corpora, tasks.build(corpora, 8), **options).run()


def learned(item: Measured) -> tuple[Any, ...]:
    """What a run learned, without how long it took."""
    return item.losses, item.benchmarks, item.trace, item.gradients, item.loads


def test_loss_falls_in_a_short_training(tiny_corpora: Corpora, tiny_config: TrainConfig) -> None:
    (found,) = measured(replace(tiny_config, n_tokens=60 * STEP), tiny_corpora)
    assert found.trace[-1][0] == 60
    # From log 256 = 5.5 down past the entropy of a uniform choice among 95 printable bytes, 4.6.
    assert found.trace[0][1] > 4.5
    assert found.trace[-1][1] < 3.5
    # "letters" is nine independent symbols: no model beats log 9 by more than chance.
    assert math.log(9) - 0.05 < found.losses["letters"] < 3.5
    assert found.n_tokens == 60 * STEP
    assert found.epochs["letters"] == pytest.approx(0.4 * 60 * 4 / 554)
    assert 0 < found.utilisation < 1


@pytest.mark.parametrize("model", ["dense", "sparse"])
def test_ten_steps_give_the_golden_losses(
    tiny_corpora: Corpora, tiny_config: TrainConfig, model: str
) -> None:
    """Recorded losses are the trainer's regression test; rewrite them on purpose only."""
    shape = {"dense": TINY, "sparse": SPARSE}[model]
    (found,) = measured(replace(tiny_config, model=shape, n_tokens=10 * STEP), tiny_corpora)
    assert [step for step, _ in found.trace] == list(range(1, 11))
    losses = [loss for _, loss in found.trace]
    # float32 rounding differs from processor to processor, and grows over ten steps.
    assert losses == pytest.approx(json.loads(GOLDEN.read_text())[model], abs=1e-3)


def test_seed_decides_the_run(tiny_corpora: Corpora, tiny_config: TrainConfig) -> None:
    first, second = (measured(tiny_config, tiny_corpora)[0] for _ in range(2))
    assert learned(first) == learned(second)
    (other,) = measured(replace(tiny_config, seed=1), tiny_corpora)
    assert other.losses != first.losses


def test_own_domain_weight_lowers_own_loss(tiny_corpora: Corpora, tiny_config: TrainConfig) -> None:
    def loss(weight: float) -> float:
        mixture = {"letters": 1 - weight, "math": weight}
        config = replace(tiny_config, mixture=mixture, n_tokens=40 * STEP)
        return measured(config, tiny_corpora)[0].losses["math"]

    assert loss(1.0) < loss(0.0) - 0.2


@pytest.mark.parametrize("shape", [TINY, SPARSE])
def test_a_run_stopped_every_few_steps_is_bit_equal_to_an_uninterrupted_one(
    tiny_corpora: Corpora,
    tiny_config: TrainConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shape: Any,
) -> None:
    config = replace(tiny_config, model=shape, n_tokens=20 * STEP, branches=(8 * STEP, 12 * STEP))
    whole = measured(config, tiny_corpora)
    path = tmp_path / "checkpoint.pt"
    found: list[Measured] = []
    starts = 0
    while not found:
        calls = iter(range(1, 100))
        monkeypatch.setattr(train, "stop_requested", lambda calls=calls: next(calls) >= 7)
        starts += 1
        try:
            found = measured(config, tiny_corpora, checkpoint=path)
        except Stopped:
            assert path.exists()
    assert starts >= 4
    assert [learned(item) for item in found] == [learned(item) for item in whole]


def test_a_branch_is_the_run_that_had_ended_there(
    tiny_corpora: Corpora, tiny_config: TrainConfig
) -> None:
    """The trunk does not notice its branches, and a branch not what comes after it."""
    ends = (8 * STEP, 12 * STEP)
    config = replace(tiny_config, n_tokens=20 * STEP)
    bare, one, both = (measured(replace(config, branches=ends[:n]), tiny_corpora) for n in range(3))
    assert [item.n_tokens for item in both] == [*ends, 20 * STEP]
    assert bare[-1].losses == one[-1].losses == both[-1].losses
    assert one[0].losses == both[0].losses
    assert both[0].losses != both[1].losses
    assert [step for step, _ in both[0].trace][-1] == 8
    assert both[0].flops < both[1].flops < both[2].flops


def test_accumulated_parts_give_the_loss_of_the_batch(
    tiny_corpora: Corpora, tiny_config: TrainConfig
) -> None:
    config = replace(tiny_config, n_tokens=6 * STEP)
    whole, parts = (
        measured(config, tiny_corpora, runtime=Runtime(accumulate=n))[0] for n in (1, 4)
    )
    # float32 sums in another order.
    for one, other in zip(whole.trace, parts.trace, strict=True):
        assert one == pytest.approx(other, abs=1e-4)
    with pytest.raises(BayesCamelError, match="4 sequences cannot be cut into 3 equal parts"):
        measured(config, tiny_corpora, runtime=Runtime(accumulate=3))


def test_bfloat16_learns_nearly_the_same(tiny_corpora: Corpora, tiny_config: TrainConfig) -> None:
    config = replace(tiny_config, n_tokens=30 * STEP)
    exact, coarse = (
        measured(replace(config, precision=precision), tiny_corpora)[0].losses["letters"]
        for precision in ("float32", "bfloat16")
    )
    assert coarse != exact
    assert coarse == pytest.approx(exact, abs=0.1)
    with pytest.raises(BayesCamelError, match="precision 'fp8'"):
        replace(config, precision="fp8")


def test_tokens_are_whole_steps(tiny_config: TrainConfig) -> None:
    config = replace(tiny_config, n_tokens=3 * STEP + 100)
    assert config.n_steps == 3
    assert config.trained_tokens == (3 * STEP,)
    with pytest.raises(BayesCamelError, match="less than one step"):
        _ = replace(config, n_tokens=200).n_steps


def test_divergence_is_an_error(tiny_corpora: Corpora, tiny_config: TrainConfig) -> None:
    config = replace(tiny_config, n_tokens=60 * STEP, rate_factor=math.inf)
    with pytest.raises(TrainingError, match="lower rate_factor"):
        measured(config, tiny_corpora)


def test_spikes_are_left_out_and_counted() -> None:
    guard = SpikeGuard(clip=1.0)
    for step in range(guards.FIRST_STEPS):
        assert guard.accepts(2.0, step)
    assert not guard.accepts(2.0 * guards.SPIKE + 1, 50)
    assert not guard.accepts(math.nan, 51)
    assert guard.accepts(0.5, 52)
    steps = guards.FIRST_STEPS + 1
    assert guard.summary() == {
        "gradient_norm": pytest.approx((2.0 * guards.FIRST_STEPS + 0.5) / steps),
        "clipped_share": pytest.approx(guards.FIRST_STEPS / steps),
        "skipped_steps": 2.0,
    }
    for step in range(guards.MAX_SPIKES - 1):
        assert not guard.accepts(math.inf, step)
    with pytest.raises(TrainingError, match="25th spike on end"):
        guard.accepts(math.inf, 99)


def test_a_spike_does_not_move_the_weights(
    tiny_corpora: Corpora, tiny_config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SpikeGuard, "accepts", lambda *_: False)
    trainer = Trainer(tiny_config, tiny_corpora, {})
    before = [p.clone() for p in trainer.raw.parameters()]
    trainer.run()
    for old, new in zip(before, trainer.raw.parameters(), strict=True):
        assert torch.equal(old, new)


def test_checkpoints_of_other_runs_are_refused(
    tiny_corpora: Corpora, tiny_config: TrainConfig, tmp_path: Path
) -> None:
    path = tmp_path / "a.pt"
    measured(tiny_config, tiny_corpora, checkpoint=path, save_seconds=0)
    with pytest.raises(CheckpointError, match=r"a\.pt is the checkpoint of another run"):
        Trainer(replace(tiny_config, seed=1), tiny_corpora, {}, checkpoint=path)
    path.write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match=r"a\.pt is no checkpoint"):
        Trainer(tiny_config, tiny_corpora, {}, checkpoint=path)


def test_a_model_has_as_many_token_values_as_the_text(
    tiny_corpora: Corpora, tiny_config: TrainConfig
) -> None:
    wide = replace(tiny_corpora, vocabulary=300)
    with pytest.raises(BayesCamelError, match="300 token values and the model 256"):
        Trainer(tiny_config, wide, {})
    fitting = train.for_text(tiny_config, wide)
    assert fitting.model.vocabulary == 300
    (found,) = Trainer(fitting, wide, {}).run()
    assert found.trace[0][1] == pytest.approx(math.log(300), abs=0.05)


def test_unknown_devices_are_refused() -> None:
    with pytest.raises(BayesCamelError, match="device 'abacus'"):
        Runtime("abacus")
    with pytest.raises(BayesCamelError, match="accumulate 0"):
        Runtime(accumulate=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("shape", [TINY, SPARSE])
def test_cuda_agrees_with_cpu(tiny_corpora: Corpora, tiny_config: TrainConfig, shape: Any) -> None:
    config = replace(tiny_config, model=shape)
    cpu, cuda = (
        measured(config, tiny_corpora, runtime=Runtime(device))[0].losses
        for device in ("cpu", "cuda")
    )
    # Three steps apart by rounding; experts compute in bfloat16 on CUDA.
    assert cuda == pytest.approx(cpu, abs=5e-2)
