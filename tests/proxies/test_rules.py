from dataclasses import replace

import pytest
import torch

from bayescamel.exceptions import BayesCamelError
from proxies import rules
from proxies.config import TrainConfig
from proxies.model import Transformer
from proxies.optimizer import build_optimizer
from proxies.shapes import ModelConfig
from tests.proxies.tiny import SPARSE, TINY


def test_matrices_follow_the_width_and_vectors_do_not() -> None:
    narrow, wide = (rules.rule(ModelConfig(2, width, 1, 24), 10**6) for width in (32, 128))
    assert narrow.matrix_rate == pytest.approx(4 * wide.matrix_rate)
    assert narrow.vector_rate == wide.vector_rate


def test_rule_follows_the_tokens() -> None:
    model = ModelConfig.from_dial(48e3)
    short, long = (rules.rule(model, n) for n in (1_280_000, 16 * 1_280_000))
    assert short.batch * model.context == rules.BATCH_TOKENS
    assert long.batch == 4 * short.batch
    assert short.warmup == long.warmup == rules.WARMUP_STEPS
    # 25 steps: warm-up is a share of them.
    brief = rules.rule(model, 100 * model.context)
    n_steps = 100 // brief.batch
    assert brief.warmup == round(rules.LONGEST_WARMUP * n_steps)


def test_weight_decay_is_set_for_the_whole_run() -> None:
    model = ModelConfig.from_dial(48e3)
    rule = rules.rule(model, 10**7)
    n_steps = 10**7 // (rule.batch * model.context)
    assert rule.matrix_rate * rule.weight_decay * n_steps == pytest.approx(rules.DECAY_STRENGTH)
    assert rules.rule(model, 10**7, rate_factor=3).weight_decay == pytest.approx(rule.weight_decay)
    assert rules.rule(model, 10**7, rate_factor=3).matrix_rate == pytest.approx(
        3 * rule.matrix_rate
    )
    assert rules.rule(model, 10**4).weight_decay == rules.STRONGEST_DECAY
    # Half the batch makes twice the steps, each with half the decay.
    halved = rules.rule(model, 10**7, batch=rule.batch // 2)
    n_steps = 10**7 // (halved.batch * model.context)
    assert halved.matrix_rate * halved.weight_decay * n_steps == pytest.approx(rules.DECAY_STRENGTH)


def test_tokens_below_a_step_are_refused() -> None:
    with pytest.raises(BayesCamelError, match="100 tokens are less than one step of 128 tokens"):
        rules.rule(ModelConfig.from_dial(48e3), 100)


@pytest.mark.parametrize("model", [TINY, SPARSE, replace(TINY, tied=True)])
def test_every_parameter_is_in_one_group_with_its_rate(model: ModelConfig) -> None:
    config = TrainConfig(model, {"a": 1.0}, 10**5)
    optimizer = build_optimizer(Transformer(config.model), config)
    matrices, embedding, gains = optimizer.param_groups
    sizes = [sum(p.numel() for p in group["params"]) for group in optimizer.param_groups]
    counts = model.counts()
    assert sizes == [
        sum(counts.values()) - counts["embedding"] - counts["norm"],
        counts["embedding"],
        counts["norm"],
    ]
    assert matrices["peak"] == config.rule.matrix_rate
    assert embedding["peak"] == gains["peak"] == config.rule.vector_rate
    assert (embedding["weight_decay"], gains["weight_decay"]) == (0, 0)
    assert matrices["weight_decay"] == config.rule.weight_decay > 0


def test_updates_do_not_shrink_with_width() -> None:
    """Logits move alike in models eight times as wide: the coordinate check of µP."""

    def moved(width: int) -> float:
        torch.manual_seed(0)
        model = ModelConfig(2, width, max(1, width // 32), 8 * round(width / 3), context=16)
        config = TrainConfig(model, {"a": 1.0}, 10**6)
        net = Transformer(model)
        optimizer = build_optimizer(net, config)
        rows = torch.randint(0, 256, (16, 17))
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] / 20
        for _ in range(10):
            net(rows[:, :-1], rows[:, 1:]).backward()
            optimizer.step()
            optimizer.zero_grad()
        with torch.no_grad():
            return float(net(rows[:, :-1]).std())

    sizes = [moved(width) for width in (32, 256)]
    # A rate without the rule would move the wide model's logits eight times as far.
    assert sizes[1] / sizes[0] == pytest.approx(1, abs=0.6)
