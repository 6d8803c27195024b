"""What an acquisition may look at."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bayescamel.designs.knowledge import Knowledge
from bayescamel.exceptions import DesignError


@dataclass(frozen=True, eq=False)
class Situation:
    """Candidates, what was trained or is on its way, and what is known.

    Parameters
    ----------
    candidates
        As `check_candidates` returns them.
    flops
        Cost by candidate.
    history
        Runs that were told, are pending or were chosen for this batch: ``n_params``,
        ``n_active_params`` where there are sparse ones, ``w_*`` and ``flops``.
    known
        What the posterior says; None before there is one.
    seed
        Of acquisitions that draw numbers.
    """

    candidates: pd.DataFrame
    flops: np.ndarray
    history: pd.DataFrame
    known: Knowledge | None
    seed: int

    @property
    def knowledge(self) -> Knowledge:
        """What the posterior says.

        Raises
        ------
        DesignError
            When there is no posterior yet.
        """
        if self.known is None:
            raise DesignError(
                "this acquisition needs a posterior: train the space-filling start first"
            )
        return self.known

    def weights(self, table: pd.DataFrame) -> np.ndarray:
        """Mixtures of a table of runs, (run, domain), in the candidates' order of domains."""
        names = [name for name in self.candidates if str(name).startswith("w_")]
        return np.asarray(table[names].to_numpy(np.float64))

    def after(self, index: int) -> "Situation":
        """The situation once a candidate was chosen."""
        row = self.candidates.iloc[[index]].assign(flops=self.flops[index])
        return replace(
            self,
            history=pd.concat([self.history, row], ignore_index=True),
            known=None if self.known is None else self.known.after_candidate(index),
        )
