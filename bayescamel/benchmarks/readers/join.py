"""Evaluation results beside the runs they belong to."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bayescamel.benchmarks.readers.evaluations import Evaluations
from bayescamel.exceptions import BenchmarkError
from bayescamel.runs.columns import BENCHMARK_KINDS, PREFIXES, listing
from bayescamel.runs.sources import open_table


@dataclass(frozen=True)
class Joined:
    """A run table with results, and everything that found no partner.

    Parameters
    ----------
    table
        The rows of the run table with ``acc_*`` and ``score_*`` columns; empty where a run was not
        evaluated. `bayescamel.read_runs` takes it.
    questions
        Questions by benchmark, where the results tell them.
    runs_without
        Keys of runs without any result.
    results_without
        Keys of results without a run.
    unused
        Results that were read and not used, with the reason.
    mixed
        What to say where models were asked with different numbers of examples; else empty.
    """

    table: pd.DataFrame
    questions: dict[str, int]
    runs_without: tuple[str, ...]
    results_without: tuple[str, ...]
    unused: tuple[str, ...]
    mixed: str = ""

    def __str__(self) -> str:
        lines = [
            f"{len(self.table) - len(self.runs_without)} of {len(self.table)} runs have results"
        ]
        if self.runs_without:
            lines.append(f"runs without results: {', '.join(self.runs_without)}")
        if self.results_without:
            lines.append(f"results without a run: {', '.join(self.results_without)}")
        files: dict[str, list[str]] = {}
        for line in self.unused:
            files.setdefault(line.partition(": ")[0], []).append(line)
        for first, *others in files.values():
            lines.append(f"not used: {first}" + f" (and {len(others)} more)" * bool(others))
        return "\n".join([*lines, f"warning: {self.mixed}"] if self.mixed else lines)


def join_evaluations(
    runs: str | Path | pd.DataFrame, evaluations: Evaluations, *, on: str = "run_id"
) -> Joined:
    """Add evaluation results to a run table.

    Parameters
    ----------
    runs
        A wide run table.
    on
        The column of the run table that holds the key of the results.

    Raises
    ------
    BenchmarkError
        When the column is missing or names a run twice, no key matches, or the run table has one of
        the columns already.
    """
    table = open_table(runs)
    if on not in table:
        raise BenchmarkError(f"the run table has no column {on!r}: {listing(table.columns)}")
    keys = table[on].astype(str).str.strip()
    if keys.duplicated().any():
        raise BenchmarkError(
            f"{keys[keys.duplicated()].iloc[0]!r} occurs twice in column {on!r} of the run table, "
            "so its results belong to no one run: join on a column that names every run once"
        )
    results = evaluations.table
    matched = results["key"].isin(keys)
    if not matched.any():
        raise BenchmarkError(
            f"no key of the results ({listing(results['key'].unique(), 3)}) is in column {on!r} of "
            f"the run table ({listing(keys, 3)}): join on another column, or rename"
        )
    wide = _wide(results[matched])
    for column in wide:
        if column in table:
            raise BenchmarkError(f"the run table has a column {column!r} already: drop one of them")
    return Joined(
        table=table.join(wide.reindex(keys).set_axis(table.index)),
        questions=evaluations.questions(),
        runs_without=tuple(keys[~keys.isin(results["key"])]),
        results_without=tuple(results.loc[~matched, "key"].unique()),
        unused=evaluations.unused,
        mixed=evaluations.mixed_shots(),
    )


def _wide(results: pd.DataFrame) -> pd.DataFrame:
    parts = [
        results.pivot_table(index="key", columns="benchmark", values=kind).add_prefix(
            PREFIXES[kind]
        )
        for kind in BENCHMARK_KINDS
    ]
    return pd.concat(parts, axis=1).dropna(axis=1, how="all")
