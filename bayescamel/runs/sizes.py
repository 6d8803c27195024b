"""What sizes and names the runs have, and the centre around which a law of them is written."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.exceptions import RunTableError, TargetError
from bayescamel.input import shown
from bayescamel.runs.columns import column, columns, names_in
from bayescamel.targets import Target

MIN_TYPICAL_WEIGHT = 1e-9

SAME_SIZE = 0.05
"""Share by which two sizes may differ and be one: a law over size learns nothing between them."""


@dataclass(frozen=True)
class Centre:
    """The point around which a law is written.

    Parameters
    ----------
    n_params
        N₀, geometric mean of the sizes (active parameters of sparse models).
    n_tokens
        D₀, geometric mean of the tokens; None where the runs do not tell them.
    mixture
        w⁰ by training domain, the mean mixture.
    loss
        Reference loss by validation domain: the mean over runs, nats per token.
    """

    n_params: float
    n_tokens: float | None
    mixture: np.ndarray
    loss: np.ndarray

    @property
    def logs(self) -> np.ndarray:
        """(2,) ln(N₀ / 1e8) and ln(D₀ / 1e10), as laws are told where they are."""
        tokens = 0.0 if self.n_tokens is None else np.log(self.n_tokens / 1e10)
        return np.array([np.log(self.n_params / 1e8), tokens])

    @classmethod
    def of(cls, runs: xr.Dataset) -> "Centre":
        """The centre of these runs.

        Raises
        ------
        RunTableError
            When a training domain has no weight in any run.
        """
        tokens = runs["n_tokens"].to_numpy() if "n_tokens" in runs else None
        return cls(
            n_params=float(np.exp(np.log(np.unique(active_params(runs))).mean())),
            n_tokens=None if tokens is None else float(np.exp(np.log(tokens).mean())),
            mixture=mean_mixture(runs),
            loss=runs["loss"].mean("run").to_numpy(),
        )


class LogSizes(NamedTuple):
    """Logs of models' total parameters, active parameters and tokens over the centre's."""

    total: Any
    active: Any
    tokens: Any
    unique: Any = None
    """(model, domain) `Sizes.shares`, no logs; None: nothing is repeated."""

    def take(self, rows: Any) -> "LogSizes":
        """Some of the models."""
        return LogSizes(*(None if part is None else part[rows] for part in self))


class Sizes(NamedTuple):
    """Sizes of models, each (model,)."""

    total: np.ndarray
    active: np.ndarray
    tokens: np.ndarray | None
    """None where they are not told."""
    unique: np.ndarray | None = None
    """(model, domain) tokens that exist, infinite without end; None: nothing is repeated."""

    @classmethod
    def of(cls, runs: xr.Dataset | pd.DataFrame) -> Self:
        """Those of runs, or of a table with their columns, domains in the order of its weights."""
        tokens = np.asarray(runs["n_tokens"], np.float64) if "n_tokens" in runs else None
        total, active = np.asarray(runs["n_params"], np.float64), active_params(runs)
        return cls(total, active, tokens, None if tokens is None else _repeated(runs, tokens))

    @classmethod
    def of_target(cls, target: Target, domains: Iterable[object], n: int = 1) -> Self:
        """`n` models of the target's size.

        Raises
        ------
        TargetError
            When it tells the available tokens of a domain that is not among the training domains.
        """
        tokens = None if target.n_tokens is None else np.full(n, target.n_tokens)
        unique = None
        if target.available:
            names = [str(name) for name in domains]
            for name in target.available:
                if name not in names:
                    raise TargetError(
                        f"available tokens of unknown domain {shown(repr(name))}; there are: "
                        f"{', '.join(names)}"
                    )
            unique = np.tile([target.available.get(name, np.inf) for name in names], (n, 1))
        return cls(np.full(n, target.n_params), np.full(n, target.active), tokens, unique)

    @property
    def shares(self) -> np.ndarray | None:
        """`unique` over the model's tokens, (model, domain)."""
        if self.unique is None or self.tokens is None:
            return None
        return np.asarray(self.unique / self.tokens[:, None])

    def epochs(self, mixtures: np.ndarray) -> np.ndarray:
        """How often the most repeated domain was seen, 1 where none was, on (model, domain)."""
        if self.shares is None:
            return np.ones(len(mixtures))
        seen = mixtures / np.maximum(self.shares, MIN_TYPICAL_WEIGHT)
        return np.asarray(np.maximum(seen.max(axis=1), 1.0))

    def logs(self, centre: Centre) -> LogSizes:
        """Over the centre's.

        Raises
        ------
        TargetError
            When the fitted runs tell tokens and these models do not, or the other way round.
        """
        total, active = (np.log(size / centre.n_params) for size in (self.total, self.active))
        if self.tokens is not None and centre.n_tokens is not None:
            return LogSizes(total, active, np.log(self.tokens / centre.n_tokens), self.shares)
        if self.tokens is None and centre.n_tokens is not None:
            raise TargetError("the target needs n_tokens (--tokens), as the runs have them")
        if self.tokens is not None:
            raise TargetError(
                "the runs have no 'n_tokens' column, so nothing is known of tokens: leave n_tokens "
                "out"
            )
        return LogSizes(total, active, np.zeros_like(total))


def _repeated(runs: xr.Dataset | pd.DataFrame, tokens: np.ndarray) -> np.ndarray | None:
    """Unique tokens (run, domain); None where no run saw more of a domain than there are."""
    if isinstance(runs, xr.Dataset):
        if "unique" not in runs:
            return None
        unique = runs["unique"].transpose("run", "domain").to_numpy()
    else:
        domains = names_in("mixture", runs)
        named = runs.reindex(columns=columns("unique", domains)).to_numpy(np.float64)
        unique = np.where(np.isnan(named), np.inf, named)
    return unique if (mixtures_of(runs) * tokens[:, None] > unique).any() else None


def mixtures_of(runs: xr.Dataset | pd.DataFrame) -> np.ndarray:
    """Weights of runs, or of a table with their columns: (run, domain)."""
    if isinstance(runs, xr.Dataset):
        return runs["mixture"].transpose("run", "domain").to_numpy()
    return runs[columns("mixture", names_in("mixture", runs))].to_numpy(np.float64)


def mean_mixture(runs: xr.Dataset) -> np.ndarray:
    """Mean weight by training domain.

    Raises
    ------
    RunTableError
        When a training domain has no weight in any run.
    """
    mixture = runs["mixture"].to_numpy().mean(axis=0)
    for domain, weight in zip(runs["domain"].to_numpy(), mixture, strict=True):
        if weight < MIN_TYPICAL_WEIGHT:
            raise RunTableError(
                f"training domain {shown(repr(str(domain)))} has no weight in any run, so nothing "
                f"can be learned of it: drop the column {shown(column('mixture', domain))}"
            )
    return np.asarray(mixture)


def active_params(runs: xr.Dataset | pd.DataFrame) -> np.ndarray:
    """Parameters used per token, shape (run,): all of them for a dense run."""
    total = np.asarray(runs["n_params"], np.float64)
    if "n_active_params" not in runs:
        return total
    active = np.asarray(runs["n_active_params"], np.float64)
    return np.where(np.isnan(active), total, active)


def sparse_runs(runs: xr.Dataset) -> np.ndarray:
    """Which runs (run,) are of Mixture-of-Experts models."""
    return np.asarray(active_params(runs) < runs["n_params"].to_numpy())


def is_sparse(runs: xr.Dataset) -> bool:
    """Whether some run is a Mixture-of-Experts model."""
    return bool(sparse_runs(runs).any())


def scales(runs: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """The distinct sizes, and which of them each run has.

    A scale is what a team tunes once; a sparse model is another scale than a dense one.

    Returns
    -------
    sizes, index
        Shapes (scale, 2), total and active parameters in ascending order, and (run,).
    """
    pairs = np.stack([runs["n_params"].to_numpy(), active_params(runs)], axis=1)
    sizes, index = np.unique(pairs, axis=0, return_inverse=True)
    return sizes, index.ravel()


def paired_names(runs: xr.Dataset) -> dict[str, str]:
    """Training domain by validation domain, where the two are one.

    They are when their names agree but for case, dashes and the like (``Pile-CC`` and ``pile_cc``),
    or when one is the other behind a prefix (``val_math``). Of several training domains that a name
    ends in, the longest counts; where a name is the end of several, none does.
    """
    domains = [str(domain) for domain in runs["domain"].to_numpy()]
    plain = [_plain(domain) for domain in domains]
    result = {}
    for name in map(str, runs["validation"].to_numpy()):
        mine = _plain(name)
        same = [d for d in domains if d == name] or [
            d
            for d, p in zip(domains, plain, strict=True)
            if p.replace("_", "") == mine.replace("_", "")
        ]
        ends = [(len(p), d) for d, p in zip(domains, plain, strict=True) if mine.endswith(f"_{p}")]
        within = [d for d, p in zip(domains, plain, strict=True) if p.endswith(f"_{mine}")]
        if same:
            result[name] = same[0]
        elif ends:
            result[name] = max(ends)[1]
        elif len(within) == 1:
            result[name] = within[0]
    return result


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "_", name.lower()).strip("_")


def same_names(runs: xr.Dataset) -> np.ndarray:
    """(validation, domain): 1 where the two are one; see `paired_names`."""
    domains = [str(domain) for domain in runs["domain"].to_numpy()]
    result = np.zeros((runs.sizes["validation"], len(domains)))
    pairs = paired_names(runs)
    for row, name in enumerate(map(str, runs["validation"].to_numpy())):
        if name in pairs:
            result[row, domains.index(pairs[name])] = 1.0
    return result


def n_sizes(runs: xr.Dataset | pd.DataFrame) -> int:
    """How many sizes the runs have that tell something apart; see `SAME_SIZE`."""
    pairs = np.stack([np.asarray(runs["n_params"], np.float64), active_params(runs)], axis=1)
    kept: list[np.ndarray] = []
    for pair in np.unique(pairs, axis=0):
        if not any((np.abs(pair / other - 1) <= SAME_SIZE).all() for other in kept):
            kept.append(pair)
    return len(kept)


def count(value: float) -> str:
    """A number of parameters, tokens or FLOPs, in three digits: ``1.3M``, ``2T``, ``4.1e21``."""
    for factor, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if factor <= value < 1e3 * factor:
            return f"{value / factor:.3g}{letter}"
    return f"{value:.3g}"


def parameters_named(runs: xr.Dataset) -> str:
    """What the sizes of these runs are, in words: the active ones where some runs are sparse."""
    return "active parameters" if is_sparse(runs) else "parameters"


def model_name(n_params: float, active: float) -> str:
    """Of a model by its size: ``1.3M``, and ``3.8M-A489k`` where 489 thousand are active."""
    return count(n_params) if active == n_params else f"{count(n_params)}-A{count(active)}"
