"""The draws that a decision is taken from: of one law, or of several that are averaged."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import xarray as xr

from bayescamel.draws.curves import model_losses
from bayescamel.draws.draws import Averaged, Draws
from bayescamel.draws.residuals import Residuals
from bayescamel.draws.scatter import Scatter, run_noise, run_scatter
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.runs.sizes import Sizes


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Draws of laws of the same runs, which count alike.

    Parameters
    ----------
    parts
        One a law, each with one chain.
    rows
        For each part, which draws of its posterior these are, chains stacked.
    """

    parts: tuple[Draws, ...]
    rows: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, posterior: Averaged, max_draws: int) -> Self:
        """Take draws evenly; of a stack, from each law as many as its weight says."""
        parts, rows = zip(*posterior.parts(max_draws), strict=True)
        return cls(parts, rows)

    @property
    def hierarchies(self) -> tuple[Hierarchy, ...]:
        """The law and prior of each part."""
        return tuple(part.hierarchy for part in self.parts)

    @property
    def runs(self) -> xr.Dataset:
        """The runs that all parts were fitted to."""
        return self.parts[0].runs

    @property
    def n_draws(self) -> int:
        """Draws of all parts together."""
        return sum(part.n_draws for part in self.parts)

    @property
    def residuals(self) -> Residuals:
        """What the laws miss of their runs."""
        return Residuals.of(self.parts)

    def _joined(self, function: Callable[[Draws], np.ndarray]) -> np.ndarray:
        """Parts one after the other."""
        return np.concatenate([function(part) for part in self.parts])

    def losses(self, models: Sizes, mixtures: np.ndarray) -> np.ndarray:
        """Losses (draw, model, validation) by the laws alone, nats per token."""
        return self._joined(lambda part: model_losses(part, models, mixtures))

    def scatter(self, models: Sizes, mixtures: np.ndarray) -> Scatter:
        """How runs scatter; see `bayescamel.draws.scatter`."""
        each = [run_scatter(part, models, mixtures) for part in self.parts]
        return Scatter(*(np.concatenate(values) for values in zip(*each, strict=True)))

    def run_noise(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """What multiplies the noise of `n` new runs: (draw, run)."""
        return self._joined(lambda part: run_noise(part, n, rng))
