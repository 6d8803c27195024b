"""Exports of experiment trackers: which rows are runs that came to their end, and histories.

Weights & Biases and MLflow tell a state of each run. It is a hint: a job that is killed while it
uploads is ``failed`` or ``crashed`` with all that it measured.
"""

import re

import numpy as np
import pandas as pd

from bayescamel.exceptions import RunTableError
from bayescamel.input import shown
from bayescamel.runs.columns import listing
from bayescamel.runs.files import as_numbers

HISTORIES = ("last",)
"""Rules that make one row of a run's many: ``last``, the last finite value of each column."""

DONE = {"step", "global_step", "train_step", "current_step", "iteration", "iter", "iters"}
PLANNED = {"steps", "max_steps", "num_train_steps", "total_steps", "train_steps", "num_steps"}
PLANNED |= {"n_steps", "max_iters", "train_iters", "max_iterations"}
"""Last parts of the names of columns that count steps made, and steps meant."""


def is_export(table: pd.DataFrame) -> bool:
    """Whether a table comes from a tracker: told by columns that our own tables do not have.

    A table of Weights & Biases has ``Name`` and no ``run_id``, and its ``State`` only where that
    was chosen; one of MLflow's ``search_runs`` has ``experiment_id`` and ``status``.
    """
    return ("Name" in table and "run_id" not in table) or state_column(table) is not None


def state_column(table: pd.DataFrame) -> str | None:
    """The column of a tracker's export that tells how a run ended; None where there is none."""
    if "State" in table and ("Name" in table or "run_id" in table):
        return "State"
    return "status" if {"status", "experiment_id"} <= set(table.columns) else None


def last_part(name: str) -> str:
    """``model.n_params`` and ``config/n_params`` are ``n_params``, in lower case."""
    return re.split(r"[/.:]", name)[-1].lower()


def came_to_end(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Leave out the rows of runs that neither finished nor reached their last step.

    Returns
    -------
    table, notes
        The rows that are kept, and a line about those that were kept in spite of their state or
        left out.

    Raises
    ------
    RunTableError
        When none is left.
    """
    state = state_column(table)
    if state is None:
        return table, []
    said = table[state].astype(str).str.strip().str.lower()
    finished = (said == "finished").to_numpy()
    reached, how = _reached(table)
    kept = finished | reached
    names = next(n for n in ("run_id", "Name") if n in table)
    notes = []
    if (saved := reached & ~finished).any():
        notes.append(
            f"{saved.sum()} runs are kept although their {state} is "
            f"{listing(sorted(set(said[saved])))}: they reached their last step ({how})"
        )
    if not kept.all():
        why = how or "no pair of columns such as step and max_steps tells how far they came"
        rows = [f"{n} ({s})" for n, s in zip(table[names][~kept], said[~kept], strict=True)]
        notes.append(f"left out {len(rows)} that did not finish: {listing(rows)}; {why}")
    if not kept.any():
        raise RunTableError(
            f"no run has the {state} 'finished' or reached its last step: {'; '.join(notes)}; "
            f"to read them all the same, give {state!r} another name ({state}=their_state)"
        )
    return table[kept].reset_index(drop=True), notes


def _reached(table: pd.DataFrame) -> tuple[np.ndarray, str]:
    """Which rows made all steps that were meant, and by which columns that is told."""
    done = [name for name in table.columns if last_part(name) in DONE]
    planned = [name for name in table.columns if last_part(name) in PLANNED]
    if not (done and planned):
        return np.zeros(len(table), bool), ""
    numbers, _ = as_numbers(table[[done[0], planned[0]]])
    made, meant = numbers[done[0]], numbers[planned[0]]
    # Steps may be counted from 0.
    return (made >= meant - 1).to_numpy(), f"{shown(done[0])} of {shown(planned[0])}"


def one_row_each(table: pd.DataFrame, rule: str) -> pd.DataFrame:
    """One row a run of a history with a row each step.

    Raises
    ------
    RunTableError
        When the rule is unknown, or no column names the runs.
    """
    if rule not in HISTORIES:
        raise RunTableError(f"unknown rule {shown(repr(rule))}; there is: {', '.join(HISTORIES)}")
    name = next((name for name in ("run_id", "Name") if name in table), None)
    if name is None:
        raise RunTableError("a history needs a column run_id that says whose row is whose")
    steps = [column for column in table.columns if last_part(column).strip("_") in DONE]
    if steps:
        table = table.sort_values(steps[0], kind="stable")
    finite = table.replace([np.inf, -np.inf, "NaN", "Infinity", "-Infinity"], np.nan)
    rows: pd.DataFrame = finite.groupby(name, sort=False, dropna=False).last().reset_index()
    return rows
