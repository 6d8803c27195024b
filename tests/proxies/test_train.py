import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from bayescamel.exceptions import BayesCamelError
from proxies import evaluate, train
from proxies.corpora import Corpora
from proxies.model import ModelConfig, Transformer
from proxies.train import TrainConfig


def test_loss_falls_in_a_short_training(tiny_corpora: Corpora, tiny_config: TrainConfig) -> None:
    config = replace(tiny_config, n_tokens=60 * 4 * 72)
    model, trace = train.train(config, tiny_corpora)
    assert trace[-1][0] == 60
    # From log 256 = 5.5 down past the entropy of a uniform choice among 95 printable bytes, 4.6.
    assert trace[0][1] > 4.5
    assert trace[-1][1] < 3.5
    losses = evaluate.validation_losses(model, tiny_corpora, 2_000)
    # "letters" is nine independent symbols: no model beats log 9 by more than chance.
    assert math.log(9) - 0.05 < losses["letters"] < 3.5


def test_seed_decides_the_run(tiny_corpora: Corpora, tiny_config: TrainConfig) -> None:
    first, second = (train.run(tiny_config, tiny_corpora) for _ in range(2))
    assert first.losses == second.losses
    assert first.benchmarks == second.benchmarks
    other = train.run(replace(tiny_config, seed=1), tiny_corpora)
    assert other.losses != first.losses


def test_own_domain_weight_lowers_own_loss(tiny_corpora: Corpora, tiny_config: TrainConfig) -> None:
    def loss(weight: float) -> float:
        mixture = {"letters": 1 - weight, "math": weight}
        config = replace(tiny_config, mixture=mixture, n_tokens=40 * 4 * 72)
        return train.run(config, tiny_corpora).losses["math"]

    assert loss(1.0) < loss(0.0) - 0.2


def test_schedule_warms_up_stays_and_decays() -> None:
    factors = [train.learning_rate_factor(s, 100, 0.1, 0.2) for s in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9:81] == [1.0] * 72
    assert np.diff(factors[:10]) == pytest.approx(0.1)
    assert np.diff(factors[80:]) == pytest.approx(-0.05)
    assert factors[-1] == pytest.approx(0.05)


def test_learning_rate_scales_with_width(tiny_config: TrainConfig) -> None:
    wide = replace(tiny_config, model=ModelConfig(2, 48, 2, 64))
    narrow = replace(tiny_config, model=ModelConfig(2, 24, 2, 64))
    assert narrow.peak_lr == tiny_config.base_lr
    assert wide.peak_lr == pytest.approx(narrow.peak_lr / 2)


def test_only_linear_matrices_decay(tiny_config: TrainConfig) -> None:
    model = Transformer(tiny_config.model)
    decayed, rest = train.build_optimizer(model, tiny_config).param_groups
    counts = tiny_config.model.counts()
    assert decayed["weight_decay"] == 0.1
    assert rest["weight_decay"] == 0.0
    assert sum(p.numel() for p in decayed["params"]) == (
        counts["attention"] + counts["mlp"] + counts["head"]
    )
    assert sum(p.numel() for p in rest["params"]) == counts["embedding"] + counts["norm"]


def test_tokens_are_whole_steps(tiny_config: TrainConfig) -> None:
    config = replace(tiny_config, n_tokens=3 * 288 + 100)
    assert config.n_steps == 3
    assert config.trained_tokens == 3 * 288
    with pytest.raises(BayesCamelError, match="less than one step"):
        _ = replace(config, n_tokens=200).n_steps


def test_divergence_is_an_error(tiny_corpora: Corpora, tiny_config: TrainConfig) -> None:
    config = replace(tiny_config, base_lr=float("inf"))
    with pytest.raises(train.TrainingError, match="lower base_lr"):
        train.train(config, tiny_corpora)


def test_domain_loss_is_the_mean_over_windows(
    tiny_corpora: Corpora, tiny_config: TrainConfig
) -> None:
    torch.manual_seed(0)
    model = Transformer(tiny_config.model)
    torch.nn.init.normal_(model.head.weight, std=0.1)
    tokens = tiny_corpora.domains["math"].validation
    rows = torch.from_numpy(evaluate.windows(tokens, 72, 720).astype(np.int64))
    assert rows.shape == (10, 73)
    with torch.no_grad():
        logs = model(rows[:, :-1]).log_softmax(-1)
    expected = -logs.gather(2, rows[:, 1:, None]).mean()
    assert evaluate.domain_loss(model, tokens, 720) == pytest.approx(float(expected), rel=1e-5)


def test_bits_per_byte_of_uniform_guessing_is_eight(
    tiny_corpora: Corpora, tiny_config: TrainConfig
) -> None:
    model = Transformer(tiny_config.model)
    loss = evaluate.validation_losses(model, tiny_corpora, 500)["math"]
    assert evaluate.bits_per_byte(loss) == pytest.approx(8, abs=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_cpu(tiny_corpora: Corpora, tiny_config: TrainConfig) -> None:
    cpu = train.run(tiny_config, tiny_corpora).losses
    cuda = train.run(tiny_config, tiny_corpora, "cuda").losses
    # Three steps apart by float32 rounding only.
    assert cuda == pytest.approx(cpu, abs=1e-2)
