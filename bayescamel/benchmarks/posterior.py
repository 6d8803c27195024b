"""The posterior of a law from loss to benchmark."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.benchmarks.hierarchy import BenchmarkHierarchy
from bayescamel.benchmarks.laws.base import BenchmarkLaw
from bayescamel.draws.status import Status
from bayescamel.mixtures import Mixtures
from bayescamel.targets import Target

if TYPE_CHECKING:
    from bayescamel.decisions.objectives import DrawObjective
    from bayescamel.draws.prediction import Kind
    from bayescamel.posterior import Posterior

MIN_GAIN = 0.02
"""What a benchmark must have gained, as a share of the way from chance to 1, to count as moving."""
CERTAINTY = 0.95
"""Share of the draws that must say so."""


@dataclass(frozen=True)
class BenchmarkPosterior:
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

    def predict_at(
        self,
        losses: xr.DataArray,
        kind: "Kind" = "mean",
        seed: int = 0,
        benchmarks: pd.DataFrame | str | Path | None = None,
    ) -> xr.Dataset:
        """Benchmarks at known losses; see `bayescamel.benchmarks.prediction.predict_at`."""
        from bayescamel.benchmarks.prediction import predict_at

        return predict_at(self, losses, kind, seed, benchmarks)

    def predict(
        self,
        posterior: "Posterior",
        target: Target,
        mixtures: Mixtures | None = None,
        kind: "Kind" = "mean",
        seed: int = 0,
        benchmarks: pd.DataFrame | str | Path | None = None,
    ) -> xr.Dataset:
        """Benchmarks of a model at the target, through the losses that `posterior` predicts.

        See `bayescamel.benchmarks.prediction.predict_benchmarks`.
        """
        from bayescamel.benchmarks.prediction import predict_benchmarks

        return predict_benchmarks(self, posterior, target, mixtures, kind, seed, benchmarks)

    def objective(
        self, posterior: "Posterior", weights: Mapping[str, float] | None = None, seed: int = 0
    ) -> "DrawObjective":
        """Expected error over benchmarks, for `Posterior.optimal_mixture`.

        See `bayescamel.benchmarks.objective.benchmark_objective`.
        """
        from bayescamel.benchmarks.objective import benchmark_objective

        return benchmark_objective(self, posterior, weights, seed)

    def save(self, path: str | Path, force: bool = False) -> None:
        """Write to a NetCDF file; see `bayescamel.benchmarks.files.save`."""
        from bayescamel.benchmarks.files import save

        save(self, Path(path), force=force)

    @classmethod
    def load(cls, path: str | Path) -> "BenchmarkPosterior":
        """Read what `save` wrote, without loss."""
        from bayescamel.benchmarks.files import load

        return load(Path(path))

    def __repr__(self) -> str:
        moving = self.facts["above_chance"].to_numpy()
        at_chance = self.facts["benchmark"].to_numpy()[~moving]
        lines = [
            f"BenchmarkPosterior of law {self.law.name!r}: {self.law.title}",
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
