"""Small models foretell large ones: splits, scores, the summary."""

import pandas as pd
import pytest

from bayescamel.benchmarks.backtest import (
    BenchmarkBacktest,
    BenchmarkResult,
    as_rows,
    backtest_benchmarks,
)
from bayescamel.benchmarks.table import benchmark_facts
from bayescamel.exceptions import BenchmarkError
from bayescamel.runs.table import read_runs
from tests.benchmarks.known_benchmarks import KNOWN, SETTINGS


def result(
    name: str, law: str, error: float, coverage: float, n: int, above: bool
) -> BenchmarkResult:
    method = "bayes" if law == "simplex" else "point"
    return BenchmarkResult(name, law, method, 20, n, error, coverage, 0.1, above)


def test_the_summary_is_of_ours_over_benchmarks_that_move() -> None:
    backtest = BenchmarkBacktest(
        (
            result("x", "sigmoid", 0.5, 0.0, 4, True),
            result("x", "simplex", 0.02, 1.0, 4, True),
            result("y", "simplex", 0.04, 0.5, 2, True),
            result("z", "simplex", 0.30, 0.0, 2, False),
        ),
        {},
    )
    said = backtest.to_dict()
    assert said["mean_abs_error"] == pytest.approx(0.03)
    assert said["coverage90"] == pytest.approx(5 / 8)
    assert isinstance(said["benchmarks"], list)
    assert len(said["benchmarks"]) == 4


def test_ours_foretells_the_larger_models(table: pd.DataFrame) -> None:
    found = backtest_benchmarks(read_runs(table), 9e6, **SETTINGS)
    assert len(found.results) == 3 * len(KNOWN)
    for r in found.results:
        assert (r.n_train, r.n_test) == (20, 5)
        assert r.above_chance == (r.benchmark != "winogrande")
    ours = found.of("simplex", "bayes", moving=True)
    # The known laws: what is left is the questions' luck and 20 runs' hold on the ceiling.
    assert max(r.abs_error for r in ours) < 0.03
    assert sum(r.coverage90 for r in ours) / 3 >= 0.8
    # Nor do they cover because they are wide.
    assert max(r.width90 for r in ours) < 0.3


def test_one_side_of_a_split_may_not_be_empty(table: pd.DataFrame) -> None:
    runs = read_runs(table)
    with pytest.raises(BenchmarkError, match=r"no run has at most 1000 parameters; the sizes are"):
        backtest_benchmarks(runs, 1e3)
    with pytest.raises(BenchmarkError, match="no run has more than 1e\\+12 parameters"):
        backtest_benchmarks(runs, 1e12)
    with pytest.raises(BenchmarkError, match="unknown method 'guess'"):
        backtest_benchmarks(runs, 9e6, pairs=[("simplex", "guess")])


def test_held_out_runs_have_no_say_in_what_moves(table: pd.DataFrame) -> None:
    spoiled = table.copy()
    spoiled.loc[spoiled["n_params"] > 2e7, "acc_winogrande"] = 0.99
    found = backtest_benchmarks(read_runs(spoiled), 9e6, pairs=[("sigmoid", "point")])
    assert not next(r for r in found.results if r.benchmark == "winogrande").above_chance


def test_columns_that_cannot_be_judged_are_left_out_and_said(table: pd.DataFrame) -> None:
    known = next(iter(KNOWN))
    few = pd.Series([0.3] * 3, index=table.index[:3]).reindex(table.index)
    changed = table.rename(columns={f"acc_{known}": f"acc_{known}_val_rc_5shot"}).assign(
        acc_piqa=None, acc_sciq=few, acc_nobody_knows=0.3
    )
    told: dict[str, str] = {}
    found = backtest_benchmarks(
        read_runs(changed),
        9e6,
        pairs=[("sigmoid", "point")],
        on_left_out=lambda name, why: told.update({name: why}),
    )
    assert set(told) == set(found.left_out) == {"piqa", "sciq", "nobody_knows"}
    assert told["piqa"] == "0 fitted runs have a value, and 4 are needed"
    assert "nothing is known of the benchmark 'nobody_knows'" in told["nobody_knows"]
    assert {r.benchmark for r in found.results} == {*KNOWN, f"{known}_val_rc_5shot"} - {known}
    assert max(len(line) for row in as_rows(found) for line in row) < 40
    with pytest.raises(BenchmarkError, match="no benchmark can be judged: 'nobody_knows'"):
        backtest_benchmarks(
            read_runs(changed).sel(benchmark=["nobody_knows"]), 9e6, pairs=[("sigmoid", "point")]
        )


def test_a_name_is_taken_for_the_longest_known_one_that_it_begins_with() -> None:
    facts = benchmark_facts(["arc_easy_val_rc_5shot", "ARC-Easy", "piqa"])
    assert facts["known_as"].to_numpy().tolist() == ["arc_easy", "arc_easy", "piqa"]
    assert facts["benchmark"].to_numpy().tolist() == ["arc_easy_val_rc_5shot", "ARC-Easy", "piqa"]
    with pytest.raises(BenchmarkError, match="nothing is known of the benchmark 'arc'"):
        benchmark_facts(["arc"])
