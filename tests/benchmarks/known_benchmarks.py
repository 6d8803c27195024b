"""Runs whose benchmarks follow our law exactly, up to the questions' luck."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.benchmarks.problem import reference_loss
from bayescamel.runs.table import read_runs
from tests.simulated import simulated_table

SIZES = (3e5, 1e6, 3e6, 9e6, 2.7e7)
SETTINGS: dict[str, Any] = {"chains": 2, "draws": 150, "tune": 300, "progress": False}
"""So few draws tell means and intervals to some 10 % of the interval; tests allow for that."""


@dataclass(frozen=True)
class Known:
    """A benchmark and its law: it listens to one loss."""

    chance: float
    questions: int
    listens: str
    slope: float
    midpoint: float
    ceiling: float

    def curve(self, relative: xr.DataArray) -> np.ndarray:
        """Accuracy at losses (run, validation) over the reference."""
        signal = relative.sel(validation=self.listens).to_numpy()
        progress = 1 / (1 + np.exp(-self.slope * (self.midpoint - np.log(signal))))
        return self.chance + (1 - self.chance) * self.ceiling * progress


# The names are in the bundled table, with these chance levels and numbers of questions.
KNOWN = {
    "arc_easy": Known(0.25, 2376, "a", 8.0, 0.05, 0.9),
    "arc_challenge": Known(0.25, 1172, "b", 7.0, -0.15, 0.85),
    "triviaqa": Known(0.0, 17944, "b", 9.0, -0.1, 0.7),
    "winogrande": Known(0.5, 1267, "a", 8.0, -1.2, 0.8),  # at chance throughout
}


def known_table(questions: int | None = None, score_noise: float | None = None) -> pd.DataFrame:
    """25 runs of five sizes; with other numbers of questions, and with smooth scores."""
    rng = np.random.default_rng(1)
    table = simulated_table(SIZES)
    runs = read_runs(table)
    relative = runs["loss"] / reference_loss(runs)
    for name, known in KNOWN.items():
        expected = known.curve(relative)
        n = questions or known.questions
        table[f"acc_{name}"] = rng.binomial(n, expected) / n
        if score_noise is not None:
            score = expected + rng.normal(0, score_noise, len(table))
            table[f"score_{name}"] = score.clip(0, 1)
    return table


def as_runs(table: pd.DataFrame) -> xr.Dataset:
    """The run table without its largest size, which is there to be predicted."""
    return read_runs(table, where="n_params < 2e7")


def reference() -> xr.DataArray:
    """The losses that the known laws are written around."""
    return reference_loss(read_runs(known_table()))


def truth(losses: xr.DataArray) -> np.ndarray:
    """Known accuracies (run, benchmark) at losses in nats per token."""
    relative = losses / reference()
    return np.stack([known.curve(relative) for known in KNOWN.values()], axis=-1)
