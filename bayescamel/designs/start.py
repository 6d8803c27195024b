"""The runs before the first fit, spread over mixtures and the small sizes."""

import numpy as np
import pandas as pd

from bayescamel.designs.proposals import cells, rounded, unused
from bayescamel.designs.space import Space
from bayescamel.runs.columns import columns
from bayescamel.runs.sizes import active_params

N_SPREAD_MIXTURES = 64
"""From which the start is chosen, farthest first."""

SAME_TOKENS = 0.05
"""In ln tokens: a run that saw a step more or less than it was asked to."""


def start_runs(space: Space, history: pd.DataFrame, n: int, budget: float) -> pd.DataFrame:
    """Up to `n` runs for `budget` FLOPs, each far from all others.

    Sizes take turns, and within each its numbers of tokens; small ones only (the cheaper half, two
    at least): a law over size needs two sizes, and the smallest say what mixtures do for the least.
    Within a size the next mixture is the one farthest from those of the history; at another size a
    mixture counts half as near.

    Parameters
    ----------
    history
        Runs that were told or are pending.
    """
    by_cost = sorted(space.sizes, key=lambda size: size.flops(space.tokens(size)[0]))
    small = by_cost[: max(2, len(by_cost) // 2)]
    weights = columns("mixture", space.domains)
    mixtures = np.unique(rounded(space.mixtures(N_SPREAD_MIXTURES, seed=0), space), axis=0)
    table = cells(space, mixtures)
    rows: list[pd.DataFrame] = []
    while len(rows) < n:
        trained = pd.concat([history, *rows], ignore_index=True)
        counts = [int((trained["n_params"] == size.n_params).sum()) for size in small]
        for size in [small[i] for i in np.argsort(counts, kind="stable")]:
            here = table[(table["n_params"] == size.n_params) & (table["flops"] <= budget)]
            here = unused(here[active_params(here) == size.active], trained, space)
            here = _fewest_tokens(here, trained[trained["n_params"] == size.n_params])
            if len(here):
                row = here.iloc[[_farthest(here, trained, weights, size.n_params)]]
                rows.append(row)
                budget -= float(row["flops"].iloc[0])
                break
        else:
            break
    return pd.concat(rows, ignore_index=True) if rows else table.iloc[:0].assign(seed=0)


def _fewest_tokens(table: pd.DataFrame, trained: pd.DataFrame) -> pd.DataFrame:
    """Candidates of one size with the number of tokens that the fewest of its runs have.

    So that from the first fit on the runs tell tokens from size.
    """
    if not len(table):
        return table
    choices = np.sort(table["n_tokens"].unique())
    near = np.log(trained["n_tokens"].to_numpy(np.float64))[:, None] - np.log(choices)
    counts = (np.abs(near) < SAME_TOKENS).sum(axis=0)
    fewest: pd.DataFrame = table[table["n_tokens"] == choices[counts.argmin()]]
    return fewest.reset_index(drop=True)


def _farthest(
    table: pd.DataFrame, trained: pd.DataFrame, weights: list[str], n_params: float
) -> int:
    mixtures = table[weights].to_numpy()
    if not len(trained):
        return int(np.square(mixtures - mixtures.mean(axis=0)).sum(axis=1).argmin())
    apart = np.square(mixtures[:, None] - trained[weights].to_numpy()[None]).sum(axis=2)
    apart = apart * np.where(trained["n_params"] == n_params, 1.0, 4.0)
    return int(apart.min(axis=1).argmax())
