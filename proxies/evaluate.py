"""Validation loss per domain, with a standard error clustered by document."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from proxies.corpora import Corpora
from proxies.sampling import check_size
from proxies.text.tokenisers import Tokens

EVALUATION_TOKENS_AT_ONCE = 16_384

Model = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Loss:
    """Mean loss in nats per token, and its standard error over documents."""

    mean: float
    standard_error: float
    n_documents: int


def window_starts(n_tokens: int, context: int, limit: int) -> npt.NDArray[np.int64]:
    """At most ``limit // context`` starts, evenly spaced, the same every time."""
    available = (n_tokens - 1) // context
    n = min(available, max(1, limit // context))
    return np.linspace(0, available - 1, n).round().astype(np.int64) * context


def clustered(nats: npt.NDArray[np.float64], cluster: npt.NDArray[np.int64]) -> Loss:
    """Mean over tokens, with the standard error of a ratio of sums over clusters.

    Tokens of one document are alike, so the sums over documents are the observations (Miller 2024,
    arXiv:2411.00640, equation 4). With one document alone there is no error: it is NaN.
    """
    _, place = np.unique(cluster, return_inverse=True)
    mean = float(nats.mean())
    residuals = np.bincount(place, weights=nats - mean)
    n = residuals.size
    if n < 2:
        return Loss(mean, math.nan, n)
    error = math.sqrt(n / (n - 1) * float((residuals**2).sum())) / nats.size
    return Loss(mean, error, n)


def domain_loss(
    model: Model, tokens: Tokens, separator: int, context: int, limit: int, device: str
) -> Loss:
    """Cross-entropy over windows of a domain's validation text.

    Parameters
    ----------
    separator
        The token that ends a document.
    limit
        Tokens that are measured at most.
    """
    starts = window_starts(tokens.size, context, limit)
    places = starts[:, None] + np.arange(context + 1)
    rows = torch.from_numpy(tokens[places].astype(np.int64))
    document = np.cumsum(tokens == separator) - (tokens == separator)
    nats = []
    for part in torch.split(rows, max(1, EVALUATION_TOKENS_AT_ONCE // context)):
        on_device = part.to(device)
        logits = model(on_device[:, :-1]).float()
        losses = functional.cross_entropy(
            logits.flatten(0, 1), on_device[:, 1:].flatten(), reduction="none"
        )
        nats.append(losses.double().cpu().numpy())
    return clustered(np.concatenate(nats), document[places[:, 1:]].ravel())


def validation_losses(
    model: Model, corpora: Corpora, context: int, limit: int, device: str
) -> dict[str, Loss]:
    """The loss of every domain; gradients are the caller's to switch off."""
    losses = {}
    for name, domain in corpora.domains.items():
        check_size(name, "validation", domain.validation, context)
        losses[name] = domain_loss(
            model, domain.validation, corpora.separator, context, limit, device
        )
    return losses
