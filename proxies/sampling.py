"""Which training sequences a run sees, and in which order: exact shares, seeded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from bayescamel.exceptions import BayesCamelError
from proxies.corpora import Corpora, Tokens


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
    if abs(total - 1) > 1e-6:
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


def window_starts(n_tokens: int, context: int, rng: np.random.Generator) -> Iterator[int]:
    """Starts of windows of ``context + 1`` tokens, without replacement within an epoch."""
    while True:
        shift = int(rng.integers(context))
        starts = np.arange(shift, n_tokens - context, context)
        yield from (int(start) for start in rng.permutation(starts))


def check_size(name: str, side: str, tokens: Tokens, context: int) -> None:
    """Refuse a domain with too few tokens for windows of the context."""
    if tokens.size <= 2 * context:
        raise BayesCamelError(
            f"domain {name!r} has {tokens.size} {side} tokens: more than {2 * context} are needed "
            f"for a context of {context}"
        )


def batches(
    corpora: Corpora,
    mixture: Mapping[str, float],
    *,
    n_steps: int,
    batch: int,
    context: int,
    seed: int,
) -> Iterator[Tokens]:
    """Batches (batch, context + 1) of one run; shares are exact to one sequence over the run."""
    check_mixture(mixture, corpora.names)
    weights = np.array([mixture[name] for name in corpora.names])
    rng = np.random.default_rng(seed)
    order = schedule(allocate(weights, n_steps * batch), rng)
    sides = [corpora.domains[name].train for name in corpora.names]
    for name, tokens in zip(corpora.names, sides, strict=True):
        check_size(name, "training", tokens, context)
    streams = [
        window_starts(tokens.size, context, child)
        for tokens, child in zip(sides, rng.spawn(len(sides)), strict=True)
    ]
    for step in range(n_steps):
        rows = []
        for k in order[step * batch : (step + 1) * batch]:
            start = next(streams[k])
            rows.append(sides[k][start : start + context + 1])
        yield np.stack(rows)
