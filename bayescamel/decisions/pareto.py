"""The trade-off between two objectives."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from bayescamel.decisions.objectives import Aim, Objective
from bayescamel.decisions.problem import Problem, pose, solve
from bayescamel.draws.draws import Averaged
from bayescamel.draws.summary import interval90
from bayescamel.laws.base import Array
from bayescamel.targets import Target


def pareto_front(
    posterior: Averaged,
    target: Target,
    first: Objective,
    second: Objective,
    *,
    points: int = 9,
    seed: int = 0,
    **options: Any,
) -> xr.Dataset:
    """Find mixtures of which none is better in both objectives.

    Each minimises the expectation of (1 − share) · first + share · second, both in units of the
    difference that the two extreme mixtures make. Where a law is not convex in the mixture, the
    parts of the front that curve inwards are left out.

    Parameters
    ----------
    posterior, target
        As in `bayescamel.decisions.optimal_mixture`.
    first, second
        The objectives.
    points
        Shares from 0 to 1.
    options
        Passed on: constraints, repetition, max_draws.

    Returns
    -------
    Dataset
        Dims (point, domain): ``mixture``. Dims (point, objective): ``expected``, ``lower90`` and
        ``upper90`` of the objectives there. Dims (point,): ``share`` of the second;
        ``probability_efficient``, that no other point of the front is better in both.
    """
    one, two = (pose(posterior, target, o, seed=seed, **options) for o in (first, second))
    near = posterior.runs["mixture"].to_numpy().mean(axis=0)[None]
    extremes = np.array([solve(problem, near)[0] for problem in (one, two)])
    scales = [np.ptp(p.values(extremes).mean(axis=0)) for p in (one, two)]
    if min(scales) == 0:  # the objectives do not compete: any scale shows the one best mixture
        scales = [abs(p.values(extremes).mean()) for p in (one, two)]
    shares = np.linspace(0, 1, points)
    mixtures = [extremes[0]]
    for share in shares[1:-1]:
        both = _mixed(one, two, (1 - share) / scales[0], share / scales[1])
        mixtures.append(solve(both, np.array([mixtures[-1], extremes[1]]))[0])
    front = np.array([*mixtures, extremes[1]])
    values = np.stack([one.values(front), two.values(front)], axis=-1)
    beaten = (values[:, None] < values[:, :, None]).all(axis=3).any(axis=2)
    lower, upper = interval90(values)
    return xr.Dataset(
        {
            "mixture": (("point", "domain"), front),
            "expected": (("point", "objective"), values.mean(axis=0)),
            "lower90": (("point", "objective"), lower),
            "upper90": (("point", "objective"), upper),
            "share": ("point", shares),
            "probability_efficient": ("point", 1 - beaten.mean(axis=0)),
        },
        {"domain": posterior.runs["domain"].to_numpy(), "objective": ["first", "second"]},
    )


def _mixed(one: Problem, two: Problem, weight_one: float, weight_two: float) -> Problem:
    """The problem of a weighted sum of two objectives at the same target."""
    weights = {"weight_one": np.array(weight_one), "weight_two": np.array(weight_two)}
    curves = tuple(
        curve._replace(
            aim=_prefixed("first_", curve.aim) | _prefixed("second_", other.aim) | weights
        )
        for curve, other in zip(one.curves, two.curves, strict=True)
    )
    n_stages = max(len(one.aim.stages), len(two.aim.stages))
    stages = []
    for i in range(n_stages):
        stage: dict[str, np.ndarray] = {}
        for prefix, aim in (("first_", one.aim), ("second_", two.aim)):
            late = aim.stages[max(0, i - n_stages + len(aim.stages))]
            stage |= _prefixed(prefix, late)
        stages.append(stage)
    aim = Aim(
        value=_Sum(one.aim.value, two.aim.value),
        searched=_Sum(one.aim.searched, two.aim.searched),
        shared={},
        by_draw={},
        stages=tuple(stages),
    )
    return replace(one, aim=aim, curves=curves)


def _prefixed(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {prefix + name: values for name, values in arrays.items()}


@dataclass(frozen=True)
class _Sum:
    """A weighted sum of two aims' functions; equal for equal functions, so that jit knows it."""

    first: Any
    second: Any

    def __call__(self, xp: Any, loss: Array, arrays: dict[str, Array]) -> Array:
        def of(prefix: str) -> dict[str, Array]:
            return {
                name.removeprefix(prefix): values
                for name, values in arrays.items()
                if name.startswith(prefix)
            }

        return arrays["weight_one"] * self.first(xp, loss, of("first_")) + arrays[
            "weight_two"
        ] * self.second(xp, loss, of("second_"))
