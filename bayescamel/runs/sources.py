"""Tables in all the forms that people have them in, brought to a pandas table.

Files, folders of records, tables in memory (pandas, polars, pyarrow, Hugging Face ``datasets``),
rows as dicts, and the runs that ``wandb.Api().runs(...)`` gives. None of these libraries is
imported here: an object is told by the methods it has.
"""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from bayescamel.exceptions import RunTableError
from bayescamel.input import read_object, shown
from bayescamel.runs.files import from_rows, is_record, read_file

type Source = str | Path | pd.DataFrame | Mapping[str, Any] | Iterable[Any]
"""What a table can be read from; `bayescamel.read_runs` lists the kinds."""

EVALUATIONS = "for evaluation results: bayescamel fit-benchmarks --evaluations"


def open_table(
    source: Any, text: Collection[str] = ("run_id",), steps: bool = False
) -> pd.DataFrame:
    """Bring a table to pandas as it is; a DataFrame is copied.

    Parameters
    ----------
    source
        See `bayescamel.read_runs`.
    text
        Columns whose cells are names, even where they look like numbers.
    steps
        Of runs from the API of Weights & Biases, read every logged step, not the summary.

    Raises
    ------
    RunTableError
        When it cannot be read, is empty or of another kind, or a column occurs twice.
    """
    if isinstance(source, str | Path):
        path = Path(source)
        table = _from_folder(path) if path.is_dir() else read_file(path, text)
        # Copied into one block a dtype: of ten thousand columns each step after would take each.
        table = table.copy()
    else:
        table = _from_memory(source, steps)
    table.columns = pd.Index([str(column) for column in table.columns])
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()][0]
        raise RunTableError(f"column {shown(repr(twice))} occurs twice: rename or drop one")
    if table.empty:
        raise RunTableError("the run table has no rows")
    return table


def _from_folder(folder: Path) -> pd.DataFrame:
    paths = sorted(folder.glob("[!.]*.json"))
    if not paths:
        below = next(folder.glob("*/*.json"), None)
        raise RunTableError(
            f"no run table can be read from {shown(folder)}: no record (*.json) in it"
            + ("" if below is None else f", only below it, such as {shown(below)}; {EVALUATIONS}")
        )
    rows = []
    for path in paths:
        row = read_object(path, "record", RunTableError)
        if not is_record(row):
            raise RunTableError(
                f"{shown(path)} is no record of a run: it needs objects 'mixture' and 'loss'"
                + (f"; {EVALUATIONS}" if "results" in row or "task_name" in row else "")
            )
        rows.append({"run_id": path.stem} | row)
    return from_rows(rows)


def _from_memory(source: Any, steps: bool) -> pd.DataFrame:
    if isinstance(source, pd.DataFrame):
        return source.reset_index(drop=source.index.name is None or source.index.name in source)
    if hasattr(source, "collect_schema") and hasattr(source, "collect"):  # a lazy polars frame
        source = source.collect()
    if hasattr(source, "to_dicts"):  # polars, without pyarrow
        return pd.DataFrame(source.to_dict(as_series=False))
    if hasattr(source, "to_pandas"):  # pyarrow, Hugging Face
        frame: pd.DataFrame = source.to_pandas()
        return frame.reset_index(drop=True)
    if isinstance(source, Mapping):
        splits = [name for name, part in source.items() if hasattr(part, "to_pandas")]
        if splits:
            raise RunTableError(
                f"this is a set of tables ({', '.join(map(shown, splits))}): give one of them"
            )
        return pd.DataFrame(dict(source))
    if not isinstance(source, Iterable):
        raise RunTableError(f"no run table can be read from {shown(repr(source))}")
    rows: list[Any] = []
    for row in source:
        rows += _of_wandb(row, steps) if _is_wandb(row) else [row]
    return from_rows(rows)


def _is_wandb(row: object) -> bool:
    """Whether an object is a run as the API of Weights & Biases gives it."""
    return all(hasattr(row, name) for name in ("name", "state", "config", "summary"))


def _of_wandb(run: Any, steps: bool) -> list[dict[str, Any]]:
    known = {"Name": run.name, "ID": getattr(run, "id", run.name), "State": run.state}
    known |= {name: value for name, value in run.config.items() if name != "_wandb"}
    if steps:
        return [known | dict(row) for row in run.scan_history()]
    summary = getattr(run.summary, "_json_dict", run.summary)  # what it holds, without a request
    return [known | {name: value for name, value in summary.items() if name != "_wandb"}]
