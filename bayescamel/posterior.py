"""The posterior of a law: draws with named dimensions, and what is read off them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.draws.status import Status
from bayescamel.laws.base import Law
from bayescamel.mixtures import Mixtures, as_mixtures
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.models.problem import Centre, build
from bayescamel.targets import Target

if TYPE_CHECKING:
    import pymc as pm

    from bayescamel.benchmarks import BenchmarkPosterior
    from bayescamel.decisions import Objective, OptimalMixture, Risk
    from bayescamel.decisions.repetition import Repetition
    from bayescamel.draws.residuals import Residuals
    from bayescamel.mixtures.constraints import Constraints

type Kind = Literal["curve", "mean", "run"]


@dataclass(frozen=True)
class Posterior:
    """Draws of a law given runs.

    Parameters
    ----------
    tree
        ArviZ groups. ``posterior``: the law's parameters by name, dims (chain, draw, ...), losses
        in units of ``constant_data["reference_loss"]``; ``sample_stats``; ``observed_data``;
        ``constant_data``; ``unconstrained``: the numbers that the sampler moved.
    runs
        The run table that was fitted.
    hierarchy, centre
        The prior, and the point around which the law is written.
    status
        Whether the draws can be used.
    """

    tree: xr.DataTree
    runs: xr.Dataset
    hierarchy: Hierarchy
    centre: Centre
    status: Status

    @property
    def law(self) -> Law:
        """The law that was fitted."""
        return self.hierarchy.law

    @property
    def n_draws(self) -> int:
        """Draws of all chains together."""
        sizes = self.tree["posterior"].sizes
        return int(sizes["chain"] * sizes["draw"])

    def predict_benchmarks(
        self,
        target: Target,
        mixtures: Mixtures | None = None,
        *,
        benchmarks: "BenchmarkPosterior",
        kind: Kind = "mean",
        seed: int = 0,
    ) -> xr.Dataset:
        """Accuracies of a model at the target: every draw of this law through one of `benchmarks`.

        See `bayescamel.benchmarks.prediction.predict_benchmarks`.
        """
        return benchmarks.predict(self, target, mixtures, kind, seed)

    def predict(
        self,
        target: Target,
        mixtures: Mixtures | None = None,
        kind: Kind = "mean",
        seed: int = 0,
    ) -> xr.Dataset:
        """Losses of a model at the target; see `bayescamel.draws.prediction.predict`."""
        from bayescamel.draws.prediction import predict

        return predict(self, target, self._mixtures(mixtures), kind, seed)

    def run_distribution(self, runs: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
        """Mean and sd of runs' losses by draw; see `bayescamel.draws.prediction`."""
        from bayescamel.draws.prediction import run_distribution

        return run_distribution(self, runs)

    def curve_distribution(
        self, runs: xr.Dataset, fitted: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """The same by the law alone; see `bayescamel.draws.prediction.curve_distribution`."""
        from bayescamel.draws.prediction import curve_distribution

        return curve_distribution(self, runs, fitted)

    @cached_property
    def caveats(self) -> tuple[str, ...]:
        """What the data say against the law; see `bayescamel.draws.caveats`."""
        from bayescamel.draws.caveats import caveats

        return caveats(self)

    @cached_property
    def residuals(self) -> "Residuals":
        """What the law misses of its runs; see `bayescamel.draws.residuals`."""
        from bayescamel.draws.residuals import Residuals

        return Residuals.of(self)

    def predict_new_validation(
        self,
        target: Target,
        mixtures: Mixtures | None = None,
        *,
        reference_loss: float | None = None,
        own: str | None = None,
        kind: Kind = "mean",
        seed: int = 0,
    ) -> xr.Dataset:
        """Losses on a domain that no run was measured on, from what the fitted ones share.

        See `bayescamel.draws.new_validation.predict_new_validation`.
        """
        from bayescamel.draws.new_validation import predict_new_validation

        return predict_new_validation(
            self, target, self._mixtures(mixtures), reference_loss, own, kind, seed
        )

    def to_pymc(self) -> "pm.Model":
        """The same law, prior and runs as a PyMC model; see `bayescamel.models.program_pymc`."""
        from bayescamel.models.program_pymc import to_pymc

        return to_pymc(self.hierarchy, self.runs, self.centre)

    def to_numpyro(self) -> Callable[..., None]:
        """As a NumPyro program; see `bayescamel.models.program_numpyro`."""
        from bayescamel.models.program_numpyro import to_numpyro

        return to_numpyro(self.hierarchy, build(self.runs, self.centre, padded=False))

    def optimal_mixture(
        self,
        target: Target,
        objective: "Objective" = None,
        *,
        constraints: "Constraints | None" = None,
        reference: Mixtures | None = None,
        risk: "Risk | None" = None,
        repetition: "Repetition | None" = None,
        seed: int = 0,
    ) -> "OptimalMixture":
        """The mixture to train at the target; see `bayescamel.decisions.optimal_mixture`."""
        from bayescamel.decisions import optimal_mixture

        return optimal_mixture(
            self,
            target,
            objective,
            constraints=constraints,
            reference=reference,
            risk=risk,
            repetition=repetition,
            seed=seed,
        )

    def next_runs(
        self,
        candidates: pd.DataFrame,
        target: Target,
        n: int = 3,
        budget: float | None = None,
        objective: Mapping[str, float] | None = None,
    ) -> pd.DataFrame:
        """Which candidates to train next; see `bayescamel.designs.variance.next_runs`."""
        from bayescamel.designs.variance import next_runs

        return next_runs(self, candidates, target, n=n, budget=budget, objective=objective)

    def save(self, path: str | Path, force: bool = False) -> None:
        """Write to a NetCDF file; see `bayescamel.draws.files.save`."""
        from bayescamel.draws.files import save

        save(self, Path(path), force=force)

    @classmethod
    def load(cls, path: str | Path) -> "Posterior":
        """Read what `save` wrote, without loss."""
        from bayescamel.draws.files import load

        return load(Path(path))

    def _mixtures(self, mixtures: Mixtures | None) -> xr.DataArray:
        domains = self.runs["domain"].to_numpy()
        if mixtures is None:
            mixtures = self.centre.mixture
        return as_mixtures(mixtures, domains)

    def __repr__(self) -> str:
        sizes = np.unique(self.runs["n_params"])
        lines = [
            f"Posterior of law {self.law.name!r}: {self.law.title}",
            f"  {self.runs.sizes['run']} runs, sizes {sizes[0]:.3g} to {sizes[-1]:.3g} parameters",
            f"  training domains: {', '.join(self.runs['domain'].to_numpy())}",
            f"  validation domains: {', '.join(self.runs['validation'].to_numpy())}",
            f"  {self.tree['posterior'].sizes['chain']} chains × "
            f"{self.tree['posterior'].sizes['draw']} draws; {self.status}",
            *(f"  caveat: {caveat}" for caveat in self.caveats),
        ]
        return "\n".join(lines)
