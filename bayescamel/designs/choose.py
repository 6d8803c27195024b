"""Choose a batch greedily: each run is conditioned on those before it."""

from typing import NamedTuple

import numpy as np

from bayescamel.designs.acquisitions import Acquisition
from bayescamel.designs.inputs import AcquisitionInputs


class Chosen(NamedTuple):
    """What was chosen, in order."""

    indices: list[int]
    """Of the candidates."""
    inputs: list[AcquisitionInputs]
    """From which each was chosen."""


def choose(acquisition: Acquisition, inputs: AcquisitionInputs, n: int, budget: float) -> Chosen:
    """Choose up to `n` candidates that cost at most `budget` FLOPs together.

    Parameters
    ----------
    inputs
        Before the first is chosen.
    """
    open_ = np.ones(len(inputs.flops), dtype=bool)
    indices: list[int] = []
    seen: list[AcquisitionInputs] = []
    while len(indices) < n and (open_ & (inputs.flops <= budget)).any():
        scores = np.where(open_ & (inputs.flops <= budget), acquisition.scores(inputs), -np.inf)
        best = int(np.argmax(scores))
        if scores[best] == -np.inf:
            break
        indices.append(best)
        seen.append(inputs)
        budget -= inputs.flops[best]
        open_[best] = False
        inputs = inputs.after(best)
    return Chosen(indices, seen)
