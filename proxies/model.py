"""A small decoder-only transformer with one size dial.

Pre-norm blocks with RMSNorm (Zhang and Sennrich 2019), rotary positions (Su et al. 2021), SwiGLU
(Shazeer 2020) and causal scaled-dot-product attention; embedding and head are untied.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from bayescamel.exceptions import BayesCamelError
from proxies.corpora import VOCABULARY

# width ~ 10 * depth^(4/3): deeper models are also relatively wider, as in published families.
WIDTH_FACTOR = 10.0
WIDTH_POWER = 4.0 / 3.0
HEAD_WIDTH = 32
SMALLEST_DIAL = 5_000


@dataclass(frozen=True)
class ModelConfig:
    """Shape of a model: ``width`` = n_heads * head width, ``hidden`` is the SwiGLU width."""

    depth: int
    width: int
    n_heads: int
    hidden: int
    context: int = 128
    vocabulary: int = VOCABULARY

    def __post_init__(self) -> None:
        if self.width % self.n_heads or self.width // self.n_heads % 2:
            raise BayesCamelError(
                f"width {self.width} with {self.n_heads} heads: rotary positions need an even "
                "head width that divides the width"
            )

    @classmethod
    def from_dial(cls, n_params: float, context: int = 128) -> ModelConfig:
        """The shape whose non-embedding parameters come closest to ``n_params``.

        Depth and width follow from the size; the SwiGLU width takes up what rounding the width
        to a multiple of 8 leaves, which keeps the realised size within about 1 % of the dial.
        """
        if not math.isfinite(n_params) or n_params < SMALLEST_DIAL:
            raise BayesCamelError(f"a model of {n_params} parameters: give {SMALLEST_DIAL} or more")
        shape = n_params / (12 * WIDTH_FACTOR**2)
        depth = max(2, round(shape ** (1 / (1 + 2 * WIDTH_POWER))))
        width = max(8, 8 * round(math.sqrt(n_params / (12 * depth)) / 8))
        divisors = [w for w in range(2, width + 1, 2) if width % w == 0 and w < width]
        head = min(divisors, key=lambda w: abs(math.log(w / HEAD_WIDTH)))
        norms = (2 * depth + 1) * width
        hidden = round((n_params - 4 * depth * width**2 - norms) / (3 * depth * width))
        return cls(depth, width, width // head, max(1, hidden), context)

    def counts(self) -> dict[str, int]:
        """Parameters by group: embedding, attention, mlp, norm, head."""
        return {
            "embedding": self.vocabulary * self.width,
            "attention": 4 * self.depth * self.width**2,
            "mlp": 3 * self.depth * self.width * self.hidden,
            "norm": (2 * self.depth + 1) * self.width,
            "head": self.vocabulary * self.width,
        }

    @property
    def n_params(self) -> int:
        """Non-embedding parameters: attention, mlp and norm (neither embedding nor head)."""
        counts = self.counts()
        return counts["attention"] + counts["mlp"] + counts["norm"]


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary positions on (batch, head, position, channel)."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)


class Attention(nn.Module):
    """Causal multi-head attention with rotary positions."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.n_heads = config.n_heads
        self.qkv = nn.Linear(config.width, 3 * config.width, bias=False)
        self.out = nn.Linear(config.width, config.width, bias=False)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """Map (batch, position, width) to the same shape."""
        batch, length, width = x.shape
        qkv = self.qkv(x).view(batch, length, 3, self.n_heads, width // self.n_heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = functional.scaled_dot_product_attention(
            rotate(query, cosine, sine), rotate(key, cosine, sine), value, is_causal=True
        )
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return out


class SwiGLU(nn.Module):
    """Gated feed-forward layer."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.up = nn.Linear(config.width, 2 * config.hidden, bias=False)
        self.down = nn.Linear(config.hidden, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, position, width) to the same shape."""
        gate, value = self.up(x).chunk(2, dim=-1)
        out: Tensor = self.down(functional.silu(gate) * value)
        return out


class Block(nn.Module):
    """Attention and feed-forward layer, each on a normalised residual stream."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.width, eps=1e-6)
        self.attention = Attention(config)
        self.mlp_norm = nn.RMSNorm(config.width, eps=1e-6)
        self.mlp = SwiGLU(config)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """Map (batch, position, width) to the same shape."""
        x = x + self.attention(self.attention_norm(x), cosine, sine)
        out: Tensor = x + self.mlp(self.mlp_norm(x))
        return out


class Transformer(nn.Module):
    """Tokens (batch, position) to logits (batch, position, vocabulary)."""

    cosine: Tensor
    sine: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.norm = nn.RMSNorm(config.width, eps=1e-6)
        self.head = nn.Linear(config.width, config.vocabulary, bias=False)
        half = config.width // config.n_heads // 2
        speed = 10_000.0 ** (-torch.arange(half) / half)
        angle = torch.arange(config.context)[:, None] * speed[None, :]
        self.register_buffer("cosine", angle.cos(), persistent=False)
        self.register_buffer("sine", angle.sin(), persistent=False)
        self._initialise()

    def _initialise(self) -> None:
        """Variance-preserving weights; residual branches shrink with depth; a zero head."""
        nn.init.normal_(self.embedding.weight, std=0.1)
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                residual = name.endswith(("attention.out", "mlp.down"))
                shrink = 1 / math.sqrt(2 * self.config.depth) if residual else 1.0
                nn.init.normal_(module.weight, std=shrink / math.sqrt(module.in_features))
        nn.init.zeros_(self.head.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of the next token at every position."""
        length = tokens.shape[1]
        cosine, sine = self.cosine[:length], self.sine[:length]
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, cosine, sine)
        logits: Tensor = self.head(self.norm(x))
        return logits
