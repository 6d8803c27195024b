"""A CSV export of the table of runs of Weights & Biases."""

import re

import pandas as pd

from bayescamel.exceptions import RunTableError
from bayescamel.runs.columns import Kind, column

NAMES: dict[Kind, tuple[str, ...]] = {
    "mixture": ("w", "mixture", "weights"),
    "loss": ("loss", "val_loss", "validation_loss"),
    "accuracy": ("acc", "accuracy"),
    "score": ("score",),
}
"""How people log what our columns are called: ``loss/web``, ``val_loss.web`` or ``loss_web``."""


def is_wandb_export(table: pd.DataFrame) -> bool:
    """Told by its columns ``Name`` and ``State``."""
    return {"Name", "State"} <= set(table.columns)


def from_wandb(table: pd.DataFrame) -> pd.DataFrame:
    """Our columns from an export; runs that did not finish are left out.

    Raises
    ------
    RunTableError
        When no run finished.
    """
    finished = table[table["State"] == "finished"]
    if not len(finished):
        raise RunTableError("the export has no run whose State is 'finished'")
    names = {"Name": "run_id"} | {name: _our_name(str(name)) for name in table if name != "Name"}
    return finished.rename(columns=names).reset_index(drop=True)


def _our_name(name: str) -> str:
    for kind, theirs in NAMES.items():
        match = re.fullmatch(rf"(?:{'|'.join(theirs)})[/._](.+)", name)
        if match:
            return column(kind, match.group(1))
    return name
