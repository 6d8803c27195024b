"""The posterior of a law as users hold it: draws, and what hands on to the rooms below."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.decisions import Objective, OptimalMixture, Risk, optimal_mixture
from bayescamel.decisions.optimum import CERTAINTY
from bayescamel.decisions.problem import MAX_DRAWS
from bayescamel.designs.variance import next_runs
from bayescamel.draws import files, prediction
from bayescamel.draws.caveats import caveats
from bayescamel.draws.draws import Draws
from bayescamel.draws.groups import GROUPS, Group, with_groups
from bayescamel.draws.new_validation import predict_new_validation
from bayescamel.draws.prediction import Kind
from bayescamel.draws.residuals import Residuals
from bayescamel.draws.status import warn_of
from bayescamel.exceptions import ExtrapolationWarning, FitError
from bayescamel.input import shown
from bayescamel.laws.repetition import Repetition
from bayescamel.mixtures import Mixtures
from bayescamel.mixtures.constraints import Constraints
from bayescamel.models.problem import build
from bayescamel.models.program_numpyro import to_numpyro
from bayescamel.models.program_pymc import to_pymc
from bayescamel.notebook import as_html
from bayescamel.runs.sizes import active_params, parameters_named
from bayescamel.targets import Target

if TYPE_CHECKING:
    import pymc as pm


class Benchmarks(Protocol):
    """What predicts benchmarks from a posterior's losses."""

    def predict(
        self, losses: "Posterior", target: Target, mixtures: Mixtures | None, kind: Kind, seed: int
    ) -> xr.Dataset:
        """See `bayescamel.benchmarks.BenchmarkPosterior.predict`."""
        ...


@dataclass(frozen=True)
class Posterior(Draws):
    """Draws of a law given runs, and what they say; see `Draws` for its fields."""

    @cached_property
    def caveats(self) -> tuple[str, ...]:
        """What the data say against the law; see `bayescamel.draws.caveats`."""
        return caveats(self)

    @property
    def priors(self) -> pd.DataFrame:
        """The priors of the law's parameters and coefficients, by name.

        Columns ``median``, ``own`` (where names match), ``location_sd`` and ``spread``, the latter
        two on the unconstrained scale; see `bayescamel.laws.base`.
        """
        rows = {
            **{p.name: (p.typical, p.own, p.location_sd, p.spread) for p in self.law.parameters},
            **{c.name: (c.mean, None, c.location_sd, c.spread) for c in self.law.coefficients},
        }
        return pd.DataFrame.from_dict(
            rows, orient="index", columns=["median", "own", "location_sd", "spread"], dtype=float
        )

    @cached_property
    def residuals(self) -> Residuals | None:
        """What the law misses of its runs, `bayescamel.draws.residuals`; None for a point fit."""
        return None if self.is_point_fit else Residuals.of((self,))

    def predict(
        self,
        target: Target,
        mixtures: Mixtures | None = None,
        kind: Kind = "mean",
        seed: int = 0,
    ) -> xr.Dataset:
        """Losses of a model at the target; see `bayescamel.draws.prediction.predict`."""
        residuals = None if kind == "curve" else self.residuals
        found = prediction.predict(self, residuals, target, self.mixtures(mixtures), kind, seed)
        warn_of(self.doubts)
        names = found["validation"].to_numpy()
        warn_of(prediction.impossible(found["loss"].to_numpy(), names), ExtrapolationWarning)
        return found

    def run_distribution(self, runs: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
        """Mean and sd of runs' losses by draw; see `bayescamel.draws.prediction`."""
        return prediction.run_distribution(self, self.residuals, runs)

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
        found = predict_new_validation(
            self, target, self.mixtures(mixtures), reference_loss, own, kind, seed
        )
        warn_of(self.doubts)
        return found

    def predict_benchmarks(
        self,
        target: Target,
        mixtures: Mixtures | None = None,
        *,
        benchmarks: Benchmarks,
        kind: Kind = "mean",
        seed: int = 0,
    ) -> xr.Dataset:
        """Accuracies of a model at the target: every draw of this law through one of `benchmarks`.

        See `bayescamel.benchmarks.prediction.predict_benchmarks`.
        """
        return benchmarks.predict(self, target, mixtures, kind, seed)

    def to_pymc(self) -> "pm.Model":
        """The same law, prior and runs as a PyMC model, whose draws `tree` holds.

        ``pm.sample_posterior_predictive(posterior.tree, model=posterior.to_pymc())``, for instance;
        see `bayescamel.models.program_pymc`.
        """
        self._check_sampled("PyMC model")
        return to_pymc(self.hierarchy, self.runs, self.centre)

    def to_numpyro(self) -> Callable[..., None]:
        """As a NumPyro program, whose draws `tree` holds.

        ``Predictive(program, dict(posterior.tree["posterior"]), batch_ndims=2)(key, loss=None)``,
        for instance; see `bayescamel.models.program_numpyro`.
        """
        self._check_sampled("NumPyro program")
        problem = build(self.runs, self.centre, padded=False)
        return to_numpyro(self.hierarchy, problem, self.centre.loss)

    def _check_sampled(self, what: str) -> None:
        if self.is_point_fit:
            raise FitError(
                f"replicates of a point fit are no draws of a {what}: leave method='point' out, or "
                "write the program of a law with bayescamel.to_pymc or to_numpyro"
            )

    def with_groups(self, *groups: Group, seed: int = 0) -> xr.DataTree:
        """`tree` with the groups asked for, or all; see `bayescamel.draws.groups.with_groups`."""
        return with_groups(self, groups or GROUPS, seed)

    def __getitem__(self, group: str) -> xr.DataTree:
        """A group of `tree`, as ArviZ's plots take it."""
        return self.tree.children[group]

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        """No posterior is an array: ArviZ's summary, which asks for one, is told what it takes."""
        raise TypeError("a posterior is no array: give ArviZ posterior.tree")

    def optimal_mixture(
        self,
        target: Target,
        objective: Objective = None,
        *,
        constraints: Constraints | None = None,
        reference: Mixtures | None = None,
        risk: Risk | None = None,
        repetition: Repetition | None = None,
        certainty: float = CERTAINTY,
        max_draws: int = MAX_DRAWS,
        seed: int = 0,
    ) -> OptimalMixture:
        """The mixture to train at the target; see `bayescamel.decisions.optimal_mixture`."""
        return optimal_mixture(
            self,
            target,
            objective,
            constraints=constraints,
            reference=reference,
            risk=risk,
            repetition=repetition,
            certainty=certainty,
            max_draws=max_draws,
            seed=seed,
        )

    def next_runs(
        self,
        candidates: pd.DataFrame,
        target: Target,
        n: int = 3,
        budget: float | None = None,
        objective: Mapping[str, float] | None = None,
        mixtures: Mixtures | None = None,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Which candidates to train next; see `bayescamel.designs.variance.next_runs`."""
        warn_of(self.doubts)
        return next_runs(
            self,
            candidates,
            target,
            n=n,
            budget=budget,
            objective=objective,
            mixtures=None if mixtures is None else self.mixtures(mixtures),
            seed=seed,
        )

    def save(self, path: str | Path, force: bool = False) -> None:
        """Write to a NetCDF file; see `bayescamel.draws.files.save`."""
        files.save(self, Path(path), force=force)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote, without loss."""
        return files.load(Path(path), cls)

    def __repr__(self) -> str:
        sizes = np.unique(active_params(self.runs))
        lines = [
            f"Posterior of law {self.law.name!r}: {self.law.title}",
            f"  {self.runs.sizes['run']} runs, sizes {sizes[0]:.3g} to {sizes[-1]:.3g} "
            f"{parameters_named(self.runs)}",
            f"  training domains: {', '.join(self.runs['domain'].to_numpy())}",
            f"  validation domains: {', '.join(self.runs['validation'].to_numpy())}",
            f"  {self.n_draws} replicates of a point fit"
            if self.is_point_fit
            else f"  {self.values.sizes['chain']} chains × {self.values.sizes['draw']} draws; "
            f"{self.status}",
            *(f"  caveat: {caveat}" for caveat in self.caveats),
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Status first, then caveats, then what was fitted."""
        runs, status = self.runs, self.status
        sizes = np.unique(active_params(runs))
        doubts = [] if status.converged or self.is_point_fit else str(status).splitlines()
        lines = [] if doubts or self.is_point_fit else [str(status)]
        lines.append(
            f"{runs.sizes['run']} runs, sizes {sizes[0]:.3g} to {sizes[-1]:.3g} "
            f"{parameters_named(runs)}; "
            + (
                f"{self.n_draws} replicates of a point fit"
                if self.is_point_fit
                else f"{self.values.sizes['chain']} chains × {self.values.sizes['draw']} draws"
            )
        )
        rows = [
            [what, ", ".join(shown(name, 24) for name in runs[dim].to_numpy())]
            for what, dim in (("training domains", "domain"), ("validation domains", "validation"))
        ]
        title = f"Posterior of law {self.law.name}: {self.law.title}"
        return as_html(title, lines, [*doubts, *self.caveats], ["", "names"], rows)
