"""A wide table of runs as it lies on disk: opened, rows chosen, cells turned into numbers.

What the numbers mean is the business of `bayescamel.runs.table`.
"""

import ast
import csv
import re
from pathlib import Path

import numpy as np
import pandas as pd

from bayescamel.exceptions import RunTableError
from bayescamel.runs.columns import listing

_QUOTED = re.compile(r"`([^`]+)`")
# What a row filter is made of. No calls, no attributes and no subscripts: pandas would run them.
_FILTER_NODES = (
    ast.Expression,
    ast.BoolOp,
    ast.BinOp,
    ast.UnaryOp,
    ast.Compare,
    ast.Name,
    ast.Constant,
    ast.List,
    ast.Tuple,
    ast.expr_context,
    ast.boolop,
    ast.unaryop,
    ast.cmpop,
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.Div,
    ast.Mod,
    ast.BitAnd,
    ast.BitOr,
)

# The last of each: an expression nested a thousand deep.
_NOT_PARSED = (SyntaxError, ValueError, MemoryError, RecursionError)
_NOT_EVALUATED = (
    *(ValueError, TypeError, KeyError, NameError, SyntaxError, NotImplementedError),
    RecursionError,
)


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
        table = _open_file(Path(source))
    table.columns = pd.Index([str(column) for column in table.columns])
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()][0]
        raise RunTableError(f"column {twice!r} occurs twice: rename or drop one")
    if table.empty:
        raise RunTableError("the run table has no rows")
    return table


def _open_file(path: Path) -> pd.DataFrame:
    if not path.exists():
        raise RunTableError(f"no file {path}: check the path of the run table")
    suffix = path.suffix.lower()
    if suffix not in {".csv", ".parquet"}:
        raise RunTableError(f"{path} is neither a .csv nor a .parquet file")
    try:
        return _open_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    except (OSError, ValueError, csv.Error) as error:
        # pandas' and pyarrow's own errors about content derive from ValueError.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RunTableError(f"cannot read {path}: {reason}") from error


def _open_csv(path: Path) -> pd.DataFrame:
    # utf-8-sig also reads files that a spreadsheet has given a byte-order mark.
    encoding = "utf-8-sig"
    with path.open(encoding=encoding, newline="") as file:
        names = [name.strip() for name in next(csv.reader(file, skipinitialspace=True), [])]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:  # pandas would rename the second one and go on
        raise RunTableError(f"column {twice[0]!r} occurs twice in {path}: rename or drop one")
    table = pd.read_csv(path, encoding=encoding, skipinitialspace=True, dtype={"run_id": str})
    if not isinstance(table.index, pd.RangeIndex):
        raise RunTableError(f"the rows of {path} have more cells than its header has names")
    table.columns = table.columns.str.strip()
    return table


def select_rows(table: pd.DataFrame, where: str) -> pd.Series:
    """Evaluate a pandas query such as ``step == 30000 and n_params < 3e8``, one bool per row.

    Comparisons, arithmetic, ``in``, ``and``, ``or`` and ``not`` over columns and constants are
    allowed; names that are no Python words stand in backticks. Calls and attributes are refused,
    so that an expression taken from a script's argument cannot do anything but choose rows.

    Raises
    ------
    RunTableError
        When the expression is none of these, names no column, or selects no row.
    """
    _check_filter(where, table.columns)
    try:
        # The Python engine, so that the answer does not depend on numexpr being installed.
        chosen = table.eval(where, engine="python")
    except _NOT_EVALUATED as error:
        raise RunTableError(f"cannot evaluate the row filter {where!r}: {error}") from error
    if not isinstance(chosen, pd.Series) or not pd.api.types.is_bool_dtype(chosen):
        raise RunTableError(
            f"the row filter {where!r} does not say yes or no of a row: compare columns with values"
        )
    chosen = chosen.fillna(False).astype(bool)
    if not chosen.any():
        raise RunTableError(f"the row filter {where!r} selects none of the {len(table)} rows")
    return chosen


def _check_filter(where: str, columns: pd.Index) -> None:
    quoted: list[str] = _QUOTED.findall(where)
    try:
        tree = ast.parse(_QUOTED.sub("quoted_", where).strip(), mode="eval")
    except _NOT_PARSED as error:
        raise RunTableError(f"cannot read the row filter {where!r}: {error}") from error
    names = [*quoted]
    for node in ast.walk(tree):
        if not isinstance(node, _FILTER_NODES):
            raise RunTableError(
                f"the row filter {where!r} may compare columns with values and nothing else "
                f"(found: {type(node).__name__})"
            )
        if isinstance(node, ast.Name) and node.id != "quoted_":
            names.append(node.id)
    for name in names:
        if name not in columns:
            raise RunTableError(
                f"the row filter {where!r} names {name!r}, which is no column; "
                f"columns: {listing(columns)}"
            )


def as_numbers(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Turn every column into float64, NaN where a cell is empty.

    Returns
    -------
    numbers, text : DataFrame
        The numbers, and a mask of the cells that hold something other than a number.
    """
    numbers = pd.DataFrame({name: _numeric(table[name]) for name in table})
    return numbers, numbers.isna() & table.notna()


def _numeric(column: pd.Series) -> pd.Series:
    dtype = column.dtype
    countable = pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
    if not (
        countable or pd.api.types.is_object_dtype(dtype) or pd.api.types.is_string_dtype(dtype)
    ):
        return pd.Series(np.nan, index=column.index)  # dates and booleans are no measurements
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return pd.Series(values, index=column.index)
