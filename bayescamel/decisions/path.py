"""How the best mixture moves with the size of the model."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from bayescamel.decisions.objectives import Objective
from bayescamel.decisions.optimum import how_far
from bayescamel.decisions.problem import pose, solve
from bayescamel.draws.draws import Averaged
from bayescamel.draws.summary import interval90
from bayescamel.exceptions import TargetError
from bayescamel.targets import Target

PATH_DRAWS = 500
"""Draws on a path: a band needs fewer than a decision."""


def optimal_path(
    posterior: Averaged,
    sizes: Sequence[float | Target],
    objective: Objective = None,
    *,
    tokens_per_param: float | None = None,
    n_tokens: float | None = None,
    max_draws: int = PATH_DRAWS,
    seed: int = 0,
    **options: Any,
) -> xr.Dataset:
    """Find the best mixture at each size, with its band.

    Parameters
    ----------
    posterior, objective
        As in `bayescamel.decisions.optimal_mixture`.
    sizes
        Parameters, or whole targets.
    tokens_per_param, n_tokens
        What each size is trained on, where `sizes` are numbers and the runs tell tokens: so many
        tokens a parameter, or the same number for all.
    max_draws, seed
        As in `optimal_mixture`.
    options
        As in `optimal_mixture`: constraints, risk, repetition.

    Returns
    -------
    Dataset
        Dims (size, domain): ``optimum``, the mixture of least risk, and ``lower90`` and ``upper90``
        of the draws' optima, as in `OptimalMixture`: nothing is recommended for being near. Dims
        (size,), at the optimum: ``n_tokens``, ``expected``, ``regret``, ``extrapolation``.

    Raises
    ------
    TargetError
        When there is no size, or it is not clear what the sizes are trained on.
    """
    targets = [_target(size, tokens_per_param, n_tokens) for size in sizes]
    if not targets:
        raise TargetError("a path needs at least one size")
    near = posterior.runs["mixture"].to_numpy().mean(axis=0)[None]
    rows = []
    for target in targets:
        problem = pose(posterior, target, objective, max_draws=max_draws, seed=seed, **options)
        best, optima = solve(problem, near)
        values = problem.values(best[None])[:, 0]
        optima, regrets = problem.regret(best, values, optima)
        lower, upper = interval90(optima)
        rows.append(
            xr.Dataset(
                {
                    "optimum": ("domain", best),
                    "lower90": ("domain", lower),
                    "upper90": ("domain", upper),
                    "n_tokens": np.nan if target.n_tokens is None else target.n_tokens,
                    "expected": values.mean(),
                    "regret": regrets.mean(),
                    "extrapolation": how_far(problem, best),
                },
                {"domain": posterior.runs["domain"].to_numpy(), "size": target.n_params},
                {"unit": problem.aim.unit},
            )
        )
    return xr.concat(rows, dim="size", combine_attrs="identical")


def _target(size: float | Target, tokens_per_param: float | None, n_tokens: float | None) -> Target:
    if isinstance(size, Target):
        return size
    if tokens_per_param is not None and n_tokens is not None:
        raise TargetError("give tokens_per_param or n_tokens, not both")
    if tokens_per_param is not None:
        n_tokens = tokens_per_param * size
    return Target(float(size), n_tokens)
