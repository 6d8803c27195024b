"""``bayescamel import``: look at a table, say what it would be read as, and write it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayescamel.cli import options
from bayescamel.cli.common import answer, guarded, say, tabled
from bayescamel.exceptions import RunTableError, StorageError
from bayescamel.output import check_output, write_whole

if TYPE_CHECKING:
    import xarray as xr

    from bayescamel.runs.importers.propose import Proposal


@guarded
def import_runs(
    file: options.Runs,
    column: options.Columns = None,
    history: options.Histories = None,
    where: options.Rows = None,
    renormalise: options.Renormalise = False,
    out: Annotated[Path | None, typer.Option(help="Run table to write, .csv.")] = None,
    mapping: Annotated[
        Path | None,
        typer.Option(help="Names of columns to write, .toml, for --column of every command."),
    ] = None,
    force: options.Force = False,
    json: options.Json = False,
) -> None:
    """Look at a table of runs: propose names of its columns, show what is read, write it."""
    import pandas as pd

    from bayescamel.runs.columns import LOOK, listing
    from bayescamel.runs.importers.propose import propose
    from bayescamel.runs.importers.wandb import one_row_each
    from bayescamel.runs.mapping import names_of_runs, parse_mapping, rename, write_mapping
    from bayescamel.runs.sources import open_table
    from bayescamel.runs.table import with_free_columns
    from bayescamel.runs.wide import wide_table

    for path in (out, mapping):
        if path is not None:
            check_output(path, force)
    given = parse_mapping(column or [])
    if out is not None and out.suffix.lower() != ".csv":
        raise StorageError(f"{out}: a run table is written as .csv")
    table = open_table(file, names_of_runs(given))
    renamed = rename(table, given) if given else table
    proposals = propose(one_row_each(renamed, history) if history else renamed)
    names = given | {p.theirs: p.ours for p in proposals if p.ours and p.ours != p.theirs}
    if not json:
        _show(proposals)
        given_as = f", {len(names)} names: {_options(names)}" if names else ""
        say(f"\n{len(table)} rows{given_as}\n")
    try:
        runs, free = with_free_columns(
            file, where=where, columns=names, history=history, renormalise=renormalise
        )
    except RunTableError as error:  # it has proposed what it could
        raise RunTableError(str(error).replace(LOOK, "")) from error
    if mapping is not None:
        write_mapping(names, mapping)
    if out is not None:
        whole = pd.concat([wide_table(runs), free], axis=1)
        write_whole(out, whole.to_csv(index=False).encode())
    if json:
        answer(
            {
                "columns": {p.theirs: {"ours": p.ours, "reason": p.reason} for p in proposals},
                "mapping": dict(names),
                "notes": runs.attrs.get("notes", "").splitlines(),
                "n_runs": runs.sizes["run"],
                "matched": _pairs(runs),
                "free": list(free.columns),
            }
        )
        return
    _tell(runs)
    if len(free.columns):
        say(f"other columns, kept to choose rows by (--where): {listing(free.columns)}")
    for path in (out, mapping):
        if path is not None:
            say(f"written: {path}")


def _show(proposals: "list[Proposal]") -> None:
    used = [p for p in proposals if p.ours]
    rows = [(p.theirs, p.ours or "", p.reason) for p in used]
    rows += [(p.theirs, "-", p.reason) for p in proposals if not p.ours]
    say(tabled(("column", "read as", "because"), rows))


def _options(names: dict[str, str | float]) -> str:
    return " ".join(f"--column '{theirs}={ours}'" for theirs, ours in names.items())


def _tell(runs: "xr.Dataset") -> None:
    """What the table is once it is read."""
    import numpy as np

    sizes = np.unique(runs["n_params"])
    many = f"{len(sizes)} sizes, {sizes[0]:.3g} to" if len(sizes) > 1 else "1 size,"
    say(f"{runs.sizes['run']} runs of {many} {sizes[-1]:.3g}")
    if "n_tokens" in runs:
        tokens = runs["n_tokens"]
        say(f"tokens: {float(tokens.min()):.3g} to {float(tokens.max()):.3g}")
    pairs = _pairs(runs)
    say(f"training domains: {', '.join(map(str, runs['domain'].to_numpy()))}")
    validation = map(str, runs["validation"].to_numpy())
    named = [f"{v} = {pairs[v]}" if v in pairs else f"{v} (none)" for v in validation]
    say(f"validation domains, and the training domain that each is: {', '.join(named)}")
    if "benchmark" in runs.sizes:
        say(f"benchmarks: {', '.join(map(str, runs['benchmark'].to_numpy()))}")
    for note in runs.attrs.get("notes", "").splitlines():
        say(f"note: {note}")


def _pairs(runs: "xr.Dataset") -> dict[str, str]:
    from bayescamel.runs.sizes import paired_names

    return paired_names(runs)
