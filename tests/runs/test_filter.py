"""Row filters: which rows they choose, and that they run nothing."""

import contextlib
import time
from pathlib import Path

import pytest

from bayescamel.exceptions import RunTableError
from bayescamel.runs.table import read_runs
from tests.runs.test_table import refused, table


def test_rows_are_chosen_before_they_are_checked() -> None:
    mixed = table(loss_code=["two", 1.5, "n/a", "1.7"])
    runs = read_runs(mixed, where="step == 20 and n_params < 1e7")
    assert list(runs["run"].values) == ["b", "d"]
    assert runs["loss"].sel(run="d", validation="code") == 1.7


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ("run_id in ['a', 'd']", ["a", "d"]),
        ("not (w_code > 0.4) or `loss_prose` == 4", ["b", "c", "d"]),
        ("(w_code > 0.4) & (step % 20 == 0)", ["b"]),
        ("loss_code > 0", ["a", "b", "c"]),
        ("1e6 < n_params * 2 < 3e6", ["a", "b"]),
    ],
)
def test_where_is_a_pandas_query(where: str, ids: list[str]) -> None:
    assert list(read_runs(table(), where=where)["run"].values) == ids


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("steps == 10", "names 'steps', which is no column; columns: run_id, n_params"),
        ("`my step` == 10", "names 'my step', which is no column"),
        ("step ==", "cannot read the row filter"),
        ("", "cannot read the row filter"),
        ("step < 'x'", "cannot evaluate the row filter"),
        ("step", "does not say yes or no"),
        ("1 < 2", "does not say yes or no"),
        ("step > 100", "selects none of the 4 rows"),
        ("@pd.options", "cannot read the row filter"),
        ("run_id.str.startswith('a')", "nothing else"),
        ("step.to_csv('leak.csv')", "nothing else"),
        ("__import__('os').getcwd() == step", "nothing else"),
        ("step ** step == 1", "nothing else"),
        ("not " * 3000 + "step == 1", "cannot .* the row filter"),
    ],
)
def test_a_bad_row_filter_is_refused_and_runs_nothing(
    where: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(table(), message, where=where)
    assert not list(tmp_path.iterdir())


def test_a_column_name_in_a_text_runs_nothing(tmp_path: Path) -> None:
    """pandas would replace the name inside the text by Python source (../shared/data/failing)."""
    made = tmp_path / "made_by_where"
    hostile = f"' or @pd.io.common.os.system(\"touch {made}\") == 0 or '"
    frame = table().assign(**{hostile: 1})
    for where in (f'run_id == "`{hostile}`"', f"`{hostile}` == 1", f"run_id != '`{hostile}`'"):
        with contextlib.suppress(RunTableError):
            read_runs(frame, where=where)
        assert not made.exists()
    assert read_runs(frame, where=f"`{hostile}` == 1").sizes["run"] == 4


@pytest.mark.parametrize(
    "where",
    [
        "run_id == 'a' * 9999999999",
        "run_id * 9999999999 == 'a'",
        "'%9999999999d' % step == run_id",
        "step % 0 == 1 / 0",
        "9" * 5000 + " < step",
        "step << 1",
        "step is None",
        "None",
        "step == b'a'",
        "step < [1, 2]",
        "step in 3",
        "3 in step",
        "step == [step]",
        "not step",
        "step and step",
        "~ (1 == 1)",
        "`",
        "``",
        "`step",
        "'`' == `'`",
        "step == 1 if 1 else 2",
        "(lambda: 1)() == step",
        "[s for s in step]",
        "step == 10 # `x`",
        "step\n== 10 or\nstep",
        "(" * 300 + "step" + ")" * 300,
        "step + " * 2000 + "1 == 1",
        "\0",
        "step == '\ud800'",
        "loss_code == 1j",
        "...",
        "*step",
        "x" * 20_000,
    ],
)
def test_filters_that_cannot_be_are_one_error_in_no_time(where: str) -> None:
    began = time.process_time()
    with pytest.raises(RunTableError) as caught:
        read_runs(table(), where=where)
    assert time.process_time() - began < 2
    assert len(str(caught.value)) < 600
    assert str(caught.value).isprintable()
