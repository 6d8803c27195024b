"""Bad input on the command line: one line, exit status 2, nothing written."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from bayescamel import __version__
from bayescamel.cli import app

ROWS = pd.DataFrame(
    {
        "run_id": [f"r{i}" for i in range(8)],
        "n_params": [1e6] * 4 + [3e6] * 4,
        "n_tokens": [1e8] * 4 + [3e8] * 4,
        "w_a": [0.1, 0.4, 0.6, 0.9] * 2,
        "w_b": [0.9, 0.6, 0.4, 0.1] * 2,
        "loss_a": [3.4, 3.2, 3.1, 3.0, 3.2, 3.0, 2.9, 2.8],
        "loss_b": [3.0, 3.1, 3.2, 3.4, 2.8, 2.9, 3.0, 3.2],
    }
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    ROWS.to_csv("runs.csv", index=False)
    return tmp_path


def bayescamel(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def refused(result: Result, message: str, folder: Path, left: set[str]) -> None:
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("bayescamel: ")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert {path.name for path in folder.iterdir()} == left


def spoilt(**changes: Any) -> None:
    ROWS.assign(**changes).to_csv("runs.csv", index=False)


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"w_a": [0.2, 0.4, 0.6, 0.9] * 2}, "", "run 'r0': its weights sum to 1.1, off by +0.1"),
        ({"w_a": [0.105, 0.4, 0.6, 0.9] * 2}, "", "--renormalise"),
        ({"w_a": [0.2, 0.4, 0.6, 0.9] * 2}, "--renormalise", "mends at most 1%"),
        ({"loss_a": -1.0}, "", "run 'r0': loss_a = -1 is not positive"),
        ({"loss_b": float("inf")}, "", "run 'r0': loss_b = inf is infinite"),
        ({"run_id": "r"}, "", "run_id 'r' occurs more than once"),
        ({"n_params": "70ish"}, "", "run 'r0': 'n_params' holds '70ish', not a number"),
        ({}, "--where w_a<0.5", "too few"),
        ({}, "--where w_a>2", "selects none of the 8 rows"),
        ({}, "--where step==1", "names 'step', which is no column"),
        ({}, "--where w_a.sum()", "nothing else"),
        ({}, "--losses a,c", "no loss on a validation domain 'c'; there are: a, b"),
        ({}, "--law nonsense", "nonsense"),
        ({}, "--chains 1", "chains = 1"),
        ({}, "--out none/posterior.nc", "no folder none"),
    ],
)
def test_fit_refuses(changes: dict[str, Any], options: str, message: str, folder: Path) -> None:
    spoilt(**changes)
    result = bayescamel("fit", "runs.csv", "--out", "posterior.nc", *options.split())
    refused(result, message, folder, {"runs.csv"})


@pytest.mark.parametrize("prefix", ["w_", "loss_"])
def test_fit_needs_both_kinds_of_columns(prefix: str, folder: Path) -> None:
    ROWS.drop(columns=ROWS.filter(regex=f"^{prefix}").columns).to_csv("runs.csv", index=False)
    result = bayescamel("fit", "runs.csv", "--out", "posterior.nc")
    refused(result, f"no '{prefix}*' column", folder, {"runs.csv"})


def test_fit_refuses_files_it_cannot_read(folder: Path) -> None:
    result = bayescamel("fit", "none.csv", "--out", "posterior.nc")
    refused(result, "no file none.csv", folder, {"runs.csv"})
    Path("bad.csv").write_bytes(b"\xff\xfe\x00")
    result = bayescamel("fit", "bad.csv", "--out", "posterior.nc")
    refused(result, "cannot read bad.csv", folder, {"runs.csv", "bad.csv"})


def test_an_existing_output_is_refused_before_the_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        sys.modules, "bayescamel.inference.fit", None
    )  # importing it would now fail
    Path("posterior.nc").write_text("precious")
    result = bayescamel("fit", "runs.csv", "--out", "posterior.nc")
    refused(result, "posterior.nc exists already: choose", folder, {"runs.csv", "posterior.nc"})
    assert Path("posterior.nc").read_text() == "precious"
    Path("demo.png").write_text("precious")
    result = bayescamel("demo")
    refused(result, "demo.png exists", folder, {"runs.csv", "posterior.nc", "demo.png"})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("predict none.nc --params 1e9", "none.nc"),
        ("predict runs.csv --params 1e9", "runs.csv"),
        ("predict none.nc --params -1", "n_params = -1"),
        ("predict none.nc --params 1e9 --tokens inf", "n_tokens = inf"),
        ("predict none.nc --params 1e9 --active-params 2e9", "exceeds n_params"),
        ("predict none.nc --params 1e9 --mixture a", "mixture 'a' is not of the form name=weight"),
        ("predict none.nc --params 1e9 --mixture a=x", "mixture 'a=x' is not of the form"),
        ("predict none.nc --params 1e9 --mixture a=1 --mixture a=0", "mixture 'a' is given twice"),
        ("mix none.nc --params 1e9", "none.nc"),
        ("mix none.nc --params 1e9 --objective a=1,b", "objective 'b' is not of the form"),
    ],
)
def test_predict_and_mix_refuse(words: str, message: str, folder: Path) -> None:
    refused(bayescamel(*words.split()), message, folder, {"runs.csv"})


def test_an_interrupt_is_one_line_and_130(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bayescamel.runs.table.read_runs", interrupt)
    result = bayescamel("fit", "runs.csv", "--out", "posterior.nc")
    assert (result.exit_code, result.stderr) == (130, "bayescamel: interrupted\n")


def test_the_installed_command_runs() -> None:
    command = Path(sys.executable).parent / "bayescamel"
    said = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == __version__
