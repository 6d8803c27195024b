"""What a study knows of its target: draws, the recommendation, and the mixtures to decide among."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.decisions import OptimalMixture
from bayescamel.designs.candidates import target_table
from bayescamel.designs.linear_gaussian import LinearGaussian, surrogate_of
from bayescamel.designs.predictive import PredictiveDraws
from bayescamel.designs.prior import centre_of
from bayescamel.designs.proposals import cells
from bayescamel.draws.status import warn_of
from bayescamel.laws import get_law
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.runs.checks import why_not_fitted
from bayescamel.runs.table import fingerprint
from bayescamel.study.posteriors import Posteriors, as_runs
from bayescamel.study.rows import Snapshot, StoredRun
from bayescamel.study.settings import Settings
from bayescamel.study.subset import representative
from bayescamel.targets import objective_weights

N_OPTIMA = 48
"""Optima of single draws among the mixtures between which the target's is decided."""

N_SPREAD_MIXTURES = 64
"""Mixtures spread over the space among them."""

N_PRIOR_MIXTURES = 24
"""Mixtures on which the prior's losses have to be plausible, at every size."""


@dataclass(frozen=True, eq=False)
class Expectations:
    """What draws of the prior or of the posterior say of the target.

    Parameters
    ----------
    settings
        Of the study.
    predictive
        The draws.
    mixtures
        Among which the target's is decided, (M, domain).
    objective
        Weights over validation domains.
    """

    settings: Settings
    predictive: PredictiveDraws
    mixtures: np.ndarray
    objective: np.ndarray

    def surrogate(self, candidates: pd.DataFrame, pending: pd.DataFrame) -> LinearGaussian:
        """The surrogate of candidates' losses, with pending runs conditioned on."""
        return surrogate_of(
            self.predictive,
            target_table(self.settings.target, self.mixtures, self.predictive.domains),
            self.objective,
            candidates,
            pending,
            seed=self.settings.fit.seed,
        )


@dataclass(frozen=True, eq=False)
class Outlook(Expectations):
    """What the told runs say of the target.

    Of the mixtures the recommendation comes first, then optima of single draws, and mixtures spread
    over all.

    Parameters
    ----------
    best
        The recommendation.
    seconds
        That the fit took.
    doubts, caveats
        Of the posterior.
    """

    best: OptimalMixture
    seconds: float
    doubts: tuple[str, ...]
    caveats: tuple[str, ...]

    @property
    def converged(self) -> bool:
        """Whether the posterior's draws can be used."""
        return not self.doubts

    def decided(self) -> dict[str, Any]:
        """The recommendation and what it is worth, as a study's status tells them."""
        best, names = self.best, self.predictive.domains
        return {
            "recommended": dict(zip(names, map(float, best.recommended), strict=True)),
            "why": best.why,
            "optimum": dict(zip(names, map(float, best.optimum), strict=True)),
            "optimum_interval": {
                name: (float(low), float(high))
                for name, (low, high) in zip(names, best.optimum_interval.to_numpy(), strict=True)
            },
            "converged": self.converged,
            "caveats": self.caveats,
        }


def prior_outlook(settings: Settings, seen: Snapshot) -> Expectations:
    """What the law's prior says before the first fit."""
    space, validation = settings.space, validation_of(settings, seen)
    hierarchy, everywhere = prior_of(settings, seen)
    centre = centre_of(everywhere, space.domains, len(validation))
    return Expectations(
        settings=settings,
        predictive=PredictiveDraws.prior(
            hierarchy, centre, space.domains, validation, everywhere, seed=settings.fit.seed
        ),
        mixtures=space.mixtures(N_SPREAD_MIXTURES, settings.fit.seed),
        objective=objective_weights(settings.objective, validation),
    )


def prior_of(settings: Settings, seen: Snapshot) -> tuple[Hierarchy, pd.DataFrame]:
    """The law with its prior, and runs all over the space, around which it is written."""
    space = settings.space
    sparse = any(size.active < size.n_params for size in space.sizes)
    law, n_validation = get_law(settings.fit.law), len(validation_of(settings, seen))
    everywhere = cells(space, space.mixtures(N_PRIOR_MIXTURES, settings.fit.seed))
    return Hierarchy(law, n_validation, len(space.domains), sparse=sparse), everywhere


def validation_of(settings: Settings, seen: Snapshot) -> tuple[str, ...]:
    """Validation domains; before any is known, those of the objective or the training domains."""
    return seen.validation or tuple(settings.objective or settings.space.domains)


class Outlooks:
    """The outlook of the runs that were told, kept until others are."""

    def __init__(self, settings: Settings, posteriors: Posteriors) -> None:
        self._settings = settings
        self._posteriors = posteriors
        self._last: tuple[str, Outlook] | None = None
        self._told: tuple[StoredRun, ...] = ()
        self._runs: xr.Dataset | None = None

    @property
    def last(self) -> Outlook | None:
        """The last one that was made, whatever was told since."""
        return None if self._last is None else self._last[1]

    def of(self, seen: Snapshot) -> Outlook | None:
        """After these runs; None where they are too few."""
        # Snapshots share the runs that did not change: comparing them takes no time.
        if (told := seen.told()) != self._told:
            self._told, self._runs = told, fittable(seen, self._settings)
        if (runs := self._runs) is None:
            return None
        wanted = str(runs.attrs["fingerprint"])
        if self._last is None or self._last[0] != wanted:
            self._last = (wanted, self._look(runs))
        warn_of(self._last[1].doubts)
        return self._last[1]

    def _look(self, runs: xr.Dataset) -> Outlook:
        settings = self._settings
        posterior = self._posteriors.of(runs)
        # What no run could show is not recommended: outside of the bounds a law is told by none.
        bounds = settings.space.constraints()
        best = posterior.optimal_mixture(settings.target, settings.objective, constraints=bounds)
        optima = best.draws.to_numpy()
        some = np.linspace(0, len(optima) - 1, min(N_OPTIMA, len(optima))).astype(int)
        spread = settings.space.mixtures(N_SPREAD_MIXTURES, settings.fit.seed)
        return Outlook(
            settings=settings,
            predictive=PredictiveDraws.of(posterior),
            best=best,
            mixtures=np.concatenate([best.recommended.to_numpy()[None], optima[some], spread]),
            objective=objective_weights(settings.objective, runs["validation"].to_numpy()),
            seconds=posterior.status.seconds,
            doubts=posterior.doubts,
            caveats=posterior.caveats,
        )


def fittable(seen: Snapshot, settings: Settings) -> xr.Dataset | None:
    """The told runs, where a law can be learned from them."""
    return _fittable(seen, settings)[0]


def in_words(seen: Snapshot, settings: Settings) -> str | None:
    """Why nothing can be fitted to the told runs, or to how few of them; None: to all."""
    return _fittable(seen, settings)[1]


def _fittable(seen: Snapshot, settings: Settings) -> tuple[xr.Dataset | None, str | None]:
    told = seen.told()
    if not told:
        return None, "too few runs for a law: none was told yet"
    runs = as_runs(told, settings.space.domains)
    if (reason := why_not_fitted(runs)) is not None:
        return None, f"the runs that were told are too few for a law, or too alike: {reason}"
    part = representative(runs, settings.target, settings.fit.max_runs)
    if part is runs or why_not_fitted(part) is not None:
        return runs, None
    return part.assign_attrs(fingerprint=fingerprint(part)), (
        f"fitted to {part.sizes['run']} of {len(told)} runs: some of every size, repeats, and "
        "those nearest to the target; a fit to all would take about "
        f"{len(told) / part.sizes['run']:.1f} times as long (max_runs)"
    )
