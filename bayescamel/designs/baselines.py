"""Acquisitions that use no posterior: the baselines of those that do."""

import hashlib
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from bayescamel.designs.inputs import AcquisitionInputs
from bayescamel.runs.sizes import active_params


@dataclass(frozen=True)
class Random:
    """Any candidate, all alike."""

    name: ClassVar[str] = "random"

    def scores(self, inputs: AcquisitionInputs) -> np.ndarray:
        """A lottery."""
        return lottery(inputs)


@dataclass(frozen=True)
class UniformFlops:
    """As many FLOPs for every size: next is a random candidate of the size that had the fewest."""

    name: ClassVar[str] = "uniform-flops"

    def scores(self, inputs: AcquisitionInputs) -> np.ndarray:
        """Minus the rank of the size by FLOPs spent, and a lottery within it."""
        sizes = active_params(inputs.candidates)
        known, index = np.unique(sizes, return_inverse=True)
        trained = active_params(inputs.history)
        flops = inputs.history["flops"].to_numpy(np.float64)
        spent = np.array([flops[trained == size].sum() for size in known])
        rank = np.empty(len(known))
        rank[np.argsort(spent, kind="stable")] = np.arange(len(known))
        return lottery(inputs) - rank[index]


@dataclass(frozen=True)
class OnlySmall:
    """Random candidates of the smallest size."""

    name: ClassVar[str] = "only-small"

    def scores(self, inputs: AcquisitionInputs) -> np.ndarray:
        """A lottery among the smallest."""
        sizes, trained = active_params(inputs.candidates), active_params(inputs.history)
        smallest = min([*sizes, *trained])
        return np.where(sizes == smallest, lottery(inputs), -np.inf)


@dataclass(frozen=True)
class OnlyLarge:
    """Random candidates of the largest size."""

    name: ClassVar[str] = "only-large"

    def scores(self, inputs: AcquisitionInputs) -> np.ndarray:
        """A lottery among the largest."""
        sizes, trained = active_params(inputs.candidates), active_params(inputs.history)
        largest = max([*sizes, *trained])
        return np.where(sizes == largest, lottery(inputs), -np.inf)


@dataclass(frozen=True)
class SpaceFilling:
    """The candidate that is farthest from all runs, in size and mixture (maximin)."""

    name: ClassVar[str] = "space-filling"

    def scores(self, inputs: AcquisitionInputs) -> np.ndarray:
        """Distance to the nearest run; ln of the size counts from 0 to 1 over the candidates."""
        if not len(inputs.history):
            return lottery(inputs)
        logs = np.log(active_params(inputs.candidates))
        low, span = logs.min(), max(np.ptp(logs), 1e-12)

        def place(table: pd.DataFrame) -> np.ndarray:
            size = (np.log(active_params(table)) - low) / span
            return np.column_stack([size, inputs.weights(table)])

        apart = place(inputs.candidates)[:, None] - place(inputs.history)[None]
        return np.asarray(np.sqrt((apart**2).sum(axis=2)).min(axis=1))


def lottery(inputs: AcquisitionInputs) -> np.ndarray:
    """A number from 0 to 1 by candidate, decided by its name and the seed: (candidate,)."""
    names = inputs.candidates["run_id"]
    digests = (hashlib.sha256(f"{inputs.seed}:{name}".encode()).digest() for name in names)
    return np.array([int.from_bytes(digest[:6]) / 2**48 for digest in digests])
