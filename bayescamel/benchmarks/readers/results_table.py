"""A plain table of results, CSV or Parquet, wide or long."""

from pathlib import Path

import pandas as pd

from bayescamel.benchmarks.readers.evaluations import COLUMNS, Evaluations
from bayescamel.exceptions import BenchmarkError
from bayescamel.runs.columns import BENCHMARK_KINDS, column, listing, names_in
from bayescamel.runs.files import as_numbers
from bayescamel.runs.sources import open_table


def read_results_table(source: str | Path | pd.DataFrame, *, key: str) -> Evaluations:
    """Read a table with one row a model (wide) or one row a model and benchmark (long).

    Parameters
    ----------
    source
        Wide: columns ``acc_<benchmark>`` and ``score_<benchmark>``. Long: a column ``benchmark``
        with ``accuracy`` or ``score`` or both, and optionally ``questions``.
    key
        The column that names the model.

    Raises
    ------
    RunTableError
        When the file cannot be read.
    BenchmarkError
        When columns are missing, or a cell holds something that is no number; it names both.
    """
    table = open_table(source)
    where = Path("table") if isinstance(source, pd.DataFrame) else Path(source)
    if key not in table:
        raise BenchmarkError(f"{where}: no column {key!r}; there are: {listing(table.columns)}")
    named = table[key].astype(str).str.strip()
    if table[key].isna().any() or (named == "").any():
        raise BenchmarkError(f"{where}: column {key!r} has empty cells: name every model")
    table = table.assign(**{key: named}).rename(columns={key: "key"})
    rows = _long(table, where) if "benchmark" in table else _from_wide(table, where)
    measured = rows.dropna(subset=["accuracy", "score"], how="all")
    return Evaluations.of(measured, (), where)


def _from_wide(table: pd.DataFrame, where: Path) -> pd.DataFrame:
    measures = [(kind, name) for kind in BENCHMARK_KINDS for name in names_in(kind, table)]
    if not measures:
        raise BenchmarkError(
            f"{where}: neither a column 'benchmark' nor any 'acc_*' or 'score_*'; there are: "
            f"{listing(table.columns)}"
        )
    twice = table["key"].duplicated()
    if twice.any():
        raise BenchmarkError(f"{where}: {table['key'][twice].iloc[0]!r} has two rows: keep one")
    numbers = _numbers(table, [column(*measure) for measure in measures], where)
    parts = []
    for kind, name in measures:
        part = pd.DataFrame({"key": table["key"], "benchmark": name})
        parts.append(part.assign(**{kind: numbers[column(kind, name)]}))
    long = pd.concat(parts).groupby(["key", "benchmark"], as_index=False).first()
    return long.reindex(columns=list(COLUMNS)).assign(source=str(where))


def _long(table: pd.DataFrame, where: Path) -> pd.DataFrame:
    names = [name for name in ("accuracy", "score", "questions") if name in table]
    if not {"accuracy", "score"} & set(names):
        raise BenchmarkError(f"{where}: a long table needs a column 'accuracy' or 'score'")
    numbers = _numbers(table, names, where)
    long = table[["key", "benchmark"]].assign(**{name: numbers[name] for name in names})
    return long.reindex(columns=list(COLUMNS)).assign(source=str(where))


def _numbers(table: pd.DataFrame, names: list[str], where: Path) -> pd.DataFrame:
    numbers, text = as_numbers(table[names])
    for name in names:
        if text[name].any():
            row = int(text[name].to_numpy().argmax())
            raise BenchmarkError(
                f"{where}: {name!r} of {table['key'].iloc[row]!r} holds "
                f"{str(table[name].iloc[row])!r}, not a number"
            )
    return numbers
