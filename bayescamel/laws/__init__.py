"""The laws by name. One file a law: equation and source, priors, one pure function."""

from bayescamel.exceptions import FitError
from bayescamel.laws.base import Coefficient, Inputs, Law, Parameter, Terms
from bayescamel.laws.camel import CAMEL

LAWS: dict[str, Law] = {law.name: law for law in (CAMEL,)}

__all__ = ["LAWS", "Coefficient", "Inputs", "Law", "Parameter", "Terms", "get_law"]


def get_law(law: str | Law) -> Law:
    """Look a law up by name; a `Law` is returned as it is.

    Raises
    ------
    FitError
        When no law has this name; the message lists those there are.
    """
    if isinstance(law, Law):
        return law
    if law not in LAWS:
        raise FitError(f"unknown law {law!r}; there are: {', '.join(sorted(LAWS))}")
    return LAWS[law]
