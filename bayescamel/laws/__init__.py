"""The laws by name. One file a law: equation and source, priors, one pure function."""

from bayescamel.exceptions import FitError
from bayescamel.laws.additive import ADDITIVE
from bayescamel.laws.base import Coefficient, Inputs, Law, Parameter, Terms, with_priors
from bayescamel.laws.bimix import BIMIX
from bayescamel.laws.camel import CAMEL, CAMEL_WIDE
from bayescamel.laws.chinchilla import CHINCHILLA
from bayescamel.laws.competition import COMPETITION
from bayescamel.laws.dcpt import DCPT
from bayescamel.laws.joint import JOINT
from bayescamel.laws.mixing_laws import MIXING_LAWS
from bayescamel.laws.r1 import R1
from bayescamel.laws.r2 import R2, R2_SEPARABLE

LAWS: dict[str, Law] = {
    law.name: law
    for law in (
        *(CAMEL, R1, R2, R2_SEPARABLE),
        *(MIXING_LAWS, ADDITIVE, JOINT, BIMIX, DCPT, COMPETITION, CHINCHILLA),
    )
}

WIDE: dict[str, Law] = {CAMEL_WIDE.name: CAMEL_WIDE}
"""Laws with priors that know little, where the registry's know more."""

__all__ = ["LAWS", "WIDE", "Coefficient", "Inputs", "Law", "Parameter", "Terms", "get_law"]
__all__ += ["with_priors"]


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
