"""Which runs a study asks for: the start, then what the acquisition wants."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayescamel.designs import get_acquisition
from bayescamel.designs.inputs import AcquisitionInputs
from bayescamel.designs.proposals import base_mixtures, cells, improve
from bayescamel.designs.regret import batch_regret_removed, expected_regret
from bayescamel.designs.start import start_runs
from bayescamel.designs.stopping import Stop, price, stop_rule, third_size
from bayescamel.runs.columns import column
from bayescamel.study.outlook import Expectations, Outlook, prior_outlook
from bayescamel.study.rows import Ledger, Snapshot, StoredRun
from bayescamel.study.settings import Settings

NUMBERS = ("n_params", "n_active_params", "n_tokens", "flops")


def as_table(runs: Sequence[StoredRun], settings: Settings) -> pd.DataFrame:
    """Runs as a table of candidates, with ``flops``."""
    # By column: of thousands of runs, rows would be most of what an ask takes.
    values = {name: np.array([getattr(run, name) for run in runs], np.float64) for name in NUMBERS}
    for name in settings.space.domains:
        weights = [run.mixture.get(name, 0.0) for run in runs]
        values[column("mixture", name)] = np.array(weights, np.float64)
    return pd.DataFrame({"run_id": [run.run_id for run in runs]} | values)


def propose(
    settings: Settings, seen: Snapshot, outlook: Outlook | None, n: int
) -> list[dict[str, Any]]:
    """Up to `n` new runs within the budget, as columns to store.

    Parameters
    ----------
    outlook
        None before there is a posterior: then the start is gone on with, and a study that has none
        (``start=0``) asks what the law's prior wants.
    """
    left = budget_left(settings, seen)
    history = as_table(seen.runs, settings)
    from_start = outlook is None and settings.first_runs > 0
    first = n if from_start else min(n, start_left(settings, seen))
    start = start_runs(settings.space, history, first, left)
    table = start
    if not from_start and len(start) < n:
        # To the prior the runs that were told are news as well, whatever they measured.
        unknown = seen.runs if outlook is None else seen.pending()
        waiting = pd.concat([as_table(unknown, settings), start], ignore_index=True)
        expected = prior_outlook(settings, seen) if outlook is None else outlook
        choice = Informed(settings, expected, waiting, pd.concat([history, start]))
        more = choice.runs(n - len(start), left - float(start["flops"].sum()))
        table = pd.concat([start, more], ignore_index=True)
    return [_columns(row, settings) for row in table.to_dict(orient="records")]


def weigh(settings: Settings, seen: Snapshot, outlook: Outlook | None, n: int) -> Stop:
    """Whether the next `n` runs are worth their FLOPs; see `bayescamel.designs.stopping`."""
    left = budget_left(settings, seen)
    if left < settings.space.cheapest() and not seen.pending():
        return Stop(True, f"the budget is spent: the {left:.3g} FLOPs that are left pay for no run")
    if outlook is None:
        return Stop(False, "there are too few runs to judge by yet")
    pending, history = as_table(seen.pending(), settings), as_table(seen.runs, settings)
    choice = Informed(settings, outlook, pending, history)
    before = choice.surrogate
    batch = choice.runs(n, left)
    if not len(batch):
        return Stop(not seen.pending(), "no run that is left is affordable")
    slope = price(outlook.predictive, settings.target, outlook.mixtures[0], outlook.objective)
    removed = batch_regret_removed(before, choice.surrogate)
    cost = float(batch["flops"].sum())
    doubts = list(_unsettled(settings, seen, outlook, left))
    return stop_rule(removed, expected_regret(before), slope, settings.target, cost, doubts)


def _unsettled(settings: Settings, seen: Snapshot, outlook: Outlook, left: float) -> Iterator[str]:
    """Why a stop for worth would rest on too little."""
    if not outlook.converged:
        yield "the draws did not converge"
    told, pending = as_table(seen.told(), settings), as_table(seen.pending(), settings)
    if (few := third_size(settings.space, told, pending, left)) is not None:
        yield few


def start_left(settings: Settings, seen: Snapshot) -> int:
    """Runs of the start that are still to be asked for."""
    return max(0, settings.first_runs - len(seen.told()) - len(seen.pending()))


def budget_left(settings: Settings, seen: Snapshot | Ledger) -> float:
    """FLOPs that new runs may cost."""
    return settings.budget - seen.spent() - seen.reserved()


def _columns(row: dict[Any, Any], settings: Settings) -> dict[str, Any]:
    active = float(row["n_active_params"])
    return {
        "n_params": float(row["n_params"]),
        "n_active_params": None if np.isnan(active) else active,
        "n_tokens": float(row["n_tokens"]),
        "mixture": {name: float(row[column("mixture", name)]) for name in settings.space.domains},
        "seed": int(row["seed"]),
        "flops": float(row["flops"]),
    }


class Informed:
    """The acquisition's choice, one run after the other."""

    def __init__(
        self,
        settings: Settings,
        expected: Expectations,
        pending: pd.DataFrame,
        history: pd.DataFrame,
    ) -> None:
        self._settings = settings
        self._acquisition = get_acquisition(settings.acquisition)
        self._history = history.reset_index(drop=True)
        # Another seed at every length: a search that found nothing is not repeated as it was.
        self._seed = settings.fit.seed + len(self._history)
        mixtures = base_mixtures(settings.space, self._history, settings.fit.seed)
        self._cells = cells(settings.space, mixtures)
        self.surrogate = expected.surrogate(self._cells, pending)

    def runs(self, n: int, budget: float) -> pd.DataFrame:
        """Up to `n` runs for so many FLOPs; `surrogate` then counts them as observed."""
        chosen: list[pd.DataFrame] = []
        while len(chosen) < n:
            row = improve(
                self._acquisition,
                self._with_candidates,
                self._cells,
                self._history,
                self._settings.space,
                budget,
                self._seed + len(chosen),
            )
            if not len(row):
                break
            chosen.append(row)
            budget -= float(row["flops"].iloc[0])
            self._history = pd.concat([self._history, row], ignore_index=True)
            self.surrogate = self.surrogate.condition_on(
                self.surrogate.projection.project_runs(row)
            )
        return pd.concat(chosen, ignore_index=True) if chosen else self._cells.iloc[:0]

    def _with_candidates(self, table: pd.DataFrame) -> AcquisitionInputs:
        flops = table["flops"].to_numpy(np.float64)
        surrogate = self.surrogate.with_candidates(table)
        return AcquisitionInputs(table, flops, self._history, surrogate, self._seed)
