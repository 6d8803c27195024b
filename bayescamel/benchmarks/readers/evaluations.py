"""The table that every reader returns: one row a model and benchmark, and what was not used."""

import math
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayescamel.exceptions import BenchmarkError
from bayescamel.input import read_object
from bayescamel.runs.columns import listing

COLUMNS = ("key", "benchmark", "accuracy", "score", "questions", "shots", "source")


@dataclass(frozen=True)
class Evaluations:
    """Results on benchmarks, not yet joined to runs.

    Parameters
    ----------
    table
        One row a model and benchmark: ``key`` names the model, ``accuracy`` and ``score`` are 0 to
        1 (NaN: not measured), ``questions`` counts the questions and ``shots`` the examples in a
        prompt (NaN: not told), ``source`` is the file.
    unused
        One line for each result that was read and not used, with the reason.
    """

    table: pd.DataFrame
    unused: tuple[str, ...] = ()

    def __repr__(self) -> str:
        table = self.table
        names = sorted(set(table["benchmark"]))
        lines = [
            f"Evaluations: {len(table)} results of {table['key'].nunique()} models on "
            f"{len(names)} benchmarks: {_some(names)}",
            *([f"  not used, {len(self.unused)}: {_some(self.unused)}"] if self.unused else []),
        ]
        return "\n".join(lines)

    @classmethod
    def of(
        cls,
        rows: Sequence[dict[str, Any]] | pd.DataFrame,
        unused: Sequence[str],
        where: Path,
        strict: bool = True,
    ) -> "Evaluations":
        """Check and order rows; a later row of one model and benchmark replaces the earlier.

        Raises
        ------
        BenchmarkError
            When there is no row, or a value is outside 0 to 1; not `strict`, such a row is unused.
        """
        if not len(rows):
            reasons = f" ({'; '.join(unused[:3])})" if unused else ""
            raise BenchmarkError(f"{where}: no result of any benchmark was found{reasons}")
        table = pd.DataFrame(rows, columns=list(COLUMNS))
        for column in ("accuracy", "score"):
            outside = table[~table[column].between(0, 1) & table[column].notna()]
            wrong = [
                f"{row['source']}: {column} {row[column]:g} of {row['benchmark']!r} is outside "
                "0 to 1: give a share, not a percentage"
                for _, row in outside.iterrows()
            ]
            if strict and wrong:
                raise BenchmarkError(wrong[0])
            unused = [*unused, *wrong]
            table = table.drop(index=outside.index)
        replaced = table[table.duplicated(["key", "benchmark"], keep="last")]
        told = [
            f"{row.source}: {row.benchmark!r} of {row.key!r} is replaced by a later one"
            for row in replaced.itertuples()
        ]
        kept = table.drop(index=replaced.index).sort_values(["key", "benchmark"], ignore_index=True)
        return cls(kept, (*unused, *told))

    def questions(self) -> dict[str, int]:
        """Questions by benchmark, where the files tell them.

        Raises
        ------
        BenchmarkError
            When two models were asked different numbers of questions of one benchmark.
        """
        result: dict[str, int] = {}
        told = self.table.dropna(subset=["questions"])
        for name, rows in told.groupby("benchmark"):
            counts = np.unique(rows["questions"])
            if len(counts) > 1:
                low, high = (rows[rows["questions"] == n].iloc[0] for n in counts[[0, -1]])
                raise BenchmarkError(
                    f"{name!r} has {counts[0]:g} questions in {low['source']} and {counts[-1]:g} "
                    f"in {high['source']}: keep files of one kind, or give each its own name"
                )
            result[str(name)] = int(counts[0])
        return result

    def mixed_shots(self) -> str:
        """What to say where models were asked with different numbers of examples; else empty."""
        mixed = []
        for name, rows in self.table.dropna(subset=["shots"]).groupby("benchmark"):
            each = rows.drop_duplicates("shots").sort_values("shots")
            if len(each) > 1:
                told = [f"{row.shots:g} in {row.source}" for row in each.itertuples()]
                mixed.append(f"{name} ({_some(told, 3)})")
        if not mixed:
            return ""
        return (
            "benchmarks were asked with different numbers of examples (num_fewshot), which move an "
            f"accuracy as models do: {_some(mixed, 3)}"
        )


def _some(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more


@contextmanager
def tolerant(unused: list[str], strict: bool) -> Iterator[None]:
    """Note what is wrong with a file or a task, and go on with the next; not when `strict`."""
    try:
        yield
    except BenchmarkError as error:
        if strict:
            raise
        unused.append(str(error))


def read_json(path: Path) -> dict[str, Any]:
    """An object from a JSON file.

    Raises
    ------
    BenchmarkError
        When the file is no JSON object; names the file, and the line where it breaks.
    """
    return read_object(path, "result", BenchmarkError)


def entry(content: dict[str, Any], keys: Sequence[str], path: Path, kind: type) -> Any:
    """A nested value of the kind expected there.

    Raises
    ------
    BenchmarkError
        Naming the file and the key that is missing or holds something else.
    """
    value: Any = content
    for i, key in enumerate(keys):
        dotted = ".".join(keys[: i + 1])
        if not isinstance(value, dict) or key not in value:
            raise BenchmarkError(f"{path}: no key {dotted!r}: is the file complete?")
        value = value[key]
    if not isinstance(value, kind):
        raise BenchmarkError(f"{path}: {'.'.join(keys)!r} holds {value!r}, not a {kind.__name__}")
    return value


def number(value: object, key: str, path: Path) -> float:
    """A finite number.

    Raises
    ------
    BenchmarkError
        Naming the file and the key.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BenchmarkError(f"{path}: {key!r} holds {value!r}, not a number")
    return float(value)


def told_shots(content: dict[str, Any], *places: Sequence[str]) -> float:
    """Examples in a prompt, from the first of the places that tells a number; NaN where none."""
    for keys in places:
        value: Any = content
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, int):
            return float(value)
    return float("nan")


def find_files(folder: str | Path, patterns: Sequence[str]) -> list[Path]:
    """Files below a folder that match a pattern, in the order of their names.

    Raises
    ------
    BenchmarkError
        When the folder is not there or has no such file.
    """
    root = Path(folder)
    if not root.is_dir():
        raise BenchmarkError(f"no folder {root}: check the path of the evaluation results")
    found = sorted({path for pattern in patterns for path in root.rglob(pattern)})
    if not found:
        raise BenchmarkError(f"{root}: no file named {' or '.join(patterns)} in it or below")
    return found


def check_chosen(benchmarks: Collection[str] | None, there: Collection[str], where: Path) -> None:
    """Refuse a choice of benchmarks none of which has results.

    Raises
    ------
    BenchmarkError
        Naming them and those that there are.
    """
    if benchmarks is not None and there and not set(benchmarks) & set(there):
        raise BenchmarkError(
            f"{where}: no result of {listing(benchmarks)}; there are: {listing(sorted(there))}"
        )


def folder_key(path: Path, folder: str | Path) -> str:
    """Name of the folder, directly below the root, that a file lies in.

    Raises
    ------
    BenchmarkError
        When the file lies in the root itself.
    """
    parts = path.relative_to(folder).parts
    if len(parts) == 1:
        raise BenchmarkError(
            f"{path} lies in no folder of its own, so none names its model: use key='model'"
        )
    return parts[0]
