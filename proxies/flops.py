"""Training and evaluation cost, counted from the shape of a model."""

from __future__ import annotations

from proxies.shapes import ModelConfig


def forward_flops(config: ModelConfig, n_tokens: int) -> float:
    """FLOPs of a forward pass over ``n_tokens`` tokens in full contexts.

    Two per active parameter and token for the blocks and for the head, tied or not (the embedding
    is a look-up), and ``4 * depth * context * inner`` per token for the scores and the mixing of
    values, with ``inner`` the width of all heads. The causal mask is not discounted.
    """
    per_token = 2 * (config.n_active_params + config.vocabulary * config.width)
    per_token += 4 * config.depth * config.context * config.inner
    return float(per_token) * n_tokens


def train_flops(config: ModelConfig, n_tokens: int) -> float:
    """FLOPs of training: a backward pass costs two forward passes.

    Equals ``6 * N * D + 6 * head * D + 12 * depth * context * inner * D`` with N the active
    non-embedding parameters and D the tokens (Kaplan et al. 2020, Hoffmann et al. 2022).
    """
    return 3.0 * forward_flops(config, n_tokens)
