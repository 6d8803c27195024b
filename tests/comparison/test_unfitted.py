"""Columns without values where a backtest fits are left out, and said to be."""

import numpy as np
import pandas as pd
import pytest

from bayescamel.comparison.backtest import without_unfitted
from bayescamel.exceptions import RunTableError
from bayescamel.runs.table import read_runs


def test_a_column_of_the_largest_size_alone_is_left_out() -> None:
    table = pd.DataFrame(
        {
            "run_id": list("abcdef"),
            "n_params": [1e6, 1e6, 2e6, 2e6, 4e6, 4e6],
            "w_web": 1.0,
            "loss_web": np.linspace(3, 2, 6),
            "loss_late": [np.nan] * 4 + [2.0, 2.1],
            "loss_never": np.nan,
        }
    )
    kept, why = without_unfitted(read_runs(table))
    assert kept["validation"].to_numpy().tolist() == ["web"]
    assert why == [
        f"loss_{name}: no run of the 2 smallest sizes has a value" for name in ("late", "never")
    ]
    with pytest.raises(RunTableError, match="no validation domain can be judged: loss_late"):
        without_unfitted(read_runs(table, losses=["late"]))
