"""Which runs a sweep trains: sizes, mixtures, seeds and tokens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np
import numpy.typing as npt
from scipy.stats import qmc

from bayescamel.exceptions import BayesCamelError
from proxies.config import TrainConfig
from proxies.rules import rule
from proxies.shapes import ModelConfig, with_experts

TOKENS_PER_PARAM = 10
"""Fewest tokens a parameter, active ones in a sparse model."""
MORE_TOKENS = 1.5 * TOKENS_PER_PARAM
"""Between the fewest tokens a parameter and those of the next branch."""
SIZES = (48_000, 144_000, 432_000)
HELD_OUT_SIZE = 1_296_000
LADDER_FOOT = 16_000
"""Size below those of the bundled grid with which they make five."""
SPARSE_SIZES = (24_000, 48_000, 144_000)
SPARSITIES = (4, 8)
"""Total over active parameters."""
MANY_PARAMS = 400_000
"""Sparse models from which on fewer mixtures are trained: each takes minutes of a core."""
N_INTERIOR = 10
LOPSIDED = 0.8
"""Weight of the one domain in a lopsided mixture; the others share the rest."""


@dataclass(frozen=True)
class Cell:
    """One run of a grid, measured at one token count or several."""

    run_id: str
    config: TrainConfig

    @property
    def record_ids(self) -> tuple[str, ...]:
        """Names of its records, one a token count; a run with one is named as it is."""
        if not self.config.branches:
            return (self.run_id,)
        return tuple(f"{self.run_id}-d{size_name(tokens)}" for tokens in self.config.trained_tokens)

    @property
    def flops(self) -> float:
        """Training cost in FLOPs."""
        return self.config.flops


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


def mixtures(names: tuple[str, ...], n_interior: int = N_INTERIOR) -> list[dict[str, float]]:
    """The centroid, the interior in maximin order, then a lopsided mixture for each domain.

    In this order every prefix is a sensible smaller set.
    """
    k = len(names)
    rest = round((1 - LOPSIDED) / (k - 1), 6)
    lopsided = np.full((k, k), rest) + (1 - k * rest) * np.eye(k)
    rows = [np.full(k, 1 / k), *space_filling(n_interior, k, 0), *lopsided]
    return [dict(zip(names, map(float, row), strict=True)) for row in rows]


def size_name(n: float) -> str:
    """A count for run_ids: 16k, 1.3M."""
    return f"{n / 1e6:.3g}M" if n >= 1e6 else f"{n / 1e3:.3g}k"


def make_cell(
    model: ModelConfig,
    number: int,
    mixture: dict[str, float],
    tokens_per_param: Iterable[float],
    seed: int = 0,
    epochs: int | None = None,
) -> Cell:
    """One cell; ``number`` is that of the mixture, ``epochs`` how often its text is to be seen.

    All runs of a model have the batch that the rule gives to its fewest tokens: by the rule for the
    trunk, a branch would have too few steps, and one pair of size and tokens two ways of training.
    """
    *branches, n_tokens = (int(model.n_active_params * ratio) for ratio in sorted(tokens_per_param))
    batch = rule(model, TOKENS_PER_PARAM * model.n_active_params).batch
    config = TrainConfig(model, mixture, n_tokens, seed, tuple(branches), batch=batch)
    run_id = f"n{size_name(model.n_active_params)}"
    if model.n_experts:
        run_id += f"x{size_name(model.n_params)}"
    run_id += f"-m{number:02d}-s{seed}"
    if epochs is not None:
        limited = {name: int(n_tokens * weight / epochs) for name, weight in mixture.items()}
        config = replace(config, text_tokens=limited)
        run_id += f"-e{epochs}"
    return Cell(run_id, config)


def v2(names: tuple[str, ...]) -> list[Cell]:
    """The bundled grid: dense, with seeds and repeated text, and sparse, each with a target."""
    points = mixtures(names)
    uneven = len(points) - len(names)  # the first lopsided one
    some, few = (0, 1, 2, 3, 4, uneven), (0, 1, uneven)
    dense = {dial: ModelConfig.from_dial(dial) for dial in (*SIZES, HELD_OUT_SIZE)}
    small, middle, large = (dense[dial] for dial in SIZES)
    several = (*range(9), uneven, uneven + 3, uneven + 4)
    cells = [make_cell(small, m, points[m], (10, 20, 40)) for m in several]
    cells += [make_cell(middle, m, points[m], (10, 20)) for m in some]
    cells += [make_cell(large, m, points[m], (10, 20) if m < 2 else (10,)) for m in some]
    target = dense[HELD_OUT_SIZE]
    cells += [make_cell(target, m, points[m], (10,)) for m in (0, 1, 2, uneven)]
    for seed in (1, 2):
        cells += [make_cell(small, m, points[m], (10, 20, 40), seed) for m in (0, uneven)]
    cells += [make_cell(small, 0, points[0], (40,), epochs=e) for e in (4, 16)]
    for dial in SPARSE_SIZES:
        shape = ModelConfig.from_dial(dial)
        for sparsity in SPARSITIES:
            model = with_experts(shape, sparsity * shape.n_params)
            which = some if model.n_params < MANY_PARAMS else few
            cells += [make_cell(model, m, points[m], (10, 20)) for m in which]
    sparse = with_experts(large, SPARSITIES[-1] * large.n_params)
    cells += [make_cell(sparse, m, points[m], (10,)) for m in few]
    return cells


def ladder(names: tuple[str, ...]) -> list[Cell]:
    """Five sizes at the even mixture, three seeds at two of them.

    A smaller size beside runs of the bundled grid: in its folder only the smaller are trained.
    """
    even = mixtures(names)[0]
    foot = ModelConfig.from_dial(LADDER_FOOT)
    shared = [
        cell
        for cell in v2(names)
        if cell.config.mixture == even
        and not cell.config.model.n_experts
        and not cell.config.text_tokens
    ]
    return [*(make_cell(foot, 0, even, (TOKENS_PER_PARAM,), seed) for seed in range(3)), *shared]


def smoke(names: tuple[str, ...]) -> list[Cell]:
    """Two dense sizes and a sparse one, two mixtures, few tokens: a minute or two."""
    points = mixtures(names)
    small, middle = (ModelConfig.from_dial(dial) for dial in (16_000, 48_000))
    models = (small, middle, with_experts(small, 4 * small.n_params))
    return [make_cell(model, m, points[m], (1, 2)) for model in models for m in (0, 1)]


GRIDS = {"v2": v2, "ladder": ladder, "smoke": smoke}


def build(name: str, names: tuple[str, ...]) -> list[Cell]:
    """A grid's cells, alternately the costliest and the cheapest of those left.

    The large runs start early, both ends of the grid fill up from the start, and what is left at
    the end is of middling cost, so that the workers end together.
    """
    if name not in GRIDS:
        raise BayesCamelError(f"unknown grid {name!r}: choose one of {', '.join(GRIDS)}")
    ordered = sorted(GRIDS[name](names), key=lambda cell: (-cell.flops, cell.run_id))
    middle = (len(ordered) + 1) // 2
    pairs = zip_longest(ordered[:middle], reversed(ordered[middle:]))
    return [cell for pair in pairs for cell in pair if cell is not None]
