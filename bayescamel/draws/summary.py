"""Draws in few numbers: their mean and the interval that holds 90 % of them."""

import numpy as np
import xarray as xr

LEVELS = (0.05, 0.95)
"""Quantiles between which a 90 % interval lies."""


def interval90(draws: np.ndarray, axis: int | tuple[int, ...] = 0) -> np.ndarray:
    """Lower and upper bound, stacked along a new first axis, over the axes of the draws."""
    return np.asarray(np.quantile(draws, LEVELS, axis=axis))


def summarise(draws: xr.DataArray) -> xr.Dataset:
    """``mean, lower90, upper90`` over the dims chain and draw."""
    mean = draws.mean(("chain", "draw"))
    lower, upper = interval90(draws.transpose("chain", "draw", ...).to_numpy(), (0, 1))
    bounds = {"lower90": mean.copy(data=lower), "upper90": mean.copy(data=upper)}
    return xr.Dataset({"mean": mean, **bounds})
