"""What a law is: named parameters with priors, and one pure function of a run.

A law predicts the loss of a run on each validation domain in units of that domain's mean loss
over the runs (the *reference loss*), as a sum

    loss / reference = fixed + Σ_c coefficient_c · basis_c

in which ``fixed`` and the ``basis_c`` are curved in the parameters and the coefficients enter
linearly. The split is written into the law because the sampler integrates the coefficients out.
`Law.terms` is evaluated by NumPy, JAX and PyTensor alike: it gets the array namespace as an
argument and uses nothing beyond ``exp``, ``log``, ``sum`` and ``max`` over the last axis,
``where``, ``swapaxes`` and operators, ``@`` among them.
"""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from bayescamel.exceptions import FitError

if TYPE_CHECKING:  # of the test extra: only the tests evaluate the shapes below
    from jaxtyping import Float

type Array = Any
"""An array of NumPy, JAX or PyTensor."""

type PerPlace = Float[Any, "*#place"]
"""One number a run and validation domain, draws in front; axes of length 1 may stand for all."""

type PerDomain = Float[Any, "*#place domain"]
"""The same with the training domains behind."""

type OfCentre = Float[Any, "2"]
"""Of the centre's size and tokens."""

type Support = Literal["real", "positive", "unit"]


class Inputs(NamedTuple):
    """What a law may know of a run, relative to the centre of the fitted runs.

    Axes are (validation, run), with (domain,) behind them and draws in front where there are any;
    parameters have the same axes, of length 1 where they do not differ (`Parameter.beside_runs`).
    """

    log_total: PerPlace
    """(run,) ln(N / N₀), all parameters."""
    log_active: PerPlace
    """(run,) ln(N_act / N₀), parameters used per token; equals ``log_total`` for a dense run."""
    log_capacity: PerPlace
    """(run,) ln(Ñ / N₀), effective parameters; equals ``log_total`` for a dense run."""
    log_tokens: PerPlace
    """(run,) ln(D / D₀)."""
    mixture: PerDomain
    """(1, run, domain) w, weights over the training domains."""
    reference: PerDomain
    """(domain,) w⁰, the mean mixture of the fitted runs."""
    own: PerDomain
    """(validation, 1, domain) 1 where validation and training domain have the same name, else 0."""
    log_centre: OfCentre
    """(2,) logs of N₀ / 1e8 and D₀ / 1e10, for priors that know the absolute scale; the latter is 0
    where the runs do not tell tokens."""
    unique: PerDomain | None = None
    """(1, run, domain) U / D, tokens that exist of each domain over the run's, infinite without
    end; None: nothing is repeated. No law looks at it: a law is told of a run without repeats that
    is worth the same (`bayescamel.laws.repetition`)."""


class Terms(NamedTuple):
    """A law's value before the coefficients are applied; see the module's docstring."""

    basis: Mapping[str, PerPlace | float]
    """By coefficient."""
    fixed: PerPlace | float = 0.0
    """What no coefficient multiplies."""


@dataclass(frozen=True)
class Parameter:
    """A parameter and its prior, a normal on the unconstrained scale.

    The unconstrained scale is the logarithm of a positive parameter, the logit of one in the unit
    interval and the value itself of a real one. Partial pooling: elements scatter with sd
    ``spread`` around a location that has itself the prior Normal(typical, location_sd).

    Parameters
    ----------
    name
        Keyword of `Law.terms` and name in the posterior.
    dims
        ``()``, ``("domain",)``, ``("validation",)`` or ``("validation", "domain")``.
    support
        Which scale is unconstrained.
    typical
        Prior median.
    location_sd, spread
        On the unconstrained scale.
    own
        For dims (validation, domain): prior median where the names match; None: no difference.
    shared_out
        Divide ``typical`` by the number of training domains, for parameters that are summed
        over them.
    """

    name: str
    dims: tuple[str, ...]
    support: Support
    typical: float
    location_sd: float
    spread: float
    own: float | None = None
    shared_out: bool = False

    def beside_runs(self, value: Array) -> Array:
        """The parameter with its own dims last, draws in front: as `Inputs` has its axes."""
        behind = (slice(None),) if "domain" in self.dims else ()
        validation = slice(None) if "validation" in self.dims else None
        return value[(..., validation, None, *behind)]


@dataclass(frozen=True)
class Coefficient:
    """A factor that enters the loss linearly, in units of the reference loss.

    Normal around a location pooled over validation domains: location ~ Normal(mean, location_sd),
    coefficient ~ Normal(location, spread), truncated at 0 where ``positive``. The last coefficient
    of a law may be positive, and only the last: one truncation integrates out exactly.
    """

    name: str
    mean: float
    location_sd: float
    spread: float
    positive: bool = False


@dataclass(frozen=True)
class Law:
    """A law: equation, priors and promises.

    Parameters
    ----------
    name, title
        Registry key; one line for people.
    parameters, coefficients
        Their priors.
    terms
        ``terms(xp, inputs, *, <parameter names>) -> Terms``.
    falls_with
        What the law promises the loss to fall with, of ``"size"`` and ``"tokens"``.
    """

    name: str
    title: str
    parameters: tuple[Parameter, ...]
    coefficients: tuple[Coefficient, ...]
    terms: Callable[..., Terms]
    falls_with: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        keywords = {
            name
            for name, keyword in inspect.signature(self.terms).parameters.items()
            if keyword.kind is inspect.Parameter.KEYWORD_ONLY
        }
        declared = {parameter.name for parameter in self.parameters}
        if keywords != declared:
            raise TypeError(
                f"law {self.name!r}: terms() takes {sorted(keywords)} but priors are declared for "
                f"{sorted(declared)}"
            )
        if any(coefficient.positive for coefficient in self.coefficients[:-1]):
            raise TypeError(f"law {self.name!r}: only the last coefficient may be positive")


def with_priors(law: Law, priors: Mapping[str, Mapping[str, float]]) -> Law:
    """The same law with some of its priors replaced.

    Parameters
    ----------
    priors
        By name of a parameter or coefficient, the numbers to replace: of a `Parameter`
        ``typical, location_sd, spread, own``; of a `Coefficient` ``mean, location_sd, spread``.

    Raises
    ------
    FitError
        When a name or number is unknown, not finite or a scale is not positive.
    """
    known = [p.name for p in law.parameters] + [c.name for c in law.coefficients]
    for name in priors:
        if name not in known:
            raise FitError(
                f"law {law.name!r} has no {name!r} to give a prior to; there are: "
                f"{', '.join(known)}"
            )
    return replace(
        law,
        parameters=tuple(_with_numbers(p, priors.get(p.name, {})) for p in law.parameters),
        coefficients=tuple(_with_numbers(c, priors.get(c.name, {})) for c in law.coefficients),
    )


def _with_numbers[Prior: (Parameter, Coefficient)](
    prior: Prior, numbers: Mapping[str, float]
) -> Prior:
    centres: tuple[str, ...] = ("typical", "own") if isinstance(prior, Parameter) else ("mean",)
    support = prior.support if isinstance(prior, Parameter) else "real"
    for key, value in numbers.items():
        if key not in (*centres, "location_sd", "spread"):
            raise FitError(
                f"the prior of {prior.name!r} has no {key!r}; it has: "
                f"{', '.join(centres)}, location_sd, spread"
            )
        if not math.isfinite(value):
            raise FitError(f"prior of {prior.name!r}: {key} = {value:g} is not finite")
        if value <= 0 and (key not in centres or support != "real"):
            raise FitError(f"prior of {prior.name!r}: {key} = {value:g} must be positive")
        if value >= 1 and key in centres and support == "unit":
            raise FitError(f"prior of {prior.name!r}: {key} = {value:g} must be below 1")
    changes: dict[str, Any] = dict(numbers)
    return replace(prior, **changes)
