"""Tables that say how many tokens of a training domain exist."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bayescamel.exceptions import RunTableError
from bayescamel.runs.table import fingerprint, read_runs
from bayescamel.runs.wide import wide_table


def repeated_table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "run_id": ["a", "b", "c"],
            "n_params": 1e8,
            "n_tokens": [1e9, 2e9, 4e9],
            "w_web": [0.5, 0.5, 1.0],
            "w_code": [0.5, 0.5, 0.0],
            "unique_code": ["1B", "", "inf"],
            "loss_web": [3.0, 2.9, 2.8],
        }
    )


def test_unique_tokens_are_read_and_written_back(tmp_path: Path) -> None:
    runs = read_runs(repeated_table())
    assert list(runs["domain"].values) == ["web", "code"]
    expected = [[np.inf, 1e9], [np.inf, np.inf], [np.inf, np.inf]]
    np.testing.assert_array_equal(runs["unique"], expected)
    wide = wide_table(runs)
    assert [name for name in wide if str(name).startswith("unique_")] == ["unique_code"]
    wide.to_csv(tmp_path / "runs.csv", index=False)
    assert ",inf" not in (tmp_path / "runs.csv").read_text()
    again = read_runs(tmp_path / "runs.csv")
    assert fingerprint(again) == fingerprint(runs)
    record = {
        "run_id": "a",
        "n_params": 1e8,
        "n_tokens": 1e9,
        "mixture": {"web": 1.0},
        "unique": {"web": 5e8},
        "loss": {"web": 3.0},
    }
    assert float(read_runs([record])["unique"][0, 0]) == 5e8


def test_tokens_without_end_are_no_column() -> None:
    table = repeated_table()
    plain = read_runs(table.drop(columns="unique_code"))
    for nothing in (np.nan, np.inf, "inf", ""):
        runs = read_runs(table.assign(unique_code=nothing))
        assert "unique" not in runs
        assert fingerprint(runs) == fingerprint(plain)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"unique_code": [1e9, 0, -2]}, r"run 'b': unique_code = 0 is not positive \(and 1 more"),
        ({"unique_cod": 1e9}, "'unique_cod' names no training domain; there are: web, code"),
        ({"unique_code": "many"}, "'unique_code' holds 'many', not a number"),
    ],
)
def test_unique_tokens_that_cannot_be_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(RunTableError, match=said):
        read_runs(repeated_table().assign(**change))


def test_unique_tokens_need_the_tokens_of_the_runs() -> None:
    with pytest.raises(RunTableError, match=r"'unique_code' tells how many.*'n_tokens'"):
        read_runs(repeated_table().drop(columns="n_tokens"))
