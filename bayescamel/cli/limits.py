"""Limits on a mixture as `bayescamel mix` is told them: options, and how they are read."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayescamel.cli.common import weights
from bayescamel.exceptions import MixtureError, StorageError
from bayescamel.input import as_count, as_number, check_file, read_object, shown

if TYPE_CHECKING:
    from bayescamel.mixtures.constraints import Constraints, Group

Floors = Annotated[
    list[str] | None, typer.Option("--min", help="name=weight,…: floors of weights.")
]
Ceilings = Annotated[
    list[str] | None, typer.Option("--max", help="name=weight,…: ceilings of weights.")
]
Groups = Annotated[
    list[str] | None,
    typer.Option(help="name+name=lower:upper, bounds on a sum of weights; repeatable."),
]
Available = Annotated[
    Path | None, typer.Option(help="CSV of domain,tokens: unique tokens that exist, 20B or 2e10.")
]
MaxEpochs = Annotated[
    float | None, typer.Option(help="How often available tokens may be repeated.")
]
Reference = Annotated[
    Path | None, typer.Option(help="JSON of name: weight, the mixture to compare with.")
]
Nearness = Annotated[
    float | None,
    typer.Option(
        help="Largest share of tokens that may change domain, counted from the reference or, "
        "without one, from the nearest measured mixture."
    ),
]


def constraints(
    minimum: list[str] | None,
    maximum: list[str] | None,
    groups: list[str] | None,
    available: Path | None,
    max_epochs: float | None,
    near: float | None,
    reference: dict[str, float] | None,
) -> "Constraints":
    """Limits from what each option was given."""
    from bayescamel.mixtures.constraints import Constraints, Near

    return Constraints(
        lower=weights(minimum or [], "floor", MixtureError),
        upper=weights(maximum or [], "ceiling", MixtureError),
        groups=tuple(_group(text) for text in groups or []),
        available=read_available(available),
        max_epochs=max_epochs,
        near=None if near is None else Near(near, reference),
    )


def _group(text: str) -> "Group":
    from bayescamel.mixtures.constraints import Group

    names, equals, bounds = text.rpartition("=")
    lower, colon, upper = bounds.partition(":")
    try:
        group = Group(
            tuple(name.strip() for name in names.split("+")),
            float(lower) if lower else 0.0,
            float(upper) if upper else 1.0,
        )
    except ValueError:
        equals = ""
    if not (equals and colon and names):
        raise MixtureError(f"group {shown(repr(text))} is not of the form name+name=lower:upper")
    return group


def read_available(path: Path | None) -> dict[str, float]:
    """Unique tokens by training domain from CSV; without a file none end."""
    if path is None:
        return {}
    import pandas as pd

    check_file(path, "table of tokens")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise StorageError(f"{path} cannot be read as a table of tokens: {error}") from None
    missing = [name for name in ("domain", "tokens") if name not in table]
    if missing:
        raise StorageError(f"{path}: no column {missing[0]!r}; domain and tokens are needed")
    available: dict[str, float] = {}
    for name, text in zip(table["domain"], table["tokens"], strict=True):
        if name in available:
            raise StorageError(f"{path}: domain {shown(repr(name))} is given twice")
        try:
            available[name] = as_count(text)
        except ValueError:
            available[name] = math.nan
        if math.isnan(available[name]):
            cell = f"tokens of {shown(name)} = {shown(repr(text))}"
            raise StorageError(f"{path}: {cell} is no number: write 20B or 2e10")
    return available


def read_reference(path: Path) -> dict[str, float]:
    """A mixture from JSON of name: weight, or from what ``--out`` wrote."""
    content = read_object(path, "reference")
    content = content.get("weights", content)
    try:
        return {name: as_number(weight) for name, weight in content.items()}
    except (AttributeError, ValueError):
        raise StorageError(f"{path}: a reference is an object of name: weight") from None
