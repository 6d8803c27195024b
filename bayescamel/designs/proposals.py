"""Candidates found by optimising mixtures in every cell of a space.

A mixture is improved by steps towards other mixtures that the bounds allow, which stay inside
without rejection, since what is allowed is convex. The steps shrink from round to round; every
acquisition can be searched this way, as it is only asked for scores.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from bayescamel.designs.acquisitions import Acquisition
from bayescamel.designs.inputs import AcquisitionInputs
from bayescamel.designs.space import Space
from bayescamel.draws.draws import evenly
from bayescamel.runs.columns import columns, names_in
from bayescamel.runs.sizes import active_params

N_SPREAD_MIXTURES = 128
"""Mixtures spread over the space, offered at every size and number of tokens."""

MAX_TRAINED_MIXTURES = 256
"""Mixtures that were trained among them; of more, every so many in their order: each is offered at
every size, and scoring thousands would be all that an ask does."""

N_LEADERS = 6
"""Candidates around which a round searches."""

STEPS_PER_LEADER = 42
"""Steps from each of them: six times as many fit one compiled evaluation."""

STEP_LENGTHS = (0.5, 0.25, 0.12, 0.06, 0.03)
"""Longest step of each round, as a share of the way to another mixture."""

WEIGHT_DECIMALS = 4
"""Of a proposed weight: what a data loader can keep to."""


def cells(space: Space, mixtures: np.ndarray) -> pd.DataFrame:
    """Every size and number of tokens with each mixture (M, domain), as a table of candidates."""
    parts = []
    for size in space.sizes:
        for tokens in space.tokens(size):
            part = pd.DataFrame(mixtures, columns=columns("mixture", space.domains))
            part["n_params"] = size.n_params
            part["n_active_params"] = np.nan if size.n_active_params is None else size.active
            part["n_tokens"] = tokens
            part["flops"] = size.flops(tokens)
            parts.append(part)
    return named(pd.concat(parts, ignore_index=True))


def named(table: pd.DataFrame) -> pd.DataFrame:
    """Give every row a name that tells its content, so that lotteries do not depend on order."""
    content = [*columns("mixture", names_in("mixture", table)), "n_params", "n_tokens"]
    rows = table[content].round(6).to_numpy(np.float64).tolist()
    return table.assign(run_id=[",".join(map(repr, row)) for row in rows])


def base_mixtures(space: Space, history: pd.DataFrame, seed: int) -> np.ndarray:
    """Mixtures spread over what is allowed, its ends, and what was trained: (M, domain)."""
    spread = space.mixtures(N_SPREAD_MIXTURES, seed)
    trained = history[columns("mixture", space.domains)].to_numpy(np.float64)
    trained = np.unique(rounded(trained, space), axis=0)
    some = evenly(len(trained), min(len(trained), MAX_TRAINED_MIXTURES))
    return np.unique(rounded(np.concatenate([spread, ends(space), trained[some]]), space), axis=0)


def ends(space: Space) -> np.ndarray:
    """For each domain the mixture with the most of it, the rest by their room: (domain, domain).

    Mixtures that are spread lie inside, and no step towards them leaves it.
    """
    lower, upper = space.box()
    room = upper - lower
    left = 1 - lower.sum()
    result = np.tile(lower, (len(lower), 1))
    for k, row in enumerate(result):
        most = min(room[k], left)
        others = np.where(np.arange(len(row)) == k, 0.0, room)
        row += (left - most) * others / max(others.sum(), np.finfo(float).tiny)
        row[k] += most
    return result


def improve(
    acquisition: Acquisition,
    with_candidates: Callable[[pd.DataFrame], AcquisitionInputs],
    table: pd.DataFrame,
    history: pd.DataFrame,
    space: Space,
    budget: float,
    seed: int,
) -> pd.DataFrame:
    """The best candidate around those of a table that may still be trained: one row.

    Parameters
    ----------
    with_candidates
        The inputs with other candidates.
    table
        Where the search begins, from `cells`.
    history
        Runs that were asked for before, chosen ones included.
    budget
        FLOPs that the candidate may cost.

    Returns
    -------
    DataFrame
        One row, with its ``seed``; none where no candidate is affordable or wanted.
    """
    rng = np.random.default_rng(seed)
    weights = columns("mixture", space.domains)
    others = table[weights].drop_duplicates().to_numpy()
    affordable = unused(table[table["flops"] <= budget], history, space)
    leaders = _best(affordable, acquisition, with_candidates)
    for longest in STEP_LENGTHS if len(leaders) else ():
        start = np.repeat(leaders[weights].to_numpy(), STEPS_PER_LEADER, axis=0)
        towards = others[rng.integers(len(others), size=len(start))]
        steps = longest * rng.uniform(size=(len(start), 1))
        moved = leaders.iloc[np.repeat(np.arange(len(leaders)), STEPS_PER_LEADER)].reset_index(
            drop=True
        )
        moved[weights] = rounded((1 - steps) * start + steps * towards, space)
        # The leaders stay in the race: a round never loses what the last one found.
        pool = pd.concat([leaders, moved], ignore_index=True).drop_duplicates(
            [*weights, "n_params", "n_tokens"]
        )
        leaders = _best(unused(named(pool), history, space), acquisition, with_candidates)
    return leaders.iloc[:1]


def _best(
    table: pd.DataFrame,
    acquisition: Acquisition,
    with_candidates: Callable[[pd.DataFrame], AcquisitionInputs],
) -> pd.DataFrame:
    """The leaders of a table, best first."""
    if not len(table):
        return table
    scores = acquisition.scores(with_candidates(table))
    order = np.argsort(-scores, kind="stable")[:N_LEADERS]
    return table.iloc[order[scores[order] > -np.inf]].reset_index(drop=True)


def rounded(mixtures: np.ndarray, space: Space) -> np.ndarray:
    """Weights of a few decimals, within bounds: the weight with the most room takes the rest."""
    lower, upper = space.box()
    result = np.clip(np.round(mixtures, WEIGHT_DECIMALS), lower, upper)
    rest = 1 - result.sum(axis=1)
    room = np.where(rest[:, None] > 0, upper - result, result - lower)
    result[np.arange(len(result)), room.argmax(axis=1)] += rest
    return np.asarray(np.round(result, WEIGHT_DECIMALS + 2))


def unused(table: pd.DataFrame, history: pd.DataFrame, space: Space) -> pd.DataFrame:
    """Cells that may still be trained, with the ``seed`` that their next run has."""
    used = _keys(history, space).value_counts()
    count = _keys(table, space).map(used).fillna(0).astype(int)
    return table.assign(seed=count)[(count < space.seeds).to_numpy()].reset_index(drop=True)


def _keys(table: pd.DataFrame, space: Space) -> pd.Series:
    """What makes two runs repetitions of one: size, tokens and mixture, to rounding."""
    weights = table[columns("mixture", space.domains)].to_numpy(np.float64)
    sizes = np.stack([active_params(table), table["n_params"], table["n_tokens"]], axis=1)
    # Thousandths of a decade: a size that was realised a little off is the one that was asked for.
    content = np.hstack([np.round(weights, WEIGHT_DECIMALS), np.round(np.log10(sizes), 3)]) + 0.0
    # Bytes of a row: quicker than its text.
    return pd.Series([row.tobytes() for row in content], index=table.index, dtype=object)
