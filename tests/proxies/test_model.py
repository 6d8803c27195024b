import math

import pytest
import torch

from bayescamel.exceptions import BayesCamelError
from proxies.flops import forward_flops, train_flops
from proxies.model import ModelConfig, Transformer
from tests.proxies.tiny import TINY

DIALS = (16_000, 48_000, 144_000, 432_000, 1_296_000, 30_000_000)


@pytest.mark.parametrize("dial", DIALS)
def test_dial_is_met(dial: float) -> None:
    config = ModelConfig.from_dial(dial)
    assert config.n_params == pytest.approx(dial, rel=0.01)
    assert 1.5 < config.hidden / config.width < 5


def test_size_grows_in_depth_and_width() -> None:
    shapes = [ModelConfig.from_dial(dial) for dial in DIALS]
    assert [s.depth for s in shapes] == sorted(s.depth for s in shapes)
    assert [s.width for s in shapes] == sorted(s.width for s in shapes)


@pytest.mark.parametrize("dial", [0, 100, math.nan, math.inf])
def test_impossible_dials_are_refused(dial: float) -> None:
    with pytest.raises(BayesCamelError, match="parameters"):
        ModelConfig.from_dial(dial)


def test_counts_by_group_equal_torch_parameters() -> None:
    model = Transformer(TINY)
    sums = dict.fromkeys(TINY.counts(), 0)
    for name, parameter in model.named_parameters():
        if "norm" in name:
            sums["norm"] += parameter.numel()
        else:
            group = next(g for g in ("attention", "mlp", "embedding", "head") if g in name)
            sums[group] += parameter.numel()
    assert sums == TINY.counts()
    assert sum(TINY.counts().values()) == sum(p.numel() for p in model.parameters())
    assert TINY.n_params == sums["attention"] + sums["mlp"] + sums["norm"]


def test_odd_head_width_is_refused() -> None:
    with pytest.raises(BayesCamelError, match="even head width"):
        ModelConfig(depth=1, width=6, n_heads=2, hidden=8)


def test_model_is_causal() -> None:
    torch.manual_seed(0)
    model = Transformer(TINY)
    torch.nn.init.normal_(model.head.weight)
    rows = torch.randint(0, 256, (2, TINY.context))
    changed = rows.clone()
    changed[:, 40:] = torch.randint(0, 256, (2, TINY.context - 40))
    before, after = model(rows), model(changed)
    assert torch.allclose(before[:, :40], after[:, :40], atol=1e-5)
    assert not torch.allclose(before[:, 40:], after[:, 40:], atol=1e-2)


def test_attention_depends_on_relative_position_only() -> None:
    from proxies.model import rotate

    model = Transformer(TINY)
    torch.manual_seed(0)
    query, key = torch.randn(8), torch.randn(8)

    def score(i: int, j: int) -> torch.Tensor:
        q = rotate(query[None], model.cosine[i : i + 1], model.sine[i : i + 1])
        k = rotate(key[None], model.cosine[j : j + 1], model.sine[j : j + 1])
        return (q * k).sum()

    # float32 rounding over 8 products of order 1.
    assert torch.allclose(score(9, 4), score(45, 40), atol=1e-4)
    assert not torch.allclose(score(9, 4), score(9, 6), atol=1e-2)


def test_untrained_loss_is_that_of_uniform_guessing() -> None:
    logits = Transformer(TINY)(torch.zeros(1, 8, dtype=torch.long))
    assert torch.equal(logits, torch.zeros_like(logits))


def test_flops_formula() -> None:
    # depth 2, width 16, hidden 24, context 72: written out by hand.
    n_params = 2 * (4 * 16 * 16 + 3 * 16 * 24) + 5 * 16
    per_token = 6 * n_params + 6 * 256 * 16 + 12 * 2 * 72 * 16
    assert train_flops(TINY, 1000) == 1000 * per_token
    assert forward_flops(TINY, 1000) * 3 == train_flops(TINY, 1000)
