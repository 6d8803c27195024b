"""Which runs a sweep trains: sizes, mixtures, seeds and tokens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
import numpy.typing as npt
from scipy.stats import qmc

from bayescamel.exceptions import BayesCamelError
from proxies.flops import train_flops
from proxies.model import ModelConfig
from proxies.train import TrainConfig

TOKENS = 1_280_000
SIZES = (16_000, 48_000, 144_000, 432_000)
HELD_OUT_SIZE = 1_296_000
GRIDS = ("first", "smoke")


@dataclass(frozen=True)
class Cell:
    """One run of a grid."""

    run_id: str
    config: TrainConfig

    @property
    def flops(self) -> float:
        """Training cost in FLOPs."""
        return train_flops(self.config.model, self.config.trained_tokens)


def space_filling(n: int, n_domains: int, seed: int) -> npt.NDArray[np.float64]:
    """Spread mixtures over the simplex: greedy maximin over scrambled Sobol points.

    Exponential quantiles, normalised, are uniform on the simplex; weights keep 3 decimals. The
    centroid and the corners count as taken. Maximin alone would hug the edges, so every other
    point keeps each weight at a third of the centroid's or more.
    """
    uniform = qmc.Sobol(n_domains, rng=seed).random(1024)
    raw = -np.log1p(-np.clip(uniform, 1e-9, 1 - 1e-9))
    pool = np.round(raw / raw.sum(axis=1, keepdims=True), 3)
    pool[:, -1] = np.round(1 - pool[:, :-1].sum(axis=1), 3)
    smallest = pool.min(axis=1)
    taken = [*np.eye(n_domains), np.full(n_domains, 1 / n_domains)]
    chosen: list[npt.NDArray[np.float64]] = []
    for number in range(n):
        floor = 1 / (3 * n_domains) if number % 2 == 0 else 0.02
        allowed = pool[smallest >= floor]
        distance = np.min([np.linalg.norm(allowed - point, axis=1) for point in taken], axis=0)
        best = allowed[int(np.argmax(distance))]
        taken.append(best)
        chosen.append(best)
    return np.array(chosen)


def mixtures(names: tuple[str, ...], n_interior: int = 11, seed: int = 0) -> list[dict[str, float]]:
    """The centroid, the interior in maximin order, then the corners, by domain name.

    In this order every prefix is a sensible smaller set; the corners come last.
    """
    k = len(names)
    rows = [np.full(k, 1 / k), *space_filling(n_interior, k, seed), *np.eye(k)]
    return [dict(zip(names, map(float, row), strict=True)) for row in rows]


def size_name(n: float) -> str:
    """A count for run_ids: 16k, 1.3M."""
    return f"{n / 1e6:.3g}M" if n >= 1e6 else f"{n / 1e3:.3g}k"


def make_cell(size: int, number: int, mixture: dict[str, float], n_tokens: int, seed: int) -> Cell:
    """One cell; ``number`` is that of the mixture."""
    config = TrainConfig(ModelConfig.from_dial(size), mixture, n_tokens, seed)
    run_id = f"n{size_name(size)}-m{number:02d}-d{size_name(n_tokens)}-s{seed}"
    return Cell(run_id, config)


def first(names: tuple[str, ...], n_tokens: int) -> list[Cell]:
    """The bundled grid: 16 mixtures at the two smallest sizes, nested subsets above."""
    points = mixtures(names)
    corners = range(len(points) - len(names), len(points))
    plan: list[tuple[int, int, int, int]] = []  # size, mixture, tokens, seed

    def add(size: int, numbers: Iterable[int], tokens: int = n_tokens, seed: int = 0) -> None:
        plan.extend((size, number, tokens, seed) for number in numbers)

    add(SIZES[0], range(len(points)))
    add(SIZES[1], range(len(points)))
    add(SIZES[2], [*range(6), *corners])
    add(SIZES[3], [*range(5), *corners][:7])
    add(HELD_OUT_SIZE, range(5))
    for size in SIZES[:2]:
        add(size, range(5), n_tokens // 2)
        for seed in (1, 2):
            add(size, (0, 1), seed=seed)
    return [make_cell(size, m, points[m], tokens, seed) for size, m, tokens, seed in plan]


def smoke(names: tuple[str, ...], n_tokens: int) -> list[Cell]:
    """Two sizes, three mixtures, few tokens: minutes, to see that everything works."""
    points = mixtures(names)
    return [
        make_cell(size, m, points[m], min(n_tokens, 100_000), 0)
        for size in SIZES[:2]
        for m in (0, 1, len(points) - 1)
    ]


def build(name: str, names: tuple[str, ...], n_tokens: int | None = None) -> list[Cell]:
    """A grid's cells, alternately the costliest and the cheapest of those left.

    The large runs start early, both ends of the grid fill up from the start, and what is left at
    the end is of middling cost, so that the workers end together.

    Parameters
    ----------
    name
        ``first`` (bundled with the package) or ``smoke`` (minutes).
    names
        The training domains.
    """
    makers = {"first": first, "smoke": smoke}
    if name not in makers:
        raise BayesCamelError(f"unknown grid {name!r}: choose one of {', '.join(GRIDS)}")
    cells = makers[name](names, TOKENS if n_tokens is None else n_tokens)
    ordered = sorted(cells, key=lambda cell: (-cell.flops, cell.run_id))
    middle = (len(ordered) + 1) // 2
    pairs = zip_longest(ordered[:middle], reversed(ordered[middle:]))
    return [cell for pair in pairs for cell in pair if cell is not None]
