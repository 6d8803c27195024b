"""The posterior of a law from loss to benchmark."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import xarray as xr

from bayescamel.benchmarks import files, prediction
from bayescamel.benchmarks.draws import BenchmarkDraws
from bayescamel.benchmarks.objective import benchmark_objective
from bayescamel.decisions.objectives import DrawObjective
from bayescamel.draws.prediction import Kind
from bayescamel.mixtures import Mixtures
from bayescamel.posterior import Posterior
from bayescamel.targets import Target


@dataclass(frozen=True, repr=False)
class BenchmarkPosterior(BenchmarkDraws):
    """Draws of a benchmark law given runs, and what hands on to prediction and decision."""

    def predict_at(
        self,
        losses: xr.DataArray,
        kind: Kind = "mean",
        seed: int = 0,
        benchmarks: pd.DataFrame | str | Path | None = None,
    ) -> xr.Dataset:
        """Benchmarks at known losses; see `bayescamel.benchmarks.prediction.predict_at`."""
        return prediction.predict_at(self, losses, kind, seed, benchmarks)

    def predict(
        self,
        posterior: Posterior,
        target: Target,
        mixtures: Mixtures | None = None,
        kind: Kind = "mean",
        seed: int = 0,
        benchmarks: pd.DataFrame | str | Path | None = None,
    ) -> xr.Dataset:
        """Benchmarks of a model at the target, through the losses that `posterior` predicts.

        See `bayescamel.benchmarks.prediction.predict_benchmarks`.
        """
        return prediction.predict_benchmarks(
            self, posterior, target, mixtures, kind, seed, benchmarks
        )

    def objective(
        self, posterior: Posterior, weights: Mapping[str, float] | None = None, seed: int = 0
    ) -> DrawObjective:
        """Expected error over benchmarks, for `Posterior.optimal_mixture`.

        See `bayescamel.benchmarks.objective.benchmark_objective`.
        """
        return benchmark_objective(self, posterior, weights, seed)

    def save(self, path: str | Path, force: bool = False) -> None:
        """Write to a NetCDF file; see `bayescamel.benchmarks.files.save`."""
        files.save(self, Path(path), force=force)

    @classmethod
    def load(cls, path: str | Path) -> "BenchmarkPosterior":
        """Read what `save` wrote, without loss."""
        return cls(**vars(files.load(Path(path))))
