"""How long a run takes: seconds per FLOP by device, learned from runs that reported them.

Small models leave a device half idle, so the rate changes with size:

    ln(seconds / FLOPs) = rate(device) + slope · ln N_active

by least squares, with one slope for all devices (0 as long as all runs have one size).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayescamel.runs.sizes import active_params


@dataclass(frozen=True)
class Speed:
    """Learned seconds per FLOP.

    Parameters
    ----------
    rates
        ln(seconds / FLOPs) of a model of one parameter, by device.
    slope
        By which it changes with ln N_active.
    """

    rates: dict[str, float]
    slope: float

    @classmethod
    def learn(cls, runs: pd.DataFrame) -> "Speed | None":
        """From told runs: ``n_params, flops, seconds, device``; None where no run says how long."""
        timed = runs[runs["seconds"].notna() & runs["flops"].notna()]
        if not len(timed):
            return None
        device = timed["device"].fillna("unknown").to_numpy(str)
        log_size = np.log(active_params(timed))
        log_rate = np.log((timed["seconds"] / timed["flops"]).to_numpy(np.float64))
        names = sorted(set(device))
        devices = np.array([[float(d == name) for name in names] for d in device])
        several = np.ptp(log_size) > 0
        regressors = np.column_stack([devices, log_size]) if several else devices
        found = np.linalg.lstsq(regressors, log_rate)[0]
        slope = float(found[-1]) if several else 0.0
        return cls(dict(zip(names, map(float, found), strict=False)), slope)

    def seconds(self, candidates: pd.DataFrame, device: str | None = None) -> np.ndarray:
        """Expected seconds of each candidate (``n_params, flops``) on a device.

        Parameters
        ----------
        device
            None, or one that has reported nothing: the mean of those that have.
        """
        mean = float(np.mean(list(self.rates.values())))
        rate = self.rates.get(device, mean) if device is not None else mean
        log_size = np.log(active_params(candidates))
        flops = candidates["flops"].to_numpy(np.float64)
        return np.asarray(np.exp(rate + self.slope * log_size) * flops)
