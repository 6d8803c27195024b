"""A wide table of runs as it lies on disk, opened as it is, and cells turned into numbers.

What the numbers mean is the business of `bayescamel.runs.table`; tables that lie in memory, and
folders of records, are that of `bayescamel.runs.sources`.
"""

import csv
import gzip
import io
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayescamel.exceptions import RunTableError
from bayescamel.input import check_file, parse_count, parse_json, shown

MAX_TABLE = 4 * 2**30
"""Bytes of a table of runs: ten million rows."""

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet", ".feather")
"""Kinds of files; the first three may be compressed (``.csv.gz``)."""

EMPTY = frozenset({"", "-", "–", "nan", "na", "n/a", "none", "null"})
"""What people and tools write into a cell without a number, in lower case."""


def read_file(path: Path, text: Collection[str] = ("run_id",)) -> pd.DataFrame:
    """Read a table as it is.

    Parameters
    ----------
    text
        Columns of a CSV whose cells are names, even where they look like numbers: ``001``.

    Raises
    ------
    RunTableError
        When the file is missing, unreadable or of another kind, or a column occurs twice.
    """
    where = shown(path)
    name = path.name.lower()
    kind = next((end for end in SUFFIXES if name.removesuffix(".gz").endswith(end)), None)
    if kind is None or (name.endswith(".gz") and kind in (".parquet", ".feather")):
        raise RunTableError(
            f"{where} is neither a .csv nor a .parquet file, nor a .tsv, .jsonl or .feather one "
            "(.csv.gz, .tsv.gz and .jsonl.gz are read too)"
        )
    check_file(path, "run table", RunTableError, MAX_TABLE)
    try:
        if kind == ".parquet":
            return pd.read_parquet(path)
        if kind == ".feather":
            return pd.read_feather(path)
        content = _content(path)
        if kind == ".jsonl":
            return _from_lines(content, where)
        return _from_csv(content, where, "," if kind == ".csv" else "\t", text)
    except RunTableError:
        raise
    except ImportError as error:
        raise RunTableError(
            f"{where}: a {kind} file is read by pyarrow: pip install 'bayescamel[tables]'"
        ) from error
    except Exception as error:  # what pandas and pyarrow say of content has a dozen kinds
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RunTableError(f"cannot read {where}: {shown(reason, 200)}") from error


def _content(path: Path) -> str:
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    with opener(path, "rb") as file:
        content = file.read(MAX_TABLE + 1)
    if len(content) > MAX_TABLE:
        raise RunTableError(f"{shown(path)} holds more than {MAX_TABLE / 2**30:.0f} GiB")
    # utf-8-sig also reads files that a spreadsheet has given a byte-order mark.
    return content.decode("utf-8-sig")


def _from_csv(content: str, where: str, delimiter: str, text: Collection[str]) -> pd.DataFrame:
    header = next(csv.reader(io.StringIO(content), delimiter=delimiter, skipinitialspace=True), [])
    names = [name.strip() for name in header]
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:  # pandas would rename the second one and go on
        raise RunTableError(
            f"column {shown(repr(twice[0]))} occurs twice in {where}: rename or drop one"
        )
    table = pd.read_csv(
        io.StringIO(content),
        sep=delimiter,
        skipinitialspace=True,
        dtype={name: str for name in header if name.strip() in text},
    )
    if not isinstance(table.index, pd.RangeIndex):
        raise RunTableError(f"the rows of {where} have more cells than its header has names")
    table.columns = table.columns.str.strip()
    return table


def _from_lines(content: str, where: str) -> pd.DataFrame:
    lines = [(i, line) for i, line in enumerate(content.splitlines(), 1) if line.strip()]
    return from_rows([parse_json(line, f"{where}, line {i}", RunTableError) for i, line in lines])


def from_rows(rows: Sequence[Any]) -> pd.DataFrame:
    """Objects, one a row: records of runs, or names and values; nested names get dots.

    Raises
    ------
    RunTableError
        When one of them is no object.
    """
    for i, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise RunTableError(f"row {i} is no object of names and values: {shown(repr(row))}")
    return pd.DataFrame([_of_record(row) if is_record(row) else _flat(row) for row in rows])


def is_record(row: Mapping[str, Any]) -> bool:
    """Whether an object is a record of a run, ours or a plain one."""
    losses = row.get("loss_nats_per_token", row.get("loss"))
    return isinstance(row.get("mixture"), Mapping) and isinstance(losses, Mapping)


def _of_record(row: Mapping[str, Any]) -> dict[str, Any]:
    losses = row.get("loss_nats_per_token", row.get("loss"))
    benchmarks = dict(row.get("benchmarks") or {})
    named = {
        "w": row["mixture"],
        "unique": row.get("unique"),
        "loss": losses,
        "acc": row.get("accuracy") or {n: _entry(e, "accuracy") for n, e in benchmarks.items()},
        "score": row.get("score") or {n: _entry(e, "score") for n, e in benchmarks.items()},
    }
    scalars = {
        name: value
        for name, value in row.items()
        if name not in ("accuracy", "score") and not isinstance(value, Mapping | list)
    }
    return scalars | {
        f"{kind}_{name}": value
        for kind, values in named.items()
        if isinstance(values, Mapping)
        for name, value in values.items()
    }


def _entry(value: object, key: str) -> object:
    return value.get(key) if isinstance(value, Mapping) else None


def _flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = str(value) if isinstance(value, list) else value
    return flat


def as_numbers(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Turn every column into float64, NaN where a cell is empty.

    Returns
    -------
    numbers, text : DataFrame
        The numbers, and a mask of the cells that hold something other than a number.
    """
    values = np.empty(table.shape)
    text = np.zeros(table.shape, bool)
    # Tables may have ten thousand columns of floats, which are converted all at once.
    floats = np.array([pd.api.types.is_float_dtype(dtype) for dtype in table.dtypes], bool)
    values[:, floats] = table.loc[:, floats].to_numpy(np.float64, na_value=np.nan)
    for place, name in enumerate(table.columns):
        if not floats[place]:
            column = table[name]
            values[:, place] = _numeric(column)
            odd = np.isnan(values[:, place]) & column.notna().to_numpy()
            if odd.any():
                empty = column[odd].astype(str).str.strip().str.lower().isin(EMPTY)
                odd[odd] = ~empty.to_numpy()
            text[:, place] = odd
    rows, names = table.index, table.columns
    return pd.DataFrame(values, rows, names), pd.DataFrame(text, rows, names)


def read_units(
    table: pd.DataFrame,
    numbers: pd.DataFrame,
    text: pd.DataFrame,
    counts: Collection[str],
    shares: Collection[str],
) -> None:
    """Read ``210M`` in columns of counts and ``11%`` in those of shares, in place."""
    for names, read in ((counts, parse_count), (shares, _percentage)):
        for name in names:
            for row in np.flatnonzero(text[name].to_numpy()):
                try:
                    value = read(str(table[name].iloc[row]))
                except ValueError:
                    continue
                numbers.iloc[row, numbers.columns.get_loc(name)] = value  # type: ignore[index]
                text.iloc[row, text.columns.get_loc(name)] = False  # type: ignore[index]


def _percentage(text: str) -> float:
    number = text.strip()
    if not number.endswith("%"):
        raise ValueError(text)
    return float(number[:-1]) / 100


def _numeric(column: pd.Series) -> np.ndarray:
    dtype = column.dtype
    countable = pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
    if not (
        countable or pd.api.types.is_object_dtype(dtype) or pd.api.types.is_string_dtype(dtype)
    ):
        return np.full(len(column), np.nan)  # dates and booleans are no measurements
    try:
        values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    except OverflowError:  # a whole number that no float holds: infinite, which is refused
        texts = column.astype(str)
        values = pd.to_numeric(
            texts.where(texts.str.len() < 300, "inf"), errors="coerce"
        ).to_numpy()
    return np.asarray(values, np.float64)
