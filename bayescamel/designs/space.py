"""The space of runs that could be trained: sizes, tokens, mixtures, seeds, and what they cost."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescamel.exceptions import DesignError
from bayescamel.input import as_count, shown
from bayescamel.mixtures import space_filling
from bayescamel.mixtures.constraints import Constraints
from bayescamel.runs.tokens import why_not_apart

if TYPE_CHECKING:
    from bayescamel.mixtures import Polytope


MAX_RANGE = 1000
"""Factor that a range of tokens may span: each number of tokens is offered with every mixture."""


LEAST_SHARE = 0.1
"""Least weight of a domain in a run, in units of the even weight, where no bounds say another.

A run that hardly sees a domain loses far more on it than any law here says (more than guessing
would), so that runs at the corners, which a design takes for the most telling, tell least.
"""


@dataclass(frozen=True)
class Size:
    """A proxy's size.

    Parameters
    ----------
    n_params
        Parameters, non-embedding.
    n_active_params
        Parameters used per token; None for a dense model.
    flops_per_token
        Training FLOPs a token, counted from the model's shape, attention and head included (see
        `proxies.flops`); None: 6 N_active.
    """

    n_params: float
    n_active_params: float | None = None
    flops_per_token: float | None = None

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None and not (math.isfinite(value) and value > 0):
                raise DesignError(f"size: {name} = {value:g}: a positive, finite number is needed")
        if self.active > self.n_params:
            raise DesignError(
                f"size: n_active_params = {self.active:g} exceeds n_params = {self.n_params:g}"
            )

    @property
    def active(self) -> float:
        """Parameters used per token."""
        return self.n_params if self.n_active_params is None else self.n_active_params

    def flops(self, n_tokens: float) -> float:
        """Training FLOPs over `n_tokens` tokens."""
        per_token = 6 * self.active if self.flops_per_token is None else self.flops_per_token
        return per_token * n_tokens


@dataclass(frozen=True)
class Space:
    """What a study may train.

    Parameters
    ----------
    domains
        Training domains.
    sizes
        Proxy sizes, at least two: a law over size cannot be learned from one.
    n_tokens
        Tokens a run, one or several choices; or else
    tokens_per_param
        tokens in units of the active parameters, one or several choices: with one alone size and
        tokens cannot be told apart (`caveat`). `from_dict` takes ranges, ``"10:40"``.
    bounds
        Least and largest weight of a domain, in runs and in what a study recommends; absent: a
        tenth of the even weight (of what bounds of others leave), and 1. Give 0 and 1 to go to the
        corners.
    seeds
        How many runs may share size, tokens and mixture.

    Raises
    ------
    DesignError
        Naming what cannot be.
    """

    domains: tuple[str, ...]
    sizes: tuple[Size, ...]
    n_tokens: tuple[float, ...] = ()
    tokens_per_param: tuple[float, ...] = ()
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    seeds: int = 1

    def __post_init__(self) -> None:
        if len(self.domains) < 2 or len(set(self.domains)) < len(self.domains):
            raise DesignError(f"domains {list(self.domains)}: give at least two, each once")
        pairs = {(size.n_params, size.active) for size in self.sizes}
        if len(pairs) < 2 or len(pairs) < len(self.sizes):
            raise DesignError("a law over size needs proxies of two sizes at least, each once")
        if bool(self.n_tokens) == bool(self.tokens_per_param):
            raise DesignError("give either n_tokens or tokens_per_param, and not both")
        for value in (*self.n_tokens, *self.tokens_per_param):
            if not (math.isfinite(value) and value > 0):
                raise DesignError(f"tokens {value:g}: a positive, finite number is needed")
        if self.seeds < 1:
            raise DesignError(f"seeds = {self.seeds}: at least 1 is needed")
        for domain, (lower, upper) in self.bounds.items():
            if domain not in self.domains:
                known = ", ".join(self.domains)
                raise DesignError(f"bounds on unknown domain {domain!r}; there are: {known}")
            if not 0 <= lower <= upper <= 1:
                raise DesignError(f"bounds of {domain}: {lower:g} to {upper:g} are not in 0 to 1")

    def tokens(self, size: Size) -> tuple[float, ...]:
        """How many tokens runs of a size may see."""
        return self.n_tokens or tuple(ratio * size.active for ratio in self.tokens_per_param)

    def caveat(self) -> str | None:
        """What the runs of this space could not tell, and the remedy, or None."""
        every = [(size.active, tokens) for size in self.sizes for tokens in self.tokens(size)]
        active, tokens = np.array(every).T
        return why_not_apart(active, tokens)

    def cheapest(self) -> float:
        """FLOPs of the cheapest run."""
        return min(size.flops(tokens) for size in self.sizes for tokens in self.tokens(size))

    def box(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and largest weights, (domain,) each."""
        left = max(0.0, 1 - sum(lower for lower, _ in self.bounds.values()))
        least = LEAST_SHARE * left / len(self.domains)
        bounds = np.array([self.bounds.get(name, (least, 1.0)) for name in self.domains])
        return bounds[:, 0], bounds[:, 1]

    def constraints(self) -> Constraints:
        """The bounds, as what runs and a recommendation must satisfy."""
        least, most = self.box()
        lower = {name: low for name, low in zip(self.domains, least.tolist(), strict=True) if low}
        upper = {name: up for name, up in zip(self.domains, most.tolist(), strict=True) if up < 1}
        return Constraints(lower=lower, upper=upper)

    def region(self) -> "Polytope":
        """The mixtures within the bounds.

        Raises
        ------
        MixtureError
            When first used, if the bounds leave no mixture.
        """
        return self.constraints().polytope(self.domains)

    def mixtures(self, n: int, seed: int) -> np.ndarray:
        """Spread `n` mixtures over what the bounds allow: shape (n, domain), to be read only."""
        if (n, seed) not in self._spread:
            least, most = self.box()
            # Above least weights alone lies a simplex, which is spread over far sooner.
            region = self.region() if (most < 1).any() else None
            spread = space_filling(n, self.domains, seed, within=region, criterion="maximin")
            mixtures = np.asarray(spread.to_numpy())
            if region is None:
                mixtures = least + (1 - least.sum()) * mixtures
            self._spread[n, seed] = mixtures
            self._spread[n, seed].flags.writeable = False
        return self._spread[n, seed]

    @cached_property
    def _spread(self) -> dict[tuple[int, int], np.ndarray]:
        """Mixtures that were spread before: every ask wants the same."""
        return {}

    def size_of(self, n_params: float, n_active_params: float | None) -> Size | None:
        """The size with these parameters, if it is in the space."""
        active = n_params if n_active_params is None else n_active_params
        for size in self.sizes:
            if (size.n_params, size.active) == (n_params, active):
                return size
        return None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Space":
        """Read `to_dict`'s values; a size may also be a bare number of parameters.

        Tokens, of a run or a parameter, may be a number, several, or text with ranges: ``"10:40"``
        is 10, 20 and 40, each at most twice the one before.

        Raises
        ------
        DesignError
            When a key is unknown or missing, or a value is none that a space can have.
        """
        known = set(cls.__dataclass_fields__)
        for key in values:
            if key not in known:
                raise DesignError(f"space: unknown key {key!r}; there are: {sorted(known)}")
        for key in ("domains", "sizes"):
            if key not in values:
                raise DesignError(f"space: the key {key!r} is missing")
        try:
            return cls(
                domains=tuple(map(str, values["domains"])),
                sizes=tuple(map(_size, values["sizes"])),
                n_tokens=_tokens(values.get("n_tokens", ())),
                tokens_per_param=_tokens(values.get("tokens_per_param", ())),
                bounds={
                    str(name): (float(pair[0]), float(pair[1]))
                    for name, pair in dict(values.get("bounds", {})).items()
                },
                seeds=int(values.get("seeds", 1)),
            )
        except (TypeError, ValueError, IndexError) as error:
            raise DesignError(f"space: a value cannot be read: {error}") from error


def _size(value: object) -> Size:
    if isinstance(value, Size):
        return value
    if isinstance(value, Mapping):
        given: dict[str, Any] = {str(k): v if v is None else float(v) for k, v in value.items()}
        return Size(**given)
    return Size(float(value))  # type: ignore[arg-type]  # float() refuses what is no number


def _tokens(value: object) -> tuple[float, ...]:
    if not isinstance(value, str):
        return _numbers(value)
    return tuple(number for part in value.split(",") for number in _range(part))


def _range(text: str) -> tuple[float, ...]:
    least, colon, most = map(str.strip, text.partition(":"))
    low, high = as_count(least), as_count(most if colon else least)
    if not 0 < low <= high < math.inf:
        raise ValueError(f"{shown(repr(text))} is no range of tokens")
    if high / low > MAX_RANGE:
        raise ValueError(f"{shown(repr(text))} spans more than a factor of {MAX_RANGE:,}")
    steps = math.ceil(math.log2(high / low) - 1e-9)
    return tuple(float(f"{each:.6g}") for each in np.geomspace(low, high, steps + 1))


def _numbers(value: object) -> tuple[float, ...]:
    if isinstance(value, Iterable) and not isinstance(value, str):
        return tuple(float(item) for item in value)
    return (float(value),)  # type: ignore[arg-type]  # float() refuses what is no number
