"""What a fit of a benchmark law gives: draws, and what they were drawn for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from bayescamel.benchmarks.hierarchy import BenchmarkHierarchy
from bayescamel.benchmarks.laws.base import BenchmarkLaw
from bayescamel.draws.status import Status

MIN_GAIN = 0.02
"""What a benchmark must have gained, as a share of the way from chance to 1, to count as moving."""
CERTAINTY = 0.95
"""Share of the draws that must say so."""


@dataclass(frozen=True)
class BenchmarkDraws:
    """Draws of a benchmark law given runs.

    Parameters
    ----------
    tree
        ArviZ groups. ``posterior``: the law's parameters (chain, draw, benchmark), ``listening``
        (chain, draw, benchmark, validation), the simplex of weights on losses over their reference,
        and what is pooled; ``sample_stats``, ``observed_data``, ``constant_data``,
        ``unconstrained``.
    runs
        The runs that were fitted.
    hierarchy
        The law and its prior.
    facts
        By benchmark: ``chance, score_chance, questions, group``, and ``above_chance``: whether the
        best fitted runs beat chance.
    reference
        Reference loss by validation domain, nats per token.
    status
        Whether the draws can be used.
    """

    tree: xr.DataTree
    runs: xr.Dataset
    hierarchy: BenchmarkHierarchy
    facts: xr.Dataset
    reference: xr.DataArray
    status: Status

    @property
    def law(self) -> BenchmarkLaw:
        """The law that was fitted."""
        return self.hierarchy.law

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the draws cannot be used; nothing where they converged."""
        return self.status.doubts

    @property
    def caveats(self) -> tuple[str, ...]:
        """What the runs leave open."""
        if self.facts["above_chance"].all():
            return ()
        names = self.facts["benchmark"].to_numpy()[~self.facts["above_chance"].to_numpy()]
        return (
            f"at chance in every fitted run, so that when they rise is told by the others and the "
            f"priors: {_listed(names)}",
        )

    def __repr__(self) -> str:
        moving = self.facts["above_chance"].to_numpy()
        at_chance = self.facts["benchmark"].to_numpy()[~moving]
        lines = [
            f"{type(self).__name__} of law {self.law.name!r}: {self.law.title}",
            f"  {self.runs.sizes['run']} runs, {len(moving)} benchmarks, "
            f"{self.runs.sizes['validation']} losses",
            f"  at chance in every fitted run: {_listed(at_chance)}",
            f"  {self.status}",
        ]
        return "\n".join(lines)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(str, names)) if len(names) else "none"


def beats_chance(
    hierarchy: BenchmarkHierarchy,
    draws: xr.Dataset,
    relative: xr.DataArray,
    facts: xr.Dataset,
) -> xr.DataArray:
    """Whether the best fitted run gained enough over chance, surely: dims (benchmark,).

    Parameters
    ----------
    draws
        The group ``posterior`` of a fit.
    relative
        Losses (run, validation) of the fitted runs over the reference loss.
    """
    chance = facts["chance" if hierarchy.measures != "score" else "score_chance"].to_numpy()
    parameters = {str(name): value.to_numpy() for name, value in draws.data_vars.items()}
    loss = relative.transpose("run", "validation").to_numpy()
    best = hierarchy.curve(np, parameters, loss, chance).max(axis=-2)
    sure = ((best - chance) / (1 - chance) > MIN_GAIN).mean(axis=(0, 1)) >= CERTAINTY
    return xr.DataArray(sure, {"benchmark": facts["benchmark"]}, ("benchmark",))
