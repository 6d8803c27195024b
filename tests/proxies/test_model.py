import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from proxies import model as model_module
from proxies.model import Attention, Block, Transformer, rotate
from proxies.shapes import ModelConfig
from tests.proxies.tiny import SPARSE, TINY


def random_model(config: ModelConfig = TINY, seed: int = 0) -> Transformer:
    torch.manual_seed(seed)
    model = Transformer(config)
    torch.nn.init.normal_(model.head.weight)
    return model


@pytest.mark.parametrize("config", [TINY, SPARSE])
def test_model_is_causal(config: ModelConfig) -> None:
    model = random_model(config)
    rows = torch.randint(0, 256, (2, TINY.context))
    changed = rows.clone()
    changed[:, 40:] = torch.randint(0, 256, (2, TINY.context - 40))
    before, after = model(rows), model(changed)
    assert torch.allclose(before[:, :40], after[:, :40], atol=1e-5)
    assert not torch.allclose(before[:, 40:], after[:, 40:], atol=1e-2)


def test_attention_depends_on_relative_position_only() -> None:
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


def test_queries_and_keys_are_normalised() -> None:
    """Scores do not change when the weights that make queries and keys grow."""
    model = random_model()
    rows = torch.randint(0, 256, (1, 30))
    before = model(rows)
    block = model.blocks[0]
    assert isinstance(block, Block)
    attention = block.attention
    assert isinstance(attention, Attention)
    with torch.no_grad():
        attention.qkv.weight[: 2 * TINY.inner] *= 7
    assert torch.allclose(model(rows), before, atol=1e-4)
    with torch.no_grad():
        attention.qkv.weight[2 * TINY.inner :] *= 7
    assert not torch.allclose(model(rows), before, atol=1e-2)


def test_untrained_loss_is_that_of_uniform_guessing() -> None:
    logits = Transformer(TINY)(torch.zeros(1, 8, dtype=torch.long))
    assert torch.equal(logits, torch.zeros_like(logits))


def test_a_tied_head_is_the_embedding_and_starts_near_uniform_guessing() -> None:
    torch.manual_seed(0)
    model = Transformer(replace(TINY, tied=True))
    assert model.head.weight is model.embedding.weight
    rows = torch.randint(0, 256, (4, 73))
    # Logits of order 1: half a nat above log 256, the loss of a model that says nothing.
    assert float(model(rows[:, :-1], rows[:, 1:]).detach()) == pytest.approx(
        math.log(256) + 0.5, abs=0.4
    )


@pytest.mark.parametrize("logits_at_once", [2**24, 256 * 50, 256])
def test_loss_in_chunks_is_the_loss(logits_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_module, "LOGITS_AT_ONCE", logits_at_once)
    model = random_model()
    rows = torch.randint(0, 256, (2, 73))
    loss = model(rows[:, :-1], rows[:, 1:])
    (found,) = torch.autograd.grad(loss, model.head.weight)
    logits = model(rows[:, :-1])
    whole = functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
    (expected,) = torch.autograd.grad(whole, model.head.weight)
    # float32 sums in another order.
    assert float(loss.detach()) == pytest.approx(float(whole.detach()), rel=1e-6)
    assert torch.allclose(found, expected, atol=1e-6)
