import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from bayescamel.exceptions import RunTableError
from bayescamel.runs.table import check_fittable, read_runs
from tests.strategies import run_tables

ROWS = {
    "run_id": ["a", "b", "c", "d"],
    "n_params": [1e6, 1e6, 3e6, 3e6],
    "n_tokens": [1e8, 1e8, 3e8, 3e8],
    "w_code": [0.5, 1.0, 0.25, 0.0],
    "w_prose": [0.5, 0.0, 0.75, 1.0],
    "loss_code": [2.0, 1.5, 1.8, np.nan],
    "loss_prose": [3.0, 4.0, 2.8, 2.5],
    "acc_quiz": [0.25, 0.3, 0.4, np.nan],
    "score_quiz": [0.26, 0.28, 0.35, 0.3],
    "score_sums": [0.1, 0.2, 0.3, 0.4],
    "step": [10, 20, 10, 20],
}


def table(**changes: object) -> pd.DataFrame:
    return pd.DataFrame(ROWS | changes)


def refused(source: Any, message: str, **options: Any) -> None:
    with pytest.raises(RunTableError, match=message) as caught:
        read_runs(source, **options)
    assert "\n" not in str(caught.value)


def test_named_dims_and_what_was_not_measured() -> None:
    runs = read_runs(table())
    assert dict(runs.sizes) == {"run": 4, "domain": 2, "validation": 2, "benchmark": 2}
    assert runs["loss"].sel(run="b", validation="code") == 1.5
    assert np.isnan(runs["loss"].sel(run="d", validation="code"))
    assert runs["score"].sel(run="c", benchmark="sums") == 0.3
    assert runs["accuracy"].sel(benchmark="sums").isnull().all()
    assert runs["mixture"].sel(run="c", domain="prose") == 0.75


def test_optional_columns_may_be_absent_or_wholly_empty() -> None:
    few = table().drop(columns=["n_tokens", "acc_quiz", "score_quiz", "score_sums", "step"])
    assert set(read_runs(few)) == {"mixture", "loss"}
    assert set(read_runs(few).coords) == {"run", "domain", "validation", "n_params"}
    empty = few.assign(n_active_params=np.nan, n_tokens=np.nan)
    xr.testing.assert_identical(read_runs(empty), read_runs(few))


def test_a_dense_run_among_sparse_ones_has_no_active_size() -> None:
    runs = read_runs(table(n_active_params=[np.nan, 1e5, 3e5, 3e6]))
    assert np.isnan(runs["n_active_params"].sel(run="a"))


@given(frame=run_tables())
def test_files_hold_what_the_frame_holds(
    frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("tables")
    expected = read_runs(frame)
    frame.to_csv(folder / "runs.csv", index=False)
    frame.to_parquet(folder / "runs.parquet")
    xr.testing.assert_identical(read_runs(folder / "runs.csv"), expected)
    xr.testing.assert_identical(read_runs(str(folder / "runs.parquet")), expected)
    for name in map(str, frame.filter(regex="^loss_")):
        np.testing.assert_array_equal(
            expected["loss"].sel(validation=name.removeprefix("loss_")), frame[name]
        )


@given(frame=run_tables(), seed=st.integers(0, 99))
def test_order_of_rows_and_columns_leaves_the_fingerprint(frame: pd.DataFrame, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shuffled = frame.iloc[rng.permutation(len(frame)), rng.permutation(frame.shape[1])]
    assert read_runs(shuffled).attrs == read_runs(frame).attrs


@given(frame=run_tables(), data=st.data())
def test_any_changed_value_changes_the_fingerprint(
    frame: pd.DataFrame, data: st.DataObject
) -> None:
    before = read_runs(frame)
    column = data.draw(
        st.sampled_from([c for c in map(str, frame) if c.startswith(("n_params", "loss_"))])
    )
    row = data.draw(st.integers(0, len(frame) - 1))
    other = frame.copy()
    # Empty becomes a value and a value a larger one.
    values = frame[column].to_numpy(np.float64, copy=True)
    values[row] = np.nan_to_num(values[row], nan=1.0) * 1.001
    other[column] = values
    assert read_runs(other).fingerprint != before.fingerprint


# Every way to spoil one cell, and what the message must name besides the run.
SPOILERS = {
    "text in a number": ("loss_", "3,4", "'3,4', not a number"),
    "negative loss": ("loss_", -1.0, "= -1 is not positive"),
    "infinite loss": ("loss_", np.inf, "= inf is infinite"),
    "negative weight": ("w_", -0.2, "= -0.2 is negative"),
    "missing weight": ("w_", np.nan, "is empty"),
    "weight off": ("w_", 1.5, "weights sum to"),
    "text in a size": ("n_params", "70 or so", "'70 or so', not a number"),
    "no size": ("n_params", np.nan, "is empty"),
    "size of zero": ("n_params", 0.0, "n_params = 0 is not positive"),
    "infinite size": ("n_params", np.inf, "n_params = inf is infinite"),
}


@pytest.mark.parametrize("spoiler", SPOILERS)
@given(frame=run_tables(), data=st.data())
def test_a_spoilt_cell_is_refused_by_name(
    spoiler: str, frame: pd.DataFrame, data: st.DataObject
) -> None:
    prefix, value, message = SPOILERS[spoiler]
    column = data.draw(
        st.sampled_from([name for name in map(str, frame) if name.startswith(prefix)])
    )
    row = data.draw(st.integers(0, len(frame) - 1))
    spoilt = frame.astype({column: object})
    spoilt[column] = [*spoilt[column][:row], value, *spoilt[column][row + 1 :]]
    with pytest.raises(RunTableError) as caught:
        read_runs(spoilt)
    assert message in str(caught.value)
    assert f"run {frame['run_id'][row]!r}" in str(caught.value)
    if spoiler != "weight off":
        assert column in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"acc_quiz": [25, 30, 40, 50]},
            "run 'a': acc_quiz = 25 is outside 0 to 1 .and 3 more such cells.; give a share",
        ),
        ({"score_sums": [0.1, -0.1, 0, 0]}, "run 'b': score_sums = -0.1 is outside"),
        ({"n_active_params": [2e6, 1e6, 1e6, 1e6]}, "'a': n_active_params = 2e.06 exceeds n_param"),
        ({"n_tokens": [1e8, np.nan, 1e8, 1e8]}, "run 'b': n_tokens is empty"),
        (
            {"loss_code": [True, False, True, True]},
            "run 'a': 'loss_code' holds 'True', not a number",
        ),
        ({"loss_code": pd.date_range("2026", periods=4)}, "'loss_code' holds '2026-01-01"),
        ({"run_id": ["a", None, "c", "d"]}, "row 2 below the header has no 'run_id'"),
        ({"run_id": ["a", "b", " ", "d"]}, "row 3 below the header has no 'run_id'"),
        ({"loss_": 1.0}, "column 'loss_' has nothing after its prefix"),
    ],
)
def test_what_no_run_can_have_is_refused(changes: dict[str, Any], message: str) -> None:
    refused(table(**changes), message)


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        (["run_id"], "^no 'run_id' column; the table has n_params.* `bayescamel import` proposes"),
        (["n_params"], "no 'n_params' column"),
        (["w_code", "w_prose"], r"no 'w_\*' column, one for each training domain"),
    ],
)
def test_a_missing_column_is_named(gone: list[str], message: str) -> None:
    refused(table().drop(columns=gone), message)


def test_weights_say_which_run_and_by_how_much() -> None:
    off = table(w_code=[0.5, 1.0, 0.255, 0.0])
    refused(off, r"run 'c': its weights sum to 1.005, off by \+0.005; pass renormalise=True")
    weights = read_runs(off, renormalise=True)["mixture"].sel(run="c")
    np.testing.assert_allclose(weights, [0.255 / 1.005, 0.75 / 1.005])
    np.testing.assert_allclose(
        read_runs(table(w_code=[0.51, 1.01, 0.26, 0.01]), renormalise=True)["mixture"].sum(
            "domain"
        ),
        1,
    )
    refused(table(w_code=[0.5, 1.0, 0.3, 0.0]), "sum to 1.05, off by .0.05; correct the table")
    refused(
        table(w_code=[0.48, 1.0, 0.2, 0.0]),
        r"run 'c': .* 0.95, off by -0.05 \(2 runs in all\); renormalising mends at most 1%",
        renormalise=True,
    )


def test_losses_are_chosen_with_or_without_prefix() -> None:
    runs = read_runs(table(), losses=["loss_prose", "code", "prose"])
    assert list(runs["validation"].values) == ["prose", "code"]
    refused(table(), "no loss on a validation domain 'law'; there are: code, pro", losses=["law"])
    refused(table(), "no validation domain was chosen", losses=[])


def test_checkpoints_are_told_apart_by_tokens() -> None:
    runs = read_runs(
        table(
            run_id=["a", "b", "c", "c"],
            n_tokens=[1e8, 1e8, 1e9, 2.5e9],
            w_code=[0.5, 1.0, 0.0, 0.0],
            w_prose=[0.5, 0.0, 1.0, 1.0],
        )
    )
    assert list(runs["run"].values) == ["a", "b", "c@1e9", "c@2.5e9"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "run_id 'a' occurs more than once at n_tokens = 1e8"),
        ({"n_tokens": [1e8, 2e8, 1e8, 1e8]}, "run_id 'a' occurs 2 times with different 'mixture'"),
        (
            {"n_tokens": [1e8, 2e8, 1e8, 1e8], "n_params": [1e6, 2e6, 3e6, 3e6]},
            "run_id 'a' occurs 2 times with different 'n_params'",
        ),
        ({"n_tokens": np.nan}, "run_id 'a' occurs 2 times and no 'n_tokens' column"),
    ],
)
def test_duplicated_run_ids_are_refused(changes: dict[str, Any], message: str) -> None:
    refused(table(run_id=["a", "a", "b", "c"], **changes), message)


@given(frame=run_tables(), data=st.data())
def test_any_duplicated_run_is_refused(frame: pd.DataFrame, data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(frame) - 1))
    refused(pd.concat([frame, frame.iloc[[row]]]), "occurs")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    refused(tmp_path / "none.csv", "no file .*none.csv")
    (tmp_path / "runs.xlsx").write_text("x")
    refused(tmp_path / "runs.xlsx", "neither a .csv nor a .parquet file")
    (tmp_path / "folder.csv").mkdir()
    refused(tmp_path / "folder.csv", "no run table can be read .*folder")
    for name, content, message in (
        ("empty.csv", b"", "cannot read .*empty.csv"),
        ("latin.csv", b"run_id\n\xff\xfe", "cannot read .*latin.csv"),
        ("ragged.csv", b"run_id,n_params\na,1\nb,2,3\n", "cannot read .*ragged.csv: .*line 3"),
        ("longer.csv", b"run_id,n_params\na,1,2\nb,2,3\n", "more cells than its header"),
        ("twice.csv", b"run_id,n_params, n_params\na,1,1\n", "column 'n_params' occurs twice"),
        ("header.csv", b"run_id,n_params\n", "the run table has no rows"),
        ("text.parquet", b"run_id,n_params\na,1\n", "cannot read .*text.parquet"),
        (
            "semicolons.csv",
            b"run_id;n_params\na;1\n",
            "no 'run_id' column.* the table has run_id;n_params",
        ),
    ):
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, message)


def test_a_frame_with_a_column_twice_is_refused() -> None:
    frame = table()
    refused(pd.concat([frame, frame[["step"]]], axis=1), "column 'step' occurs twice")


def test_a_spreadsheet_file_is_read(tmp_path: Path) -> None:
    text = "\ufeffrun_id, n_params, w_a, loss_a\n001, 1e6, 1, 2.5\nNaN-1, 2e6, 1, \n"
    (tmp_path / "runs.csv").write_text(text, encoding="utf-8")
    runs = read_runs(tmp_path / "runs.csv")
    assert list(runs["run"].values) == ["001", "NaN-1"]
    np.testing.assert_array_equal(runs["loss"].squeeze("validation"), [2.5, np.nan])


def test_what_a_law_needs_of_the_runs() -> None:
    runs = read_runs(table())
    check_fittable(runs, minimum_runs=4)
    with pytest.raises(RunTableError, match=r"4 runs .* too few: this law needs at least 5"):
        check_fittable(runs, minimum_runs=5)
    with pytest.raises(RunTableError, match=r"all 2 runs have one size \(n_params = 3e\+06\)"):
        check_fittable(runs.isel(run=[2, 3]), minimum_runs=2)
    unmeasured = read_runs(table(loss_code=np.nan))
    with pytest.raises(RunTableError, match="no run has a loss on 'code'"):
        check_fittable(unmeasured, minimum_runs=2)


def test_runs_without_any_loss_do_not_count() -> None:
    runs = read_runs(table(loss_code=[1.0, 2.0, np.nan, np.nan], loss_prose=[1.0, 2.0, 3, np.nan]))
    with pytest.raises(RunTableError, match="3 runs with a loss are too few"):
        check_fittable(runs, minimum_runs=4)


def test_active_sizes_are_sizes_too() -> None:
    one_total = read_runs(table(n_params=3e6, n_active_params=[1e6, 1e6, 2e6, np.nan]))
    check_fittable(one_total, minimum_runs=2)
    one_size = read_runs(table(n_params=3e6, n_active_params=1e6))
    with pytest.raises(RunTableError, match="runs have one size"):
        check_fittable(one_size, minimum_runs=2)


def test_quoted_cells_are_cut_and_printable() -> None:
    cell = "\x1b[2J" + "x" * 1000
    with pytest.raises(RunTableError) as caught:
        read_runs(table(loss_code=[1.0, cell, 2.0, 3.0]))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


def test_whole_numbers_that_no_float_holds_are_refused() -> None:
    for value in (10**310, int("9" * 400), "9" * 310, 1e300):
        refused(table(loss_code=[1.0, value, 2.0, 3.0]), "run 'b': .*loss_code")


def test_names_that_no_array_and_no_database_holds_are_refused() -> None:
    """NumPy drops a NUL at the end of a text: two runs would become one."""
    for name in ("b\0", "\0", "a\0b"):
        refused(table(run_id=["a", name, "c", "d"]), "row 2 below the header: run_id .*no text")
        refused(table().rename(columns={"loss_code": f"loss_{name}"}), "a column: .*no text")


def test_ten_thousand_columns_are_read_in_seconds(tmp_path: Path) -> None:
    """In 0.8 s of the processor; column by column through pandas it took ten times as long."""
    wide = pd.DataFrame(np.full((50, 10_000), 2.0), columns=[f"loss_{i}" for i in range(10_000)])
    names = pd.DataFrame({"run_id": [f"r{i}" for i in range(50)], "n_params": 1e6, "w_a": 1.0})
    pd.concat([names, wide], axis=1).to_csv(tmp_path / "runs.csv", index=False)
    took = []
    for _ in range(2):
        began = time.process_time()
        assert read_runs(tmp_path / "runs.csv").sizes["validation"] == 10_000
        took.append(time.process_time() - began)
    assert min(took) < 3
