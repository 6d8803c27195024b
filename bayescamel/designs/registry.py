"""The registry of acquisitions: classes by name, and one of them with its parameters from text."""

import dataclasses
import re

from bayescamel.designs.acquisitions import (
    Acquisition,
    InformationGain,
    ObjectiveVarianceReduction,
    VarianceReduction,
)
from bayescamel.designs.baselines import OnlyLarge, OnlySmall, Random, SpaceFilling, UniformFlops
from bayescamel.designs.regret import RegretReduction, WeightedRegretReduction
from bayescamel.exceptions import DesignError
from bayescamel.input import shown

ACQUISITIONS: dict[str, type[Acquisition]] = {
    acquisition.name: acquisition
    for acquisition in (
        VarianceReduction,
        ObjectiveVarianceReduction,
        InformationGain,
        RegretReduction,
        WeightedRegretReduction,
        Random,
        UniformFlops,
        OnlySmall,
        OnlyLarge,
        SpaceFilling,
    )
}
"""By the name under which a study stores them."""


def get_acquisition(text: str) -> Acquisition:
    """An acquisition as a study stores it: ``regret``, or ``regret(outcomes=256)``.

    Raises
    ------
    DesignError
        When there is none of this name, or it has no such parameter, or a value is none.
    """
    found = re.fullmatch(r"([^()]*)(?:\((.*)\))?", text.strip(), flags=re.DOTALL)
    name = found[1].strip() if found else ""
    if found is None or name not in ACQUISITIONS:
        raise DesignError(
            f"unknown acquisition {shown(repr(text))}; there are: {', '.join(ACQUISITIONS)}"
        )
    kind = ACQUISITIONS[name]
    known = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    values: dict[str, int] = {}
    for item in filter(None, (part.strip() for part in (found[2] or "").split(","))):
        key, _, number = (word.strip() for word in item.partition("="))
        if key not in known or key in values:
            what = f"it has: {', '.join(sorted(known))}" if known else "it has none"
            raise DesignError(
                f"acquisition {name!r}: {shown(repr(item))} sets none of its parameters once; "
                f"{what}"
            )
        try:
            values[key] = int(number)
        except ValueError as error:
            raise DesignError(
                f"acquisition {name!r}: {shown(repr(item))} is not of the form {key}=count"
            ) from error
    return kind(**values)
