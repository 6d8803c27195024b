"""A decoder-only transformer, dense or Mixture-of-Experts, of a shape from `proxies.shapes`.

Pre-norm blocks with RMSNorm (Zhang and Sennrich 2019), rotary positions (Su et al. 2021), queries
and keys normalised (Henry et al. 2020), SwiGLU (Shazeer 2020), causal attention.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from proxies.experts import Experts, SwiGLU, initialise_experts
from proxies.shapes import ModelConfig

EMBEDDING_STD = 0.1
EPSILON = 1e-6
LOGITS_AT_ONCE = 2**24
"""How many logits are held at a time; a larger batch computes them twice instead, in chunks."""


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary positions on (batch, head, position, channel)."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)


class Norm(nn.RMSNorm):
    """RMSNorm in the precision of what comes in, which is what has a fused kernel."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., width) to the same shape."""
        gains = self.weight.to(x.dtype)
        return functional.rms_norm(x, self.normalized_shape, gains, EPSILON)


class Attention(nn.Module):
    """Causal multi-head attention with rotary positions and normalised queries and keys."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.shape = (config.n_heads, config.head_width)
        self.qkv = nn.Linear(config.width, 3 * config.inner, bias=False)
        self.query_norm = Norm(config.head_width)
        self.key_norm = Norm(config.head_width)
        self.out = nn.Linear(config.inner, config.width, bias=False)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """Map (batch, position, width) to the same shape."""
        batch, length, _ = x.shape
        qkv = self.qkv(x).view(batch, length, 3, *self.shape)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        query = rotate(self.query_norm(query), cosine, sine).to(value.dtype)
        key = rotate(self.key_norm(key), cosine, sine).to(value.dtype)
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, length, -1))
        return out


class Block(nn.Module):
    """Attention and feed-forward layer, each on a normalised residual stream."""

    def __init__(self, config: ModelConfig, sparse: bool) -> None:
        super().__init__()
        self.attention_norm = Norm(config.width)
        self.attention = Attention(config)
        self.mlp_norm = Norm(config.width)
        self.mlp = Experts(config) if sparse else SwiGLU(config.width, config.hidden)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """Map (batch, position, width) to the same shape."""
        x = x + self.attention(self.attention_norm(x), cosine, sine)
        out: Tensor = x + self.mlp(self.mlp_norm(x))
        return out


class Transformer(nn.Module):
    """Tokens (batch, position) to logits (batch, position, vocabulary), or to a loss."""

    cosine: Tensor
    sine: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.blocks = nn.ModuleList(
            Block(config, sparse=layer >= config.depth - config.n_sparse_layers)
            for layer in range(config.depth)
        )
        self.norm = Norm(config.width)
        self.head = nn.Linear(config.width, config.vocabulary, bias=False)
        if config.tied:
            self.head.weight = self.embedding.weight
        half = config.head_width // 2
        speed = 10_000.0 ** (-torch.arange(half) / half)
        angle = torch.arange(config.context)[:, None] * speed[None, :]
        self.register_buffer("cosine", angle.cos(), persistent=False)
        self.register_buffer("sine", angle.sin(), persistent=False)
        counted = sum(parameter.numel() for parameter in self.parameters())
        assert counted == sum(config.counts().values()), (counted, config)
        self._initialise()

    def _initialise(self) -> None:
        """Variance-preserving weights; residual branches shrink with depth; a zero head.

        A tied head starts with logits of order 1 over the normalised residual stream.
        """
        shrink = 1 / math.sqrt(2 * self.config.depth)
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                residual = name.endswith(("attention.out", ".down"))
                std = (shrink if residual else 1.0) / math.sqrt(module.in_features)
                nn.init.normal_(module.weight, std=std)
            elif isinstance(module, Experts):
                initialise_experts(module, shrink)
        if self.config.tied:
            nn.init.normal_(self.embedding.weight, std=1 / math.sqrt(self.config.width))
        else:
            nn.init.normal_(self.embedding.weight, std=EMBEDDING_STD)
            nn.init.zeros_(self.head.weight)

    def forward(self, tokens: Tensor, targets: Tensor | None = None) -> Tensor:
        """Logits of the next token at every position or, given targets, the mean loss in nats."""
        length = tokens.shape[1]
        cosine, sine = self.cosine[:length], self.sine[:length]
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, cosine, sine)
        x = self.norm(x)
        if targets is None:
            logits: Tensor = self.head(x)
            return logits
        return self.mean_loss(x.flatten(0, 1), targets.flatten())

    def mean_loss(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy over (token, width); large logits are made in chunks and not kept."""
        chunk = max(1, LOGITS_AT_ONCE // self.config.vocabulary)
        if targets.numel() <= chunk:
            return summed_loss(self.head, hidden, targets) / targets.numel()
        total = hidden.new_zeros((), dtype=torch.float32)
        parts = zip(torch.split(hidden, chunk), torch.split(targets, chunk), strict=True)
        for part, target in parts:
            total = total + checkpoint(summed_loss, self.head, part, target, use_reentrant=False)
        return total / targets.numel()


def summed_loss(head: nn.Module, hidden: Tensor, targets: Tensor) -> Tensor:
    """Summed cross-entropy in nats, of logits in float32."""
    return functional.cross_entropy(head(hidden).float(), targets, reduction="sum")
