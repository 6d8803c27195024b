"""How far models lie outside others, in size, tokens and epochs."""

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.runs.sizes import Sizes, mixtures_of


def ranges(places: np.ndarray) -> np.ndarray:
    """Least and largest of models' `coordinates`: (axis, 2)."""
    return np.stack([places.min(axis=0), places.max(axis=0)], axis=1)


def distances(fitted: np.ndarray, places: np.ndarray) -> np.ndarray:
    """How far `coordinates` of models lie beyond ranges, (model, axis), negative below them.

    The sum of squares is the squared distance from the box of fitted ln N and ln D, or from that of
    fitted FLOPs and tokens a parameter, whichever is larger, and that from the fitted epochs: where
    large models saw few tokens and small ones many, a large one with many is inside the first and
    far from any run. Axes are ln N, ln D, what the second box adds, and the log of the epochs.
    """
    places = places[:, : len(fitted)]
    beyond = places - np.clip(places, *fitted[: places.shape[1]].T)
    first, second = (np.square(part).sum(axis=1) for part in (beyond[:, :2], beyond[:, 2:4]))
    added = np.sqrt(np.maximum(second - first, 0.0) / np.maximum(second, np.finfo(float).tiny))
    beyond[:, 2:4] *= added[:, None]
    beyond[:, 4:] = np.maximum(beyond[:, 4:], 0.0)  # fresh tokens are where the law begins
    return np.asarray(beyond)


def coordinates(models: Sizes, mixtures: np.ndarray) -> np.ndarray:
    """Logs of size, tokens, the same turned by 45 degrees, and epochs; ln N without tokens."""
    size = np.log(models.active)
    if models.tokens is None:
        return np.asarray(size[:, None])
    tokens = np.log(models.tokens)
    turned = [part / np.sqrt(2) for part in (size + tokens, tokens - size)]
    return np.stack([size, tokens, *turned, np.log(models.epochs(mixtures))], axis=1)


def coordinates_of(runs: xr.Dataset | pd.DataFrame) -> np.ndarray:
    """`coordinates` of runs, or of a table with their columns: (run, axis)."""
    return coordinates(Sizes.of(runs), mixtures_of(runs))
