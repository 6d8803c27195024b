import math

import pytest
import torch

from bayescamel.exceptions import BayesCamelError
from proxies.flops import forward_flops, train_flops
from proxies.model import Transformer
from proxies.shapes import (
    CONTEXT,
    GRID,
    PAPER_LADDER,
    SMALLEST_DIAL,
    SWIGLU_RATIO,
    ModelConfig,
    dense_shapes,
    ladder_depth,
    preset,
    with_experts,
)
from tests.proxies.tiny import SPARSE, TINY

DIALS = (1e4, 16e3, 48e3, 144e3, 432e3, 1.3e6, 4e6, 12e6, 30e6, 100e6, 300e6, 1e9, 3e9, 1e10)


@pytest.mark.parametrize("dial", DIALS)
def test_one_dial_from_ten_thousand_to_ten_billion(dial: float) -> None:
    config = ModelConfig.from_dial(dial)
    # Below 100 thousand the grid of 8 is coarse.
    assert config.n_params == pytest.approx(dial, rel=0.2 if dial < 1e6 else 0.05)
    assert config.hidden / config.width == pytest.approx(SWIGLU_RATIO, abs=GRID / 2 / config.width)
    assert abs(math.log(config.depth / ladder_depth(config.width))) < 0.3
    assert config.width % (64 if dial >= 30e6 else GRID) == 0
    assert config.head_width == (32 if dial < 30e6 else 64 if dial < 1e9 else config.head_width)
    # The model's own assertion compares its parameters with the counts.
    with torch.device("meta"):
        model = Transformer(config)
    assert sum(p.numel() for p in model.parameters()) == sum(config.counts().values())


def test_depth_and_width_grow_with_the_size() -> None:
    shapes = [ModelConfig.from_dial(dial) for dial in DIALS]
    assert [s.depth for s in shapes] == sorted(s.depth for s in shapes)
    assert [s.width for s in shapes] == sorted(s.width for s in shapes)
    assert [s.head_width for s in shapes] == sorted(s.head_width for s in shapes)
    assert {s.head_width for s in shapes} == {32, 64, 128}
    assert 18 <= ModelConfig.from_dial(1e9).depth <= 26


def test_a_realised_size_is_its_own_dial() -> None:
    for n_params, _ in dense_shapes()[::300]:
        assert ModelConfig.from_dial(n_params).n_params == n_params
    for n_active, ratio in ((48e3, 4), (144e3, 8), (12e6, 49)):
        once = ModelConfig.sparse(n_active, ratio * n_active)
        assert ModelConfig.sparse(once.n_active_params, once.n_params) == once


@pytest.mark.parametrize("dial", [0, SMALLEST_DIAL - 1, math.nan, math.inf])
def test_impossible_dials_are_refused(dial: float) -> None:
    with pytest.raises(BayesCamelError, match="parameters"):
        ModelConfig.from_dial(dial)


def test_impossible_experts_are_refused() -> None:
    with pytest.raises(BayesCamelError, match="no Mixture-of-Experts"):
        ModelConfig.sparse(1e6, 6e5)
    with pytest.raises(BayesCamelError, match="a token takes 3"):
        ModelConfig(2, 16, 1, 24, n_experts=2, expert_hidden=8)
    with pytest.raises(BayesCamelError, match="multiples of 8"):
        ModelConfig(2, 16, 1, 24, n_experts=4, expert_hidden=12)
    with pytest.raises(BayesCamelError, match="even one"):
        ModelConfig(2, 16, 1, 24, head_width=7)


@pytest.mark.parametrize("name", PAPER_LADDER)
def test_presets_have_the_sizes_in_their_names(name: str) -> None:
    config = preset(name)
    n_active, n_params = PAPER_LADDER[name]
    assert config.n_active_params == pytest.approx(n_active, rel=0.06)
    assert config.n_params == pytest.approx(n_params, rel=0.02)
    with torch.device("meta"):
        Transformer(config)


def test_unknown_preset_is_refused() -> None:
    with pytest.raises(BayesCamelError, match="no preset '1T'"):
        preset("1T")


def test_experts_are_added_to_a_dense_shape() -> None:
    dense = ModelConfig.from_dial(144e3)
    sparse = with_experts(dense, 8 * dense.n_params)
    assert (sparse.depth, sparse.width, sparse.inner) == (dense.depth, dense.width, dense.inner)
    assert sparse.n_params == pytest.approx(8 * dense.n_params, rel=0.02)
    assert sparse.n_active_params == pytest.approx(dense.n_params, rel=0.1)


@pytest.mark.parametrize("config", [TINY, SPARSE])
@pytest.mark.parametrize("tied", [False, True])
def test_counts_by_group_equal_torch_parameters(config: ModelConfig, tied: bool) -> None:
    from dataclasses import replace

    config = replace(config, tied=tied)
    model = Transformer(config)
    sums = dict.fromkeys(config.counts(), 0)
    for name, parameter in model.named_parameters():
        *_, last = (part for part in name.split(".") if not part.isdigit() and part != "weight")
        if "norm" in name:
            group = "norm"
        elif "shared" in name or "router" in name:
            group = "shared" if "shared" in name else "router"
        elif "mlp" in name:
            group = "mlp" if parameter.ndim == 2 else "experts"
        else:
            group = "attention" if "attention" in name else last
        sums[group] += parameter.numel()
    assert sums == config.counts()
    blocks = sum(sums.values()) - sums["embedding"] - sums["head"]
    assert config.n_params == blocks
    idle = sums["experts"] * (config.n_experts - config.top_k) // max(1, config.n_experts)
    assert config.n_active_params == blocks - idle


def test_flops_formula() -> None:
    # depth 2, width 16, heads 2 of 8, hidden 24, context 72: written out by hand.
    n_params = 2 * (4 * 16 * 16 + 3 * 16 * 24) + 5 * 16 + 4 * 8
    per_token = 6 * n_params + 6 * 256 * 16 + 12 * 2 * 72 * 16
    assert train_flops(TINY, 1000) == 1000 * per_token
    assert forward_flops(TINY, 1000) * 3 == train_flops(TINY, 1000)


def test_flops_of_a_sparse_model_are_those_of_its_active_parameters() -> None:
    # Its second layer: a router of 8, and four experts of 8 (three routed, one shared).
    active = TINY.n_params - 3 * 16 * 24 + 16 * 8 + 4 * 3 * 16 * 8
    assert SPARSE.n_active_params == active
    assert train_flops(SPARSE, 10) - train_flops(TINY, 10) == 60 * (active - TINY.n_params)


def test_context_is_the_only_thing_the_dial_leaves_open() -> None:
    assert ModelConfig.from_dial(48e3).context == CONTEXT
    assert ModelConfig.from_dial(48e3, context=64).context == 64
