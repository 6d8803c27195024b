"""A Mixture-of-Experts layer: sigmoid router, grouped products, balancing without a loss.

Routing and balancing are those of DeepSeek-V3 (arXiv:2412.19437, section 2.1.2): a token takes the
experts of greatest score plus bias, the gates are the scores without the bias, normalised, and the
bias moves against the load after every step.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from proxies.shapes import ModelConfig

BALANCE_STEPS = 10.0
"""The bias may move by this much in a whole run, in units of scores, which lie in 0 to 1."""
FASTEST_BALANCE = 0.05
DEAD_SHARE = 0.01
"""An expert with less than this share of the mean load counts as dead."""


class SwiGLU(nn.Module):
    """Gated feed-forward layer (Shazeer 2020)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., width) to the same shape."""
        gate, value = self.up(x).chunk(2, dim=-1)
        out: Tensor = self.down(functional.silu(gate) * value)
        return out


class Experts(nn.Module):
    """Routed experts and a shared one, in place of a SwiGLU layer."""

    bias: Tensor
    load: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        n, width, hidden = config.n_experts, config.width, config.expert_hidden
        self.top_k = config.top_k
        self.router = nn.Linear(width, n, bias=False)
        self.up = nn.Parameter(torch.empty(n, width, 2 * hidden))
        self.down = nn.Parameter(torch.empty(n, hidden, width))
        self.shared = SwiGLU(width, hidden)
        self.register_buffer("bias", torch.zeros(n))
        self.register_buffer("load", torch.zeros(n), persistent=False)

    def route(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Experts (token, top_k) and gates of tokens (token, width), in float32 always."""
        with torch.autocast(x.device.type, enabled=False):
            scores = functional.linear(x.float(), self.router.weight.float()).sigmoid()
        chosen = (scores.detach() + self.bias).topk(self.top_k, dim=-1).indices
        gates = scores.gather(1, chosen)
        return chosen, gates / gates.sum(dim=-1, keepdim=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, position, width) to the same shape."""
        tokens = x.flatten(0, -2)
        chosen, gates = self.route(tokens)
        order = chosen.flatten().argsort(stable=True)
        counts = torch.bincount(chosen.flatten(), minlength=self.bias.numel())
        if self.training:
            self.load += counts
        ends = counts.cumsum(0).to(torch.int32)
        rows = order // self.top_k
        dtype = product_dtype(x)
        up = functional.grouped_mm(tokens[rows].to(dtype), self.up.to(dtype), offs=ends)
        gate, value = up.chunk(2, dim=-1)
        out = functional.grouped_mm(
            functional.silu(gate) * value, self.down.to(dtype), offs=ends
        ).to(x.dtype)
        weighted = out * gates.flatten()[order, None].to(x.dtype)
        mixed = torch.zeros_like(tokens).index_add(0, rows, weighted)
        shared: Tensor = self.shared(tokens)
        return (mixed + shared.to(x.dtype)).view(x.shape)


def product_dtype(x: Tensor) -> torch.dtype:
    """What the grouped products compute in: CUDA's kernel takes bfloat16 alone."""
    if x.is_cuda:
        return torch.bfloat16
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype


def expert_layers(model: nn.Module) -> list[Experts]:
    """The layers with experts, in order."""
    return [module for module in model.modules() if isinstance(module, Experts)]


def balance_rate(n_steps: int) -> float:
    """How far a bias moves a step: the shorter the run, the further."""
    return min(FASTEST_BALANCE, BALANCE_STEPS / n_steps)


@torch.no_grad()
def balance(layers: list[Experts], rate: float) -> Tensor:
    """Move every bias against its load since the last call; returns the loads (layer, expert).

    Under a process group the loads are summed over the processes, so that all biases stay equal.
    """
    loads = torch.stack([layer.load for layer in layers])
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.all_reduce(loads)
    for layer, load in zip(layers, loads, strict=True):
        layer.bias += rate * (load.mean() - load).sign()
        layer.bias -= layer.bias.mean()
        layer.load.zero_()
    return loads


def load_summary(loads: Tensor) -> dict[str, float]:
    """How uneven loads (layer, expert) are: the worst layer's max/mean, and the dead share."""
    share = loads / loads.mean(dim=1, keepdim=True)
    return {
        "max_over_mean": float(share.max()),
        "dead_share": float((share < DEAD_SHARE).float().mean()),
    }


def initialise_experts(layer: Experts, shrink: float) -> None:
    """Variance-preserving weights, as the dense layers have; ``shrink`` for the way out."""
    nn.init.normal_(layer.up, std=1 / math.sqrt(layer.up.shape[1]))
    nn.init.normal_(layer.down, std=shrink / math.sqrt(layer.down.shape[1]))
