"""Whether runs tell what size does from what tokens do."""

import numpy as np

MAX_CONDITION = 100.0
"""Condition number beyond which they do not: ln size tells ln tokens to a fifth of their spread."""


def condition_number(active: np.ndarray, tokens: np.ndarray) -> float:
    """Of a regression on ln size and ln tokens, each centred and scaled: 1 where they vary apart.

    Parameters
    ----------
    active, tokens
        Parameters used per token and training tokens of each run, (run,).

    Returns
    -------
    float
        Infinite where one tells the other, as at one number of tokens a parameter; NaN where one
        of the two does not vary.
    """
    logs = np.log([active, tokens])
    spread = logs.std(axis=1)
    if (spread < 1e-6).any():
        return np.nan
    apart = (logs - logs.mean(axis=1, keepdims=True)) / spread[:, None]
    r = abs(float(np.mean(apart[0] * apart[1])))
    return (1 + r) / (1 - r) if r < 1 - 1e-9 else np.inf


def why_not_apart(active: np.ndarray, tokens: np.ndarray) -> str | None:
    """Say that size and tokens cannot be told apart, and the remedy; None where they can."""
    if not condition_number(active, tokens) > MAX_CONDITION:
        return None
    ratio = tokens / active
    share = "tokens follow from the size, or nearly, in all runs"
    if np.ptp(np.log(ratio)) < 0.05:
        share = f"all runs have {np.median(ratio):.3g} tokens a parameter"
    return (
        f"size and tokens cannot be told apart: {share}, so the "
        "priors alone say how much of what a larger run gains is its size's and how much its "
        "tokens', which matters where the target has another ratio. Train each size with two "
        "numbers of tokens, a factor of two or more apart"
    )
