"""The commands about benchmarks: what they write, say and refuse."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from bayescamel.cli import app
from bayescamel.posterior import Posterior
from tests.benchmarks.known_benchmarks import KNOWN

FEW = ("--chains", 2, "--draws", 150, "--tune", 300)


def bayescamel(*words: str | Path | float) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def answered(result: Result, status: int = 0) -> dict[str, Any]:
    assert result.exit_code == status, result.output
    return dict(json.loads(result.stdout))


def test_fit_benchmarks_writes_and_predict_and_mix_read(
    csv: Path, losses: Posterior, tmp_path: Path
) -> None:
    out, loss_law = tmp_path / "benchmarks.nc", tmp_path / "posterior.nc"
    losses.save(loss_law)
    words = ("fit-benchmarks", csv, "--out", out, "--where", "n_params < 2e7", *FEW)
    said = answered(bayescamel(*words, "--json", "--allow-unconverged"))
    assert (said["law"], said["n_runs"]) == ("simplex", 20)
    assert said["benchmarks"]["winogrande"] == {"above_chance": False}
    again = bayescamel(*words)
    assert (again.exit_code, "exists" in again.stderr) == (2, True)

    predict = ("predict", loss_law, "--params", 2.7e7, "--tokens", 5.4e8, "--benchmarks", out)
    said = answered(bayescamel(*predict, "--json"))
    assert list(said) == ["benchmarks", "extrapolation", "converged", "caveats"]
    assert list(said["benchmarks"]) == list(KNOWN)
    for name, row in said["benchmarks"].items():
        assert list(row) == ["mean", "lower90", "upper90", "above_chance"]
        assert KNOWN[name].chance <= row["lower90"] <= row["mean"] <= row["upper90"] <= 1
    shown = bayescamel(*predict)
    assert shown.exit_code == 0
    assert "unknown" in shown.stdout
    assert "arc_easy" in shown.stdout

    mix = ("mix", loss_law, "--params", 2.7e7, "--tokens", 5.4e8, "--benchmarks", out, "--json")
    best = answered(bayescamel(*mix, "--objective", "triviaqa=1"))
    # TriviaQA listens to b's loss alone, which falls with the weight of b.
    assert best["recommended"]["b"] > 0.6
    assert (best["unit"], 0 < best["expected"] < 1) == ("expected error", True)
    unknown = bayescamel(*mix, "--objective", "arc_hard=1")
    assert (unknown.exit_code, "arc_hard" in unknown.stderr) == (2, True)


def test_the_backtest_answers_as_promised(csv: Path) -> None:
    result = bayescamel("backtest-benchmarks", csv, "--fit-max-params", 9e6, "--json", *FEW)
    said = answered(result)
    assert list(said) == ["benchmarks", "mean_abs_error", "coverage90", "left_out"]
    assert {(row["law"], row["method"]) for row in said["benchmarks"]} == {
        ("simplex", "bayes"),
        ("exponential", "point"),
        ("sigmoid", "point"),
    }
    for row in said["benchmarks"]:
        assert list(row) == [
            *("benchmark", "law", "method", "n_train", "n_test"),
            *("abs_error", "coverage90", "width90", "above_chance"),
        ]
    assert "simplex (bayes)" in result.stderr


def test_the_backtest_shows_a_table(csv: Path) -> None:
    words = ("backtest-benchmarks", csv, "--fit-max-params", 9e6, "--law", "sigmoid")
    result = bayescamel(*words)
    assert result.exit_code == 0, result.output
    assert "winogrande" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "mean absolute error" in result.stdout


def test_results_are_joined_and_the_unmatched_reported(table: pd.DataFrame, tmp_path: Path) -> None:
    plain = table.drop(columns=[name for name in table if str(name).startswith("acc_")])
    runs, results = tmp_path / "runs.csv", tmp_path / "results.csv"
    plain.to_csv(runs, index=False)
    measured = table[["run_id", "acc_arc_easy", "acc_triviaqa"]].iloc[1:]
    stray = pd.DataFrame({"run_id": ["stray"], "acc_arc_easy": [0.5], "acc_triviaqa": [0.1]})
    pd.concat([measured, stray]).to_csv(results, index=False)
    result = bayescamel(
        *("fit-benchmarks", runs, "--out", tmp_path / "b.nc", "--evaluations", results),
        *("--layout", "table", "--key", "run_id", "--json", *FEW, "--allow-unconverged"),
    )
    assert answered(result)["n_runs"] == 24
    assert f"runs without results: {table['run_id'][0]}" in result.stderr
    assert "results without a run: stray" in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("fit-benchmarks", "{csv}", "--out", "{out}", "--law", "magic"), "unknown benchmark law"),
        (("fit-benchmarks", "{csv}", "--out", "{out}", "--losses", "zzz"), "zzz"),
        (("fit-benchmarks", "{csv}", "--out", "{out}", "--evaluations", "absent"), "no folder"),
        (("fit-benchmarks", "{csv}", "--out", "{out}", "--draws", "3"), "draws = 3"),
        (("backtest-benchmarks", "{csv}", "--fit-max-params", "10"), "no run has at most 10"),
        (("backtest-benchmarks", "absent.csv", "--fit-max-params", "1e6"), "absent.csv"),
        (
            ("backtest-benchmarks", "{csv}", "--fit-max-params", "9e6", "--method", "guess"),
            "unknown method 'guess'",
        ),
        (
            ("predict", "{csv}", "--params", "1e7", "--benchmarks", "absent.nc"),
            "no posterior written",
        ),
    ],
)
def test_bad_input_ends_with_one_line_and_status_2(
    words: tuple[object, ...], message: str, csv: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.nc"
    result = bayescamel(*(str(word).format(csv=csv, out=out) for word in words))
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not out.exists()
