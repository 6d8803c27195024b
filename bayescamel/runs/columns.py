"""Which columns of a wide run table hold what."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from bayescamel.exceptions import RunTableError
from bayescamel.input import check_text, shown

if TYPE_CHECKING:
    import pandas as pd

type Kind = Literal["mixture", "unique", "loss", "accuracy", "score"]

PREFIXES: dict[Kind, str] = {
    "mixture": "w_",
    "unique": "unique_",
    "loss": "loss_",
    "accuracy": "acc_",
    "score": "score_",
}
"""How the columns of a variable of the run table begin."""
BENCHMARK_KINDS: tuple[Kind, ...] = ("accuracy", "score")
SIZES = ("n_params", "n_active_params", "n_tokens")
LOOK = "`bayescamel import` proposes names, "
"""What a table whose columns are not ours is told, but by that command itself."""


def column(kind: Kind, name: object) -> str:
    """The column of a domain or benchmark, such as ``w_math``."""
    return f"{PREFIXES[kind]}{name}"


def columns(kind: Kind, names: Iterable[object]) -> list[str]:
    """The columns of domains or benchmarks."""
    return [column(kind, name) for name in names]


def bare(kind: Kind, name: object) -> str:
    """A domain or benchmark, whether or not its column was named."""
    return str(name).removeprefix(PREFIXES[kind])


def names_in(kind: Kind, table: Iterable[object]) -> list[str]:
    """Domains or benchmarks that have such a column among those of a table, in their order."""
    return [bare(kind, name) for name in table if str(name).startswith(PREFIXES[kind])]


def listing(names: Iterable[str], most: int = 20) -> str:
    """Name what there is, for an error message that stays one line."""
    known = list(names)
    more = f", … ({len(known)} in all)" if len(known) > most else ""
    return ", ".join(shown(name) for name in known[:most]) + more


def measured_columns(
    table: "pd.DataFrame", losses: Sequence[str] | None, problems: list[str]
) -> dict[str, list[str]]:
    """Names of the columns with numbers, by kind; sizes are the kind "size".

    What is missing is added to the problems.
    """
    named = {kind: names_in(kind, table.columns) for kind in PREFIXES}
    missing = [f"no {needed!r} column" for needed in ("run_id", "n_params") if needed not in table]
    if not named["mixture"]:
        missing.append(
            "no 'w_*' column, one for each training domain; of one data set: "
            "columns={'w_data': 1} (--column w_data=1)"
        )
    # Runs with accuracies alone are runs; no law can be fitted to them, and `fit` says so.
    if not named["loss"] and not any(named[kind] for kind in BENCHMARK_KINDS):
        missing.append("no 'loss_*' column, one for each validation domain")
    if missing:
        problems.append(
            f"{'; '.join(missing)}; the table has {listing(table.columns)}: {LOOK}"
            "columns={theirs: ours} (--column theirs=ours) gives names"
        )
    for kind, names in named.items():
        if "" in names:
            problems.append(f"column {PREFIXES[kind]!r} has nothing after its prefix: name it")
            names.remove("")
        for name in names:
            try:
                check_text(name)
            except ValueError as error:
                raise RunTableError(f"the name of a column: {error}") from error
    _check_unique(table, named, problems)
    if losses is not None:
        named["loss"] = _chosen_losses(named["loss"], losses)
    result: dict[str, list[str]] = {kind: columns(kind, names) for kind, names in named.items()}
    # An optional column without a single value was not measured.
    result["unique"] = [name for name in result["unique"] if table[name].notna().any()]
    result["size"] = [
        name
        for name in SIZES
        if name in table and (name == "n_params" or table[name].notna().any())
    ]
    return result


def _check_unique(table: "pd.DataFrame", named: dict[Kind, list[str]], problems: list[str]) -> None:
    for name in [name for name in named["unique"] if name not in named["mixture"]]:
        problems.append(
            f"column {shown(repr(column('unique', name)))} names no training domain; there are: "
            f"{listing(named['mixture'])}. It would hold the unique tokens of one: rename or drop "
            "it"
        )
        named["unique"].remove(name)
    if named["unique"] and "n_tokens" not in table:
        problems.append(
            f"column {shown(repr(column('unique', named['unique'][0])))} tells how many tokens "
            "there are, and no 'n_tokens' column how many a run saw: add it"
        )


def _chosen_losses(known: list[str], losses: Sequence[str]) -> list[str]:
    names = [losses] if isinstance(losses, str) else list(losses)
    chosen = []
    for name in names:
        domain = bare("loss", name) if bare("loss", name) in known else name
        if domain not in known:
            raise RunTableError(
                f"no loss on a validation domain {shown(repr(name))}; there are: {listing(known)}"
            )
        chosen.append(domain)
    if not chosen:
        raise RunTableError("no validation domain was chosen: name at least one loss")
    return list(dict.fromkeys(chosen))
