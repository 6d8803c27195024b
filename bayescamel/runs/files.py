"""A wide table of runs as it lies on disk: opened, rows chosen, cells turned into numbers.

What the numbers mean is the business of `bayescamel.runs.table`.
"""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from bayescamel.exceptions import RunTableError
from bayescamel.input import check_file, shown

MAX_TABLE = 4 * 2**30
"""Bytes of a table of runs: ten million rows."""


def open_table(source: str | Path | pd.DataFrame) -> pd.DataFrame:
    """Read a CSV or Parquet file as it is; a DataFrame is copied.

    Raises
    ------
    RunTableError
        When the file is missing, unreadable, empty or of another kind, or a column occurs twice.
    """
    if isinstance(source, pd.DataFrame):
        table = source.reset_index(drop=True)
    else:
        # Copied into one block a dtype: of ten thousand columns each step after would take each.
        table = _open_file(Path(source)).copy()
    table.columns = pd.Index([str(column) for column in table.columns])
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()][0]
        raise RunTableError(f"column {shown(repr(twice))} occurs twice: rename or drop one")
    if table.empty:
        raise RunTableError("the run table has no rows")
    return table


def _open_file(path: Path) -> pd.DataFrame:
    where = shown(path)
    suffix = path.suffix.lower()
    if suffix not in {".csv", ".parquet"}:
        raise RunTableError(f"{where} is neither a .csv nor a .parquet file")
    check_file(path, "run table", RunTableError, MAX_TABLE)
    try:
        return _open_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    except RunTableError:
        raise
    except Exception as error:  # what pandas and pyarrow say of content has a dozen kinds
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RunTableError(f"cannot read {where}: {shown(reason, 200)}") from error


def _open_csv(path: Path) -> pd.DataFrame:
    # utf-8-sig also reads files that a spreadsheet has given a byte-order mark.
    encoding = "utf-8-sig"
    with path.open(encoding=encoding, newline="") as file:
        names = [name.strip() for name in next(csv.reader(file, skipinitialspace=True), [])]
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:  # pandas would rename the second one and go on
        raise RunTableError(
            f"column {shown(repr(twice[0]))} occurs twice in {shown(path)}: rename or drop one"
        )
    table = pd.read_csv(path, encoding=encoding, skipinitialspace=True, dtype={"run_id": str})
    if not isinstance(table.index, pd.RangeIndex):
        raise RunTableError(f"the rows of {shown(path)} have more cells than its header has names")
    table.columns = table.columns.str.strip()
    return table


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
            values[:, place] = _numeric(table[name])
            text[:, place] = np.isnan(values[:, place]) & table[name].notna().to_numpy()
    rows, names = table.index, table.columns
    return pd.DataFrame(values, rows, names), pd.DataFrame(text, rows, names)


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
