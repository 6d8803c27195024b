"""What counts as a size, and columns that were not measured."""

import numpy as np
import pandas as pd
import pytest

from bayescamel.exceptions import RunTableError
from bayescamel.runs.checks import check_fittable
from bayescamel.runs.sizes import SAME_SIZE, n_sizes
from bayescamel.runs.table import read_runs


def runs(sizes: list[float]) -> pd.DataFrame:
    """Eight runs over two domains, of these sizes in turn."""
    shares = np.linspace(0.1, 0.9, 8)
    return pd.DataFrame(
        {
            "run_id": [f"r{i}" for i in range(8)],
            "n_params": np.resize(sizes, 8),
            "n_tokens": 1e9,
            "w_code": shares,
            "w_web": 1 - shares,
            "loss_code": 3 - shares,
            "loss_web": 2 + shares,
        }
    )


@pytest.mark.parametrize(
    ("sizes", "count"),
    [
        ([1e6, 1e6], 1),
        ([1e6, 1.04e6], 1),
        ([1e6, 1.04e6, 1.02e6], 1),
        ([1e6, 1.06e6], 2),
        ([1e6, 1.04e6, 4e6, 4.1e6], 2),
    ],
)
def test_sizes_nearer_than_five_per_cent_are_one(sizes: list[float], count: int) -> None:
    found = read_runs(runs(sizes))
    assert (SAME_SIZE, n_sizes(found)) == (0.05, count)
    if count > 1:
        check_fittable(found)
    else:
        with pytest.raises(RunTableError, match=r"all 8 runs have one size .* to 5%"):
            check_fittable(found)


def test_a_loss_that_is_the_same_in_every_run_was_not_measured() -> None:
    table = runs([1e6, 4e6])
    constant = read_runs(table.assign(loss_web=2.0))
    with pytest.raises(RunTableError, match="loss_web is 2 in every run"):
        check_fittable(constant)
    nearly = table.assign(loss_web=[2.0] * 7 + [2.1])
    check_fittable(read_runs(nearly))
    # Two equal numbers may be measurements, and what was not measured is no number.
    check_fittable(read_runs(table.assign(loss_web=[2.0] * 2 + [np.nan] * 6)))


def test_a_name_without_end_is_cut_where_it_is_quoted() -> None:
    table = runs([1e6, 4e6]).rename(columns={"w_web": "w_" + "x" * 5000})
    unused = table.assign(**{"w_" + "x" * 5000: 0.0, "w_code": 1.0})
    with pytest.raises(RunTableError, match=r"training domain 'xxx.*… has no weight") as raised:
        check_fittable(read_runs(unused))
    assert len(str(raised.value)) < 400
