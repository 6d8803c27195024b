"""The inputs of an acquisition."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bayescamel.designs.linear_gaussian import LinearGaussian
from bayescamel.exceptions import DesignError
from bayescamel.runs.columns import columns, names_in


@dataclass(frozen=True, eq=False)
class AcquisitionInputs:
    """Candidates, what was trained or is on its way, and the surrogate of the losses.

    Parameters
    ----------
    candidates
        As `check_candidates` returns them.
    flops
        Cost by candidate.
    history
        Runs that were told, are pending or were chosen for this batch: ``n_params``,
        ``n_active_params`` where there are sparse ones, ``w_*`` and ``flops``.
    surrogate
        The posterior's losses as a joint Gaussian; None before there is a posterior.
    seed
        Of acquisitions that draw numbers.
    """

    candidates: pd.DataFrame
    flops: np.ndarray
    history: pd.DataFrame
    surrogate: LinearGaussian | None
    seed: int

    def require_surrogate(self) -> LinearGaussian:
        """The surrogate, where an acquisition cannot do without.

        Raises
        ------
        DesignError
            When there is no posterior yet.
        """
        if self.surrogate is None:
            raise DesignError(
                "this acquisition needs a posterior: train the space-filling start first"
            )
        return self.surrogate

    def weights(self, table: pd.DataFrame) -> np.ndarray:
        """Mixtures of a table of runs, (run, domain), in the candidates' order of domains."""
        names = columns("mixture", names_in("mixture", self.candidates))
        return np.asarray(table[names].to_numpy(np.float64))

    def after(self, index: int) -> "AcquisitionInputs":
        """The inputs after a candidate was chosen."""
        row = self.candidates.iloc[[index]].assign(flops=self.flops[index])
        return replace(
            self,
            history=pd.concat([self.history, row], ignore_index=True),
            surrogate=self.surrogate and self.surrogate.condition_on_candidate(index),
        )
