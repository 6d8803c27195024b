"""What a run measures at one of its ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from proxies import devices, evaluate, tasks
from proxies.config import TrainConfig
from proxies.corpora import Corpora
from proxies.devices import Runtime


@dataclass(frozen=True)
class Measured:
    """What a run measured at one of its ends; losses in nats per token."""

    n_tokens: int
    losses: dict[str, float]
    errors: dict[str, float]
    benchmarks: dict[str, tasks.Result]
    trace: list[tuple[int, float]]
    gradients: dict[str, float]
    loads: dict[str, float]
    epochs: dict[str, float]
    train_seconds: float
    evaluation_seconds: float
    flops: float
    tokens_per_second: float
    utilisation: float

    @classmethod
    def of_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `dataclasses.asdict` made."""
        results = {name: tasks.Result(**found) for name, found in values["benchmarks"].items()}
        return cls(**{**values, "benchmarks": results})


@torch.no_grad()
def measure(
    model: Callable[[Tensor], Tensor],
    corpora: Corpora,
    questions: Mapping[str, Sequence[tasks.Question]],
    config: TrainConfig,
    runtime: Runtime,
) -> tuple[dict[str, evaluate.Loss], dict[str, tasks.Result]]:
    """The losses of all domains, and the benchmarks."""
    context = config.model.context
    with devices.precise(runtime, config.precision):
        losses = evaluate.validation_losses(
            model, corpora, context, config.evaluation_tokens, runtime.device
        )
        benchmarks = {
            name: tasks.evaluate(model, asked, context, runtime.device)
            for name, asked in questions.items()
        }
    return losses, benchmarks
