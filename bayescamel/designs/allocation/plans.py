"""Split a budget over sizes before the first run.

A split says how many runs of each size are made; within a size they go over mixtures that are
spread over the space, so that each prefix covers it too. Its expected error is that of the target's
losses, averaged over scenarios (`bayescamel.designs.allocation.scenarios`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayescamel.designs.allocation.scenarios import Scenarios, size_information
from bayescamel.designs.candidates import target_table
from bayescamel.designs.missed import Missed
from bayescamel.designs.proposals import cells, rounded
from bayescamel.designs.space import Space
from bayescamel.draws.summary import interval90
from bayescamel.exceptions import DesignError
from bayescamel.targets import Target

MIXTURES_PER_SIZE = 64
"""Mixtures of a size before they are made again with other seeds."""

N_TARGET_MIXTURES = 24
"""Where the target's losses are wanted."""

STEP_DIVISORS = (4, 8, 16)
"""Budgets are moved between sizes in these parts of the whole, coarse to fine."""

N_ERRORS = 16
"""Errors drawn in every scenario, for the interval."""


@dataclass(frozen=True, eq=False)
class Plan:
    """A portfolio of runs, and what it would leave unknown.

    Parameters
    ----------
    runs
        ``n_params, n_active_params, n_tokens, n_runs, flops`` by size and number of tokens.
    error
        Expected mean relative error of the losses that a run at the target would have.
    interval
        90 % of the errors that may turn out, (low, high).
    compared
        The named splits beside it, by expected error; see `compare_allocations`.
    """

    runs: pd.DataFrame
    error: float
    interval: tuple[float, float]
    compared: pd.DataFrame


class Splits:
    """Evaluates splits of a budget over the cells of a space.

    Parameters
    ----------
    mixtures, target_mixtures
        On which runs of a size are made, in this order, and on which the target's losses are
        wanted, (M, domain) each; None: spread over the space.
    """

    def __init__(
        self,
        scenarios: Scenarios,
        space: Space,
        target: Target,
        budget: float,
        seed: int = 0,
        mixtures: np.ndarray | None = None,
        target_mixtures: np.ndarray | None = None,
    ) -> None:
        if not (math.isfinite(budget) and budget >= space.cheapest()):
            raise DesignError(
                f"the budget of {budget:.3g} FLOPs does not pay for the cheapest run, "
                f"{space.cheapest():.3g}: raise it or offer smaller runs"
            )
        self._scenarios = scenarios
        self.budget = budget
        if mixtures is None:
            mixtures = rounded(space.mixtures(MIXTURES_PER_SIZE, seed), space)
        if target_mixtures is None:
            target_mixtures = rounded(space.mixtures(N_TARGET_MIXTURES, seed + 1), space)
        self._table = cells(space, mixtures)
        self.arms = self._table.iloc[:: len(mixtures)].reset_index(drop=True)
        self.arms = self.arms[["n_params", "n_active_params", "n_tokens", "flops"]]
        wanted = target_table(target, target_mixtures, space.domains)
        law = scenarios.hierarchy
        self._missed = Missed.of(law.noise, law.n_validation, scenarios.fitted, wanted, self._table)
        _, gradient = self._gradients(self._table)
        self._gradient = gradient.reshape(
            len(gradient), len(self.arms), len(mixtures), *gradient.shape[2:]
        )
        self._loss, self._target = self._gradients(wanted)
        self._known = self._with_missed(scenarios.information)
        self._information_of: dict[tuple[int, int], np.ndarray] = {}
        self._normal = np.random.default_rng(seed).normal(
            size=(N_ERRORS, len(self._loss), self._loss.shape[1] * self._loss.shape[2])
        )

    def counts(self, shares: np.ndarray) -> np.ndarray:
        """Whole runs of each arm that its share of the budget pays for, (arm,)."""
        return np.asarray(
            np.floor(shares * self.budget / self.arms["flops"].to_numpy() + 1e-9), int
        )

    def errors(self, counts: np.ndarray) -> np.ndarray:
        """Expected relative error in each scenario, (draw,)."""
        variance = self._variance(counts)[0]
        relative = np.sqrt(2 / np.pi * variance) / abs(self._loss.reshape(variance.shape))
        return np.asarray(relative.mean(axis=1))

    def interval(self, counts: np.ndarray) -> tuple[float, float]:
        """90 % of the mean relative errors that may turn out."""
        variance, covariance = self._variance(counts)
        extra = variance - np.einsum("sqq->sq", covariance)
        values, vectors = np.linalg.eigh(covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
        errors = np.einsum("sqk,nsk->nsq", root, self._normal)
        again = np.roll(self._normal, 1, axis=0)
        relative = abs(errors + np.sqrt(extra) * again) / abs(self._loss.reshape(variance.shape))
        low, high = interval90(relative.mean(axis=2), (0, 1))
        return float(low), float(high)

    def _gradients(self, runs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """As `Scenarios.gradients`, by what the law misses as well: its numbers come last."""
        loss, gradient = self._scenarios.gradients(runs)
        sd = np.sqrt(self._scenarios.variances()[0])[:, None, :, None]
        return loss, np.concatenate([gradient, sd * self._missed.features(runs)], axis=-1)

    def _with_missed(self, information: np.ndarray) -> np.ndarray:
        """Information of the scenarios, and the prior of what is missed: standard normal."""
        n = information.shape[1]
        result = np.tile(np.eye(n + self._missed.n_features), (len(information), 1, 1))
        result[:, :n, :n] = information
        return result

    def _variance(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Variance of a run's losses at the target, (draw, Q), and covariance of those expected."""
        information = self._known.copy()
        for arm, count in enumerate(counts):
            if count > 0:
                information += self._arm(arm, int(count))
        gradient = self._target.reshape(len(information), -1, information.shape[-1])
        solved = np.linalg.solve(information, np.swapaxes(gradient, 1, 2))
        covariance = gradient @ solved
        noise, effect = self._scenarios.variances()
        scatter = np.tile(noise + effect, (1, self._loss.shape[1]))
        return np.einsum("sqq->sq", covariance) + scatter, covariance

    def _arm(self, arm: int, count: int) -> np.ndarray:
        """Information in the first so many runs of an arm."""
        key = (arm, count)
        if key not in self._information_of:
            n = self._gradient.shape[2]
            whole, rest = divmod(count, n)
            times = whole + (np.arange(n) < rest).astype(float)
            used = times > 0
            self._information_of[key] = size_information(
                self._gradient[:, arm, used], times[used], *self._scenarios.variances()
            )
        return self._information_of[key]


def named_splits(splits: Splits) -> dict[str, np.ndarray]:
    """Shares of the budget by arm, (arm,): the splits that people make."""
    flops = splits.arms["flops"].to_numpy(np.float64)
    order = np.argsort(flops, kind="stable")
    affordable = order[flops[order] <= splits.budget]
    eye = np.eye(len(flops))
    small, large = eye[affordable[0]], eye[affordable[-1]]
    return {
        "all small": small,
        "uniform runs": flops / flops.sum(),
        "uniform FLOPs": np.full(len(flops), 1 / len(flops)),
        "ends": (small + large) / 2,
        "all large": large,
    }


def compare_allocations(
    scenarios: Scenarios,
    space: Space,
    target: Target,
    budget: float,
    *,
    splits: Mapping[str, np.ndarray] | None = None,
    mixtures: np.ndarray | None = None,
    target_mixtures: np.ndarray | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Expected error at the target of splits of a budget over sizes.

    Parameters
    ----------
    scenarios
        Draws of the parameters: `Scenarios.of(posterior)`, or `Scenarios.prior` before any run.
    splits
        Shares of the budget by size and number of tokens, by name; None: all small, uniform runs,
        uniform FLOPs, ends (smallest and largest), all large.
    mixtures, target_mixtures
        On which runs of a size are made, in this order, and on which the target's losses are
        wanted, (M, domain) each; None: spread over the space.

    Returns
    -------
    DataFrame
        By name, best first: ``error`` (expected mean relative error of the losses of a run at the
        target), ``lower90, upper90`` (of what may turn out), ``runs`` and ``flops``.

    Raises
    ------
    DesignError
        When the budget pays for no run.
    """
    made = Splits(scenarios, space, target, budget, seed, mixtures, target_mixtures)
    given = named_splits(made) if splits is None else dict(splits)
    counts = {name: made.counts(np.asarray(shares)) for name, shares in given.items()}
    return _compared(made, counts)


def _compared(splits: Splits, counts: Mapping[str, np.ndarray]) -> pd.DataFrame:
    rows = []
    flops = splits.arms["flops"].to_numpy()
    for name, number in counts.items():
        low, high = splits.interval(number)
        row = {"split": name, "error": float(splits.errors(number).mean())}
        row |= {"lower90": low, "upper90": high}
        rows.append(row | {"runs": number.tolist(), "flops": float(number @ flops)})
    return pd.DataFrame(rows).set_index("split").sort_values("error", kind="stable")


def plan(
    scenarios: Scenarios, space: Space, target: Target, budget: float, *, seed: int = 0
) -> Plan:
    """The portfolio of runs over sizes that leaves the least expected error at the target.

    Begins from the best named split and moves parts of the budget between sizes for as long as
    the expected error falls.

    Raises
    ------
    DesignError
        When the budget pays for no run.
    """
    splits = Splits(scenarios, space, target, budget, seed)
    counts = {name: splits.counts(shares) for name, shares in named_splits(splits).items()}
    shares = min(
        named_splits(splits).values(), key=lambda s: splits.errors(splits.counts(s)).mean()
    )
    for divisor in STEP_DIVISORS:
        shares = _descend(splits, shares, 1 / divisor)
    best = splits.counts(shares)
    counts["plan"] = best
    runs = splits.arms.assign(n_runs=best)
    return Plan(
        runs=runs.assign(flops=runs["flops"] * best),
        error=float(splits.errors(best).mean()),
        interval=splits.interval(best),
        compared=_compared(splits, counts),
    )


def _descend(splits: Splits, shares: np.ndarray, step: float) -> np.ndarray:
    """Move parts of the budget from one arm to another while the error falls."""
    value = splits.errors(splits.counts(shares)).mean()
    while True:
        moves = [
            moved
            for giver in map(int, np.flatnonzero(shares > 1e-9))
            for taker in range(len(shares))
            if taker != giver
            for moved in [_moved(shares, giver, taker, min(step, shares[giver]))]
        ]
        values = [splits.errors(splits.counts(moved)).mean() for moved in moves]
        best = int(np.argmin(values))
        # A thousandth is less than the draws can tell.
        if values[best] > value * 0.999:
            return shares
        shares, value = moves[best], values[best]


def _moved(shares: np.ndarray, giver: int, taker: int, amount: float) -> np.ndarray:
    result = shares.copy()
    result[giver] -= amount
    result[taker] += amount
    return result
