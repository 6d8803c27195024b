"""The draws that a decision is taken from: of one law, or of several that are averaged."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
import xarray as xr

from bayescamel.draws.prediction import run_noise, run_scatter
from bayescamel.targets import Target

if TYPE_CHECKING:
    from bayescamel.comparison.stacking import StackedPosterior
    from bayescamel.laws.base import Law
    from bayescamel.posterior import Posterior


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Posteriors of the same runs, thinned to the draws in use, which count alike.

    Parameters
    ----------
    parts
        One a law, each with one chain.
    draws
        For each part, which draws of its posterior these are, chains stacked.
    """

    parts: tuple["Posterior", ...]
    draws: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, posterior: "Posterior | StackedPosterior", max_draws: int) -> Self:
        """Take draws evenly; of a stack, from each law as many as its weight says."""
        from bayescamel.comparison.stacking import evenly
        from bayescamel.posterior import Posterior

        if isinstance(posterior, Posterior):
            chosen = evenly(posterior.n_draws, min(max_draws, posterior.n_draws))
            return cls((_selected(posterior, chosen),), (chosen,))
        shares = posterior.shares(max_draws)
        parts = [_selected(posterior.components[law], rows) for law, rows in shares.items()]
        return cls(tuple(parts), tuple(shares.values()))

    def thinned(self, max_draws: int) -> Self:
        """At most about `max_draws` of the draws, evenly of each part."""
        step = -(-self.n_draws // max_draws)
        parts = [_selected(part, np.arange(0, part.n_draws, step)) for part in self.parts]
        return type(self)(tuple(parts), tuple(draws[::step] for draws in self.draws))

    @property
    def laws(self) -> tuple["Law", ...]:
        """The law of each part."""
        return tuple(part.law for part in self.parts)

    @property
    def runs(self) -> xr.Dataset:
        """The runs that all parts were fitted to."""
        return self.parts[0].runs

    @property
    def n_draws(self) -> int:
        """Draws of all parts together."""
        return sum(part.n_draws for part in self.parts)

    def curve_losses(self, target: Target, mixtures: xr.DataArray) -> np.ndarray:
        """Losses (draw, mixture, validation) by the laws alone, parts one after the other."""
        each = [part.predict(target, mixtures, kind="curve")["loss"] for part in self.parts]
        return np.concatenate([loss.to_numpy()[0] for loss in each])

    def curve_distribution(
        self, runs: xr.Dataset, fitted: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean and sd of runs' losses by draw, by the laws alone, parts one after the other."""
        each = [part.curve_distribution(runs, fitted) for part in self.parts]
        return np.concatenate([mean for mean, _ in each]), np.concatenate([sd for _, sd in each])

    def scatter(
        self, target: Target, mixtures: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """How runs scatter, nats per token, parts one after the other.

        See `bayescamel.draws.prediction.run_scatter`: effect of the size and its sd
        (draw, validation), sd of a typical run's noise (draw, mixture, validation).
        """
        each = [
            [values * part.centre.loss for values in run_scatter(part, target, mixtures)]
            for part in self.parts
        ]
        shift, shared, own = (np.concatenate(values) for values in zip(*each, strict=True))
        return shift, shared, own

    def run_noise(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """What multiplies the noise of `n` new runs: (draw, run)."""
        return np.concatenate([run_noise(part, n, rng) for part in self.parts])


def _selected(posterior: "Posterior", draws: np.ndarray) -> "Posterior":
    """The posterior with some of its draws, as one chain."""
    flat = posterior.tree["posterior"].to_dataset().stack(sample=("chain", "draw"))
    some = flat.isel(sample=draws).drop_vars(["sample", "chain", "draw"])
    one = some.rename(sample="draw").expand_dims("chain").transpose("chain", "draw", ...)
    one = one.assign_coords(chain=[0], draw=np.arange(len(draws)))
    return replace(posterior, tree=xr.DataTree.from_dict({"posterior": one}))
