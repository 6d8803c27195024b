"""Run tables for hypothesis."""

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

NAMES = st.text("abcXYZ019-_.,'é", min_size=1, max_size=8)


def _names(least: int, most: int) -> st.SearchStrategy[list[str]]:
    return st.lists(NAMES, min_size=least, max_size=most, unique=True)


@st.composite
def run_tables(draw: st.DrawFn) -> pd.DataFrame:
    """A valid wide table of 2 to 6 runs of at least two sizes."""
    runs = draw(st.integers(2, 6))
    ids = draw(_names(runs, runs))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    table: dict[str, Any] = {"run_id": ids, "n_params": 10.0 ** rng.uniform(5, 10, runs)}
    if draw(st.booleans()):
        table["n_tokens"] = 10.0 ** rng.uniform(8, 12, runs)
    if draw(st.booleans()):
        table["n_active_params"] = table["n_params"] * rng.uniform(0.1, 1, runs)
        table["n_active_params"][0] = np.nan
    domains = draw(_names(1, 4))
    for name, weights in zip(domains, rng.dirichlet(np.ones(len(domains)), runs).T, strict=True):
        table[f"w_{name}"] = weights
    for name in draw(_names(1, 4)):
        loss = rng.uniform(1, 6, runs)
        loss[rng.uniform(size=runs) < 0.2] = np.nan
        table[f"loss_{name}"] = loss
    for prefix in ("acc_", "score_"):
        for name in draw(_names(0, 2)):
            table[prefix + name] = rng.uniform(0, 1, runs)
    return pd.DataFrame(table)
