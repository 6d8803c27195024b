"""Validation loss per domain."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn import functional

from proxies.corpora import Corpora, Tokens
from proxies.model import Transformer
from proxies.sampling import check_size

EVALUATION_BATCH = 32


def windows(tokens: Tokens, context: int, limit: int) -> Tokens:
    """At most ``limit // context`` windows (n, context + 1), evenly spaced, the same every time."""
    available = (tokens.size - 1) // context
    n = min(available, max(1, limit // context))
    starts = np.linspace(0, available - 1, n).round().astype(np.int64) * context
    return np.stack([tokens[start : start + context + 1] for start in starts])


@torch.no_grad()
def domain_loss(model: Transformer, tokens: Tokens, limit: int) -> float:
    """Mean cross-entropy in nats per token over ``windows``."""
    device = model.head.weight.device
    rows = torch.from_numpy(windows(tokens, model.config.context, limit).astype(np.int64))
    total = 0.0
    for chunk in torch.split(rows, EVALUATION_BATCH):
        part = chunk.to(device)
        logits = model(part[:, :-1])
        total += float(
            functional.cross_entropy(logits.flatten(0, 1), part[:, 1:].flatten(), reduction="sum")
        )
    return total / (rows.shape[0] * model.config.context)


def validation_losses(model: Transformer, corpora: Corpora, limit: int) -> dict[str, float]:
    """Loss in nats per token (one token = one byte) for every domain."""
    model.eval()
    losses = {}
    for name, domain in corpora.domains.items():
        check_size(name, "validation", domain.validation, model.config.context)
        losses[name] = domain_loss(model, domain.validation, limit)
    return losses


def bits_per_byte(nats_per_token: float) -> float:
    """One token is one byte, so only the unit changes."""
    return nats_per_token / math.log(2)
