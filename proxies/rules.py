"""How to train a model of the ladder: rates, batch, decay and warm-up from its shape and tokens.

Matrices have a rate in inverse proportion to their width (µP, Yang et al. 2022); embedding and
gains, whose inputs do not grow with the width, a constant one. The constants were chosen by
`results/proxies/rules.py` and are judged by the loss that a run at the rule loses against the best
rate found: see `results/proxies/README.md`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from bayescamel.exceptions import BayesCamelError
from proxies.shapes import ModelConfig

MATRIX_RATE = 0.19
"""Times 1/width at ``REFERENCE_TOKENS``."""
VECTOR_RATE = 8e-3
"""Of embedding and gains, at ``REFERENCE_TOKENS``."""
REFERENCE_TOKENS = 1.28e6
RATE_POWER = 0.0
"""Rates fall as tokens to this power."""
BATCH_TOKENS = 512
"""Tokens a step at ``REFERENCE_TOKENS``; they grow as the square root of the tokens."""
WARMUP_STEPS = 150
LONGEST_WARMUP = 0.2
"""Share of the steps that warm-up takes at most."""
DECAY_STRENGTH = 0.75
"""Weight decay over the whole run: rate × decay × steps."""
STRONGEST_DECAY = 0.5


@dataclass(frozen=True)
class Rule:
    """How a run is trained.

    Parameters
    ----------
    batch
        Sequences a step.
    matrix_rate, vector_rate
        Peak learning rates of the matrices, and of embedding and gains.
    weight_decay
        Of the matrices, as AdamW has it.
    warmup
        Steps.
    """

    batch: int
    matrix_rate: float
    vector_rate: float
    weight_decay: float
    warmup: int


def rule(
    model: ModelConfig, n_tokens: int, rate_factor: float = 1.0, batch: int | None = None
) -> Rule:
    """The ladder's rule for a model and its tokens.

    Parameters
    ----------
    batch
        Sequences a step, in place of the rule's; decay and warm-up follow the steps that it makes.

    Raises
    ------
    BayesCamelError
        When the tokens are less than one step.
    """
    growth = n_tokens / REFERENCE_TOKENS
    batch = batch or max(1, round(BATCH_TOKENS * math.sqrt(growth) / model.context))
    n_steps = n_tokens // (batch * model.context)
    if n_steps < 1:
        raise BayesCamelError(
            f"{n_tokens} tokens are less than one step of {batch * model.context} tokens"
        )
    factor = rate_factor * growth**-RATE_POWER
    matrix_rate = factor * MATRIX_RATE / model.width
    # A sweep varies the rates alone: the coefficient stays that of the rule.
    decay = min(STRONGEST_DECAY, DECAY_STRENGTH / (matrix_rate / rate_factor * n_steps))
    return Rule(
        batch=batch,
        matrix_rate=matrix_rate,
        vector_rate=factor * VECTOR_RATE,
        weight_decay=decay,
        warmup=max(1, min(WARMUP_STEPS, round(LONGEST_WARMUP * n_steps))),
    )
