"""Draws of a law given runs: the value that everything below the facade works on."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, Self

import numpy as np
import xarray as xr

from bayescamel.draws.status import Status
from bayescamel.laws.base import Law
from bayescamel.mixtures import Mixtures, as_mixtures
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.runs.sizes import Centre


@dataclass(frozen=True)
class Draws:
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
    is_point_fit
        Whether these are replicates of a point fit: nothing was sampled, and the law's word is all
        there is.
    """

    tree: xr.DataTree
    runs: xr.Dataset
    hierarchy: Hierarchy
    centre: Centre
    status: Status
    is_point_fit: bool = False

    @property
    def law(self) -> Law:
        """The law that was fitted."""
        return self.hierarchy.law

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the draws cannot be used; nothing where they can, or where nothing was sampled."""
        return () if self.is_point_fit else self.status.doubts

    @property
    def has_run_noise(self) -> bool:
        """Whether each run has a noise that is its alone."""
        return self.hierarchy.has_run_noise and not self.is_point_fit

    @cached_property
    def values(self) -> xr.Dataset:
        """The law's parameters and what scatters around it, dims (chain, draw, ...)."""
        return self.tree["posterior"].to_dataset()

    @property
    def n_draws(self) -> int:
        """Draws of all chains together."""
        return int(self.values.sizes["chain"] * self.values.sizes["draw"])

    def flat(self, name: str) -> np.ndarray:
        """One quantity of `values`, chains stacked: (draw, ...)."""
        value = self.values[name].to_numpy()
        return np.asarray(value.reshape(self.n_draws, *value.shape[2:]))

    def mixtures(self, mixtures: Mixtures | None) -> xr.DataArray:
        """Mixtures of the training domains, (mixture, domain); None: the runs' mean mixture."""
        chosen = self.centre.mixture if mixtures is None else mixtures
        return as_mixtures(chosen, self.runs["domain"].to_numpy())

    def thinned(self, rows: np.ndarray) -> Self:
        """Some of the draws, chains stacked, as one chain."""
        flat = self.values.stack(sample=("chain", "draw"))
        some = flat.isel(sample=rows).drop_vars(["sample", "chain", "draw"])
        one = some.rename(sample="draw").expand_dims("chain").transpose("chain", "draw", ...)
        one = one.assign_coords(chain=[0], draw=np.arange(len(rows)))
        return replace(self, tree=xr.DataTree.from_dict({"posterior": one}))

    def parts(self, max_draws: int) -> tuple[tuple[Self, np.ndarray], ...]:
        """These draws thinned, and which they are; see `Averaged`."""
        rows = evenly(self.n_draws, min(max_draws, self.n_draws))
        return ((self.thinned(rows), rows),)


class Averaged(Protocol):
    """Draws of one law, or of several that are averaged."""

    @property
    def n_draws(self) -> int | None:
        """How many draws there are; None for several laws, of which each has its own."""
        ...

    @property
    def runs(self) -> xr.Dataset:
        """The runs that all laws were fitted to."""
        ...

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why draws cannot be used; see `Draws.doubts`."""
        ...

    def parts(self, max_draws: int) -> tuple[tuple[Draws, np.ndarray], ...]:
        """Draws of each law, one chain each, that count alike; and which of its draws they are."""
        ...


def evenly(n: int, count: int) -> np.ndarray:
    """Which `count` of `n` draws to take, evenly spread, both ends among them."""
    return np.linspace(0, n - 1, count).round().astype(int)
