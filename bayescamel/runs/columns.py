"""Which columns of a wide run table hold what."""

from collections.abc import Iterable, Sequence

import pandas as pd

from bayescamel.exceptions import RunTableError

PREFIXES = ("w_", "loss_", "acc_", "score_")
SIZES = ("n_params", "n_active_params", "n_tokens")


def listing(names: Iterable[str], most: int = 20) -> str:
    """Name what there is, for an error message that stays one line."""
    shown = list(names)
    return ", ".join(shown[:most]) + (f", … ({len(shown)} in all)" if len(shown) > most else "")


def measured_columns(table: pd.DataFrame, losses: Sequence[str] | None) -> dict[str, list[str]]:
    """Names of the columns with numbers, by kind; a kind is a prefix, or "size"."""
    found = listing(table.columns)
    for column in ("run_id", "n_params"):
        if column not in table:
            raise RunTableError(f"no {column!r} column; the table has {found}")
    columns = {
        prefix: [name for name in table.columns if name.startswith(prefix)] for prefix in PREFIXES
    }
    for prefix, what in (("w_", "training domain"), ("loss_", "validation domain")):
        if not columns[prefix]:
            raise RunTableError(
                f"no '{prefix}*' column, one for each {what}; the table has {found}"
            )
    for prefix, names in columns.items():
        if prefix in names:
            raise RunTableError(f"column {prefix!r} has nothing after its prefix: name it")
    if losses is not None:
        columns["loss_"] = _chosen_losses(columns["loss_"], losses)
    # An optional column without a single value was not measured.
    columns["size"] = [
        name
        for name in SIZES
        if name in table and (name == "n_params" or table[name].notna().any())
    ]
    return columns


def _chosen_losses(known: list[str], losses: Sequence[str]) -> list[str]:
    names = [losses] if isinstance(losses, str) else list(losses)
    chosen = []
    for name in names:
        column = name if name in known else f"loss_{name}"
        if column not in known:
            domains = listing(column.removeprefix("loss_") for column in known)
            raise RunTableError(f"no loss on a validation domain {name!r}; there are: {domains}")
        chosen.append(column)
    if not chosen:
        raise RunTableError("no validation domain was chosen: name at least one loss")
    return list(dict.fromkeys(chosen))
