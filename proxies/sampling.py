"""Which training sequences a run sees, and in which order: exact shares, seeded.

Any step can be asked for without the ones before it, so that a run resumes where it stopped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from bayescamel.exceptions import BayesCamelError
from bayescamel.input import WEIGHT_TOLERANCE
from proxies.corpora import Corpora
from proxies.text.tokenisers import Tokens


def check_mixture(mixture: Mapping[str, float], names: tuple[str, ...]) -> None:
    """Refuse unknown or missing domains, bad weights, and weights that do not sum to 1."""
    if set(mixture) != set(names):
        raise BayesCamelError(
            f"mixture names {sorted(mixture)} differ from the domains {sorted(names)}"
        )
    for name, weight in mixture.items():
        if not math.isfinite(weight) or weight < 0:
            raise BayesCamelError(f"weight of {name!r} is {weight}: give a number from 0 to 1")
    total = sum(mixture.values())
    if abs(total - 1) > WEIGHT_TOLERANCE:
        raise BayesCamelError(f"mixture weights sum to {total:.8f}, off 1 by {total - 1:+.2e}")


def allocate(weights: npt.NDArray[np.float64], n: int) -> npt.NDArray[np.int64]:
    """Counts that sum to ``n``, each within one of ``n * weight`` (largest remainders)."""
    exact = weights * n
    counts = np.floor(exact).astype(np.int64)
    order = np.argsort(-(exact - counts), kind="stable")
    counts[order[: n - int(counts.sum())]] += 1
    return counts


def schedule(counts: npt.NDArray[np.int64], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Domain index of every sequence; each domain is spread evenly over the whole run."""
    times = [(np.arange(count) + rng.random()) / max(count, 1) for count in counts]
    domain = np.repeat(np.arange(counts.size), counts)
    return domain[np.argsort(np.concatenate(times), kind="stable")]


def check_size(name: str, side: str, tokens: Tokens, context: int) -> None:
    """Refuse a domain with too few tokens for windows of the context."""
    if tokens.size <= 2 * context:
        raise BayesCamelError(
            f"domain {name!r} has {tokens.size} {side} tokens: more than {2 * context} are needed "
            f"for a context of {context}"
        )


class Windows:
    """Windows of ``context + 1`` tokens of one domain, without replacement within an epoch."""

    def __init__(self, tokens: Tokens, context: int, seed: tuple[int, ...]) -> None:
        self.tokens = tokens
        self.context = context
        self._seed = seed
        self.per_epoch = (tokens.size - context - 1) // context
        self._epoch = lru_cache(maxsize=2)(self._starts)

    def _starts(self, epoch: int) -> npt.NDArray[np.int64]:
        """Starts of an epoch's windows, shifted and shuffled anew each time."""
        rng = np.random.default_rng((*self._seed, epoch))
        shift = int(rng.integers(self.context))
        return rng.permutation(self.per_epoch) * self.context + shift

    def __getitem__(self, number: int) -> Tokens:
        """The window that is taken as the ``number``-th of a run."""
        epoch, place = divmod(number, self.per_epoch)
        start = int(self._epoch(epoch)[place])
        return self.tokens[start : start + self.context + 1]


class Stream:
    """The batches of one run; shares are exact to one sequence over the run.

    Parameters
    ----------
    n_steps, batch, context
        Optimiser steps, sequences a step, and tokens of a sequence.
    text_tokens
        Of a domain's text so many tokens alone are used; absent: all.
    """

    def __init__(
        self,
        corpora: Corpora,
        mixture: Mapping[str, float],
        *,
        n_steps: int,
        batch: int,
        context: int,
        seed: int,
        text_tokens: Mapping[str, int] | None = None,
    ) -> None:
        check_mixture(mixture, corpora.names)
        weights = np.array([mixture[name] for name in corpora.names])
        weights /= weights.sum()  # which is 1 but for rounding
        self.names = corpora.names
        self.batch = batch
        self.n_steps = n_steps
        self._domain = schedule(allocate(weights, n_steps * batch), np.random.default_rng(seed))
        self._place = np.empty_like(self._domain)
        self._windows = []
        for k, name in enumerate(corpora.names):
            tokens = corpora.domains[name].train[: (text_tokens or {}).get(name)]
            check_size(name, "training", tokens, context)
            self._windows.append(Windows(tokens, context, (seed, k)))
            mine = self._domain == k
            self._place[mine] = np.arange(mine.sum())

    def rows(self, step: int) -> npt.NDArray[np.int64]:
        """Tokens of a step, (batch, context + 1)."""
        chosen = slice(step * self.batch, (step + 1) * self.batch)
        pairs = zip(self._domain[chosen], self._place[chosen], strict=True)
        return np.stack([self._windows[k][int(place)] for k, place in pairs]).astype(np.int64)

    def epochs(self, n_steps: int) -> dict[str, float]:
        """How often each domain's text was seen in the first ``n_steps`` steps."""
        seen = np.bincount(self._domain[: n_steps * self.batch], minlength=len(self.names))
        return {
            name: float(count / windows.per_epoch)
            for name, count, windows in zip(self.names, seen, self._windows, strict=True)
        }
