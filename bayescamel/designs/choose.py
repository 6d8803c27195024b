"""A batch, one run after the other: each is conditioned on those before it."""

from typing import NamedTuple

import numpy as np

from bayescamel.designs.acquisitions import Acquisition
from bayescamel.designs.situation import Situation


class Chosen(NamedTuple):
    """What was chosen, in order."""

    indices: list[int]
    """Of the candidates."""
    situations: list[Situation]
    """In which each was chosen."""


def choose(acquisition: Acquisition, situation: Situation, n: int, budget: float) -> Chosen:
    """Choose up to `n` candidates that cost at most `budget` FLOPs together.

    Parameters
    ----------
    situation
        What is there before the first is chosen.
    """
    open_ = np.ones(len(situation.flops), dtype=bool)
    indices: list[int] = []
    situations: list[Situation] = []
    while len(indices) < n and (open_ & (situation.flops <= budget)).any():
        scores = np.where(
            open_ & (situation.flops <= budget), acquisition.scores(situation), -np.inf
        )
        best = int(np.argmax(scores))
        if scores[best] == -np.inf:
            break
        indices.append(best)
        situations.append(situation)
        budget -= situation.flops[best]
        open_[best] = False
        situation = situation.after(best)
    return Chosen(indices, situations)
