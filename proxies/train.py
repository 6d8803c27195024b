"""Train one proxy: AdamW, warm-up-stable-decay, exact mixture, and measure it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bayescamel.exceptions import BayesCamelError
from proxies import evaluate, flops, tasks
from proxies.corpora import Corpora
from proxies.model import ModelConfig, Transformer
from proxies.sampling import batches

# The width at which ``TrainConfig.base_lr`` holds.
BASE_WIDTH = 24
TRACE_POINTS = 20


class TrainingError(BayesCamelError):
    """A run that diverged."""


@dataclass(frozen=True)
class TrainConfig:
    """Everything that identifies a run besides the corpora.

    ``n_tokens`` is rounded down to whole steps of ``batch`` sequences of ``model.context``
    tokens. The peak learning rate is ``base_lr * (BASE_WIDTH / width) ** lr_power``.
    """

    model: ModelConfig
    mixture: Mapping[str, float]
    n_tokens: int
    seed: int = 0
    batch: int = 4
    base_lr: float = 8e-3
    lr_power: float = 1.0
    warmup: float = 0.05
    decay: float = 0.3
    weight_decay: float = 0.1
    clip: float = 1.0
    evaluation_tokens: int = 32_768
    n_questions: int = 300

    @property
    def n_steps(self) -> int:
        """Optimiser steps; fewer tokens than one step holds are an error."""
        steps = self.n_tokens // (self.batch * self.model.context)
        if steps < 1:
            raise BayesCamelError(
                f"{self.n_tokens} tokens are less than one step of "
                f"{self.batch * self.model.context} tokens"
            )
        return steps

    @property
    def trained_tokens(self) -> int:
        """Tokens after rounding down to whole steps."""
        return self.n_steps * self.batch * self.model.context

    @property
    def peak_lr(self) -> float:
        """Learning rate of the stable phase."""
        ratio: float = (BASE_WIDTH / self.model.width) ** self.lr_power
        return self.base_lr * ratio

    def identity(self) -> dict[str, Any]:
        """Plain values, in which two equal runs are equal."""
        return asdict(self) | {"mixture": dict(sorted(self.mixture.items()))}


@dataclass(frozen=True)
class Outcome:
    """What a run measured; losses in nats per token."""

    losses: dict[str, float]
    benchmarks: dict[str, tasks.Result]
    trace: list[tuple[int, float]]
    train_seconds: float
    seconds: float
    n_tokens: int
    flops: float


def learning_rate_factor(step: int, n_steps: int, warmup: float, decay: float) -> float:
    """Warm-up-stable-decay: linear up, flat, linear down to zero after the last step."""
    rising = (step + 1) / max(1.0, warmup * n_steps)
    falling = (n_steps - step) / max(1.0, decay * n_steps)
    return min(1.0, rising, falling)


def build_optimizer(model: Transformer, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW; only the matrices of linear layers decay."""
    matrices = [m.weight for m in model.modules() if isinstance(m, nn.Linear)]
    chosen = {id(weight) for weight in matrices}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    groups: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": rest, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.peak_lr, betas=(0.9, 0.95), fused=True)


def sequence_loss(model: Transformer, rows: Tensor) -> Tensor:
    """Mean cross-entropy in nats per token of rows (batch, context + 1)."""
    logits = model(rows[:, :-1])
    return functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())


def train(
    config: TrainConfig,
    corpora: Corpora,
    device: str = "cpu",
    on_step: Callable[[int, int], None] | None = None,
) -> tuple[Transformer, list[tuple[int, float]]]:
    """Train a model; returns it with a trace of (step, mean training loss since the last point).

    Raises
    ------
    TrainingError
        When the loss stops being a finite number.
    """
    torch.manual_seed(config.seed)
    model = Transformer(config.model).to(device)
    optimizer = build_optimizer(model, config)
    stream = batches(
        corpora,
        config.mixture,
        n_steps=config.n_steps,
        batch=config.batch,
        context=config.model.context,
        seed=config.seed,
    )
    trace: list[tuple[int, float]] = []
    recent: list[Tensor] = []
    every = max(1, config.n_steps // TRACE_POINTS)
    for step, rows in enumerate(stream):
        factor = learning_rate_factor(step, config.n_steps, config.warmup, config.decay)
        for group in optimizer.param_groups:
            group["lr"] = config.peak_lr * factor
        loss = sequence_loss(model, torch.from_numpy(rows.astype(np.int64)).to(device))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        optimizer.step()
        recent.append(loss.detach())
        if (step + 1) % every == 0 or step + 1 == config.n_steps:
            mean = float(torch.stack(recent).mean())
            if not math.isfinite(mean):
                raise TrainingError(f"loss is {mean} at step {step + 1}: lower base_lr")
            trace.append((step + 1, mean))
            recent = []
            if on_step is not None:
                on_step(step + 1, config.n_steps)
    return model, trace


def run(
    config: TrainConfig,
    corpora: Corpora,
    device: str = "cpu",
    on_step: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Train and measure one proxy."""
    begin = time.perf_counter()
    model, trace = train(config, corpora, device, on_step)
    trained = time.perf_counter()
    losses = evaluate.validation_losses(model, corpora, config.evaluation_tokens)
    questions = tasks.build(corpora, config.n_questions)
    benchmarks = {name: tasks.evaluate(model, asked) for name, asked in questions.items()}
    return Outcome(
        losses=losses,
        benchmarks=benchmarks,
        trace=trace,
        train_seconds=trained - begin,
        seconds=time.perf_counter() - begin,
        n_tokens=config.trained_tokens,
        flops=flops.train_flops(config.model, config.trained_tokens),
    )
