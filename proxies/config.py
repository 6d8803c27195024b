"""Everything that decides what a run learns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from bayescamel.exceptions import BayesCamelError
from proxies.flops import train_flops
from proxies.rules import Rule, rule
from proxies.schedule import Leg, legs
from proxies.shapes import ModelConfig

PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class TrainConfig:
    """What identifies a run besides the corpora.

    Parameters
    ----------
    model, mixture, seed
        Shape, weights of the training domains, and the seed of initial weights and order.
    n_tokens
        Training tokens; like ``branches`` rounded down to whole steps.
    branches
        Smaller token counts at which the run is to be measured too: from the trunk the rate
        falls to zero there, and the trunk goes on as if nothing had been.
    rate_factor
        Times the learning rates of the ladder's rule.
    batch
        Sequences a step; None: by the rule.
    decay
        Share of the steps in which the rate falls.
    clip
        Largest gradient norm.
    precision
        ``float32`` or ``bfloat16``.
    text_tokens
        Of a domain's training text, so many tokens alone are used, over and over; absent: all.
    evaluation_tokens, n_questions
        Of a domain, and of a benchmark.
    """

    model: ModelConfig
    mixture: Mapping[str, float]
    n_tokens: int
    seed: int = 0
    branches: tuple[int, ...] = ()
    rate_factor: float = 1.0
    batch: int | None = None
    decay: float = 0.3
    clip: float = 1.0
    precision: str = "float32"
    text_tokens: Mapping[str, int] = field(default_factory=dict)
    evaluation_tokens: int = 262_144
    n_questions: int = 300

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise BayesCamelError(
                f"precision {self.precision!r}: choose one of {', '.join(PRECISIONS)}"
            )

    @property
    def rule(self) -> Rule:
        """Rates, batch, decay and warm-up."""
        return rule(self.model, self.n_tokens, self.rate_factor, self.batch)

    @property
    def step_tokens(self) -> int:
        """Tokens of an optimiser step."""
        return self.rule.batch * self.model.context

    @property
    def n_steps(self) -> int:
        """Optimiser steps of the trunk; fewer tokens than one step holds are an error."""
        steps = self.n_tokens // self.step_tokens
        if steps < 1:
            raise BayesCamelError(
                f"{self.n_tokens} tokens are less than one step of {self.step_tokens} tokens"
            )
        return steps

    @property
    def ends(self) -> tuple[int, ...]:
        """Steps at which the run is measured: the branches' ends and the trunk's own."""
        return (*(tokens // self.step_tokens for tokens in sorted(self.branches)), self.n_steps)

    @property
    def legs(self) -> list[Leg]:
        """Trunk and branches in order."""
        return legs(self.ends, self.decay)

    @property
    def trained_tokens(self) -> tuple[int, ...]:
        """Tokens of every measurement, whole steps."""
        return tuple(end * self.step_tokens for end in self.ends)

    @property
    def flops(self) -> float:
        """FLOPs of trunk and branches together."""
        steps = sum(leg.stop - leg.first for leg in self.legs)
        return train_flops(self.model, steps * self.step_tokens)

    def identity(self) -> dict[str, Any]:
        """Plain values, in which two equal runs are equal."""
        return asdict(self) | {
            "mixture": dict(sorted(self.mixture.items())),
            "text_tokens": dict(sorted(self.text_tokens.items())),
            "branches": sorted(self.branches),
            "rule": asdict(self.rule),
        }

    def key(self, corpora_fingerprint: str) -> str:
        """A hash of everything that decides the result."""
        identity = json.dumps(self.identity() | {"corpora": corpora_fingerprint}, sort_keys=True)
        return hashlib.sha256(identity.encode()).hexdigest()[:16]
