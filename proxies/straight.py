"""Is the ladder straight? Runs that lie off their neighbours' curve."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd

NOISE_TIMES = 3.0
"""Standard deviations above the chord from which a run is off the ladder."""
LEAST_NOISE = 0.002
"""Of a loss, as a share: what seeds move at least, where no seeds tell."""


@dataclass(frozen=True)
class OffLadder:
    """A size whose loss lies above the line through its neighbours, in logarithms.

    Parameters
    ----------
    excess, noise
        Shares of the loss: how far above, and one standard deviation of that.
    """

    run_id: str
    domain: str
    excess: float
    noise: float

    def __str__(self) -> str:
        return (
            f"{self.run_id} is off the ladder: its loss on {self.domain} lies "
            f"{100 * self.excess:.1f} % above its neighbours' curve ({100 * self.noise:.1f} % is "
            "one standard deviation); is its learning rate right, or did it see less text?"
        )


def columns(table: pd.DataFrame, *prefixes: str) -> list[str]:
    """Names of the columns that start so."""
    return [name for name in map(str, table.columns) if name.startswith(prefixes)]


def seed_noise(table: pd.DataFrame, losses: list[str]) -> float:
    """Pooled standard deviation of log loss over runs that differ in their seed alone."""
    keys = columns(table, "w_", "epochs_")
    keys += [name for name in ("n_params", "n_active_params", "n_tokens") if name in table]
    rounded = table.assign(**{name: table[name].round(3) for name in keys})
    variances = [
        np.log(group[losses]).var().mean() for _, group in rounded.groupby(keys) if len(group) > 1
    ]
    return max(LEAST_NOISE, float(np.sqrt(np.mean(variances)))) if variances else LEAST_NOISE


def off_ladder(table: pd.DataFrame) -> list[OffLadder]:
    """Dense runs above the chord of the next smaller and the next larger of their mixture.

    A power law with a floor is convex in logarithms, so it lies below every chord. Sizes are
    compared at equal tokens a parameter, and at equal tokens, as means over seeds: a larger model
    of fewer tokens a parameter would lie above the chord. Repeated text is left out.
    """
    losses = columns(table, "loss_")
    noise = seed_noise(table, losses)
    if "n_active_params" in table:
        table = table[table["n_active_params"] == table["n_params"]]
    weights, epochs = columns(table, "w_"), columns(table, "epochs_")
    table = table[(table[epochs] <= 1).all(axis=1)] if epochs else table
    ratio = (table["n_tokens"] / table["n_params"]).map(lambda value: float(f"{value:.2g}"))
    found: dict[tuple[str, str], OffLadder] = {}
    for _, group in chain(table.groupby([*weights, ratio]), table.groupby([*weights, "n_tokens"])):
        sizes = group.groupby("n_params")
        means = sizes[losses].mean().transform("log")
        error = noise * np.sqrt(1 / sizes.size())
        names = sizes["run_id"].first()
        for below, at, above in zip(means.index, means.index[1:], means.index[2:], strict=False):
            share = np.log(at / below) / np.log(above / below)
            chord = (1 - share) * means.loc[below] + share * means.loc[above]
            spread = float(
                np.hypot(error[at], np.hypot((1 - share) * error[below], share * error[above]))
            )
            for loss in losses:
                excess = float(means.loc[at, loss] - chord[loss])
                if excess > NOISE_TIMES * spread:
                    run_id, domain = str(names[at]), loss.removeprefix("loss_")
                    found[run_id, domain] = OffLadder(run_id, domain, excess, spread)
    return list(found.values())
