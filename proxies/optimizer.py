"""AdamW by the ladder's rule."""

from __future__ import annotations

from typing import Any

import torch

from proxies.config import TrainConfig
from proxies.model import Transformer


def build_optimizer(model: Transformer, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW in three groups: matrices decay; the embedding and the gains have a rate of their own.

    A tied head is the embedding, and follows its rule.
    """
    embedding = [model.embedding.weight]
    matrices = [p for p in model.parameters() if p.ndim > 1 and p is not model.embedding.weight]
    gains = [p for p in model.parameters() if p.ndim == 1]
    rule = config.rule
    groups: list[dict[str, Any]] = [
        {"params": matrices, "peak": rule.matrix_rate, "weight_decay": rule.weight_decay},
        {"params": embedding, "peak": rule.vector_rate, "weight_decay": 0.0},
        {"params": gains, "peak": rule.vector_rate, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rule.matrix_rate, betas=(0.9, 0.95), fused=True)
