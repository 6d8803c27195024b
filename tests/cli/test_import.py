"""From an export to a table and a kept mapping; lists, an example, counts as people write them."""

import json
from pathlib import Path

import pandas as pd
import pytest
import xarray as xr
from typer.testing import CliRunner, Result

from bayescamel.cli import app
from bayescamel.cli.common import tabled
from bayescamel.designs import ACQUISITIONS
from bayescamel.laws import LAWS
from bayescamel.runs.bundled import load_proxies
from bayescamel.runs.table import read_runs
from tests.runs.test_mapping import THEIRS, export


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    pd.DataFrame(THEIRS).to_csv("theirs.csv", index=False)
    export().to_csv("export.csv", index=False)
    return tmp_path


def bayescamel(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def test_an_export_is_looked_at_written_and_its_mapping_kept(folder: Path) -> None:
    words = ["import", "theirs.csv", "--column", "params=n_params"]
    said = bayescamel(*words, "--out", "runs.csv", "--mapping", "runs.toml")
    assert said.exit_code == 0, said.output
    assert "eval/ppl/web  ppl_web" in said.stdout
    assert "is called a perplexity" in said.stdout
    assert "3 runs of 2 sizes" in said.stdout
    assert "web = web" in said.stdout
    written = read_runs("runs.csv")
    xr.testing.assert_allclose(written, read_runs("theirs.csv", columns="runs.toml"))
    again = bayescamel(*words, "--out", "runs.csv")
    assert (again.exit_code, "exists" in again.stderr) == (2, True)
    answer = json.loads(bayescamel(*words, "--json").stdout)
    assert answer["columns"]["mix/code"]["ours"] == "w_code"
    assert (answer["n_runs"], answer["matched"]) == (3, {"web": "web"})


def test_what_was_left_out_is_said(folder: Path) -> None:
    said = bayescamel("import", "export.csv")
    assert "note: left out 1 that did not finish: d (killed)" in said.stdout


def test_what_cannot_be_read_is_one_line_and_writes_no_table(folder: Path) -> None:
    pd.DataFrame(THEIRS).drop(columns=["mix/code", "params"]).to_csv("few.csv", index=False)
    said = bayescamel("import", "few.csv", "--column", "mix/web=share", "--out", "runs.csv")
    assert said.exit_code == 2
    assert said.stderr.startswith("bayescamel: no 'n_params' column; no 'w_*' column, one for each")
    assert said.stderr.count("\n") == 1
    assert "experiment    run_id" in said.stdout
    assert not Path("runs.csv").exists()
    other = bayescamel("import", "theirs.csv", "--out", "runs.parquet")
    assert (other.exit_code, "is written as .csv" in other.stderr) == (2, True)


def test_the_example_is_the_bundled_runs(folder: Path) -> None:
    assert bayescamel("example", "bundled.csv").exit_code == 0
    xr.testing.assert_identical(read_runs("bundled.csv"), load_proxies())
    assert bayescamel("example", "bundled.csv").exit_code == 2


def test_laws_and_acquisitions_are_listed() -> None:
    assert set(json.loads(bayescamel("laws", "--json").stdout)["laws"]) == set(LAWS)
    listed = json.loads(bayescamel("acquisitions", "--json").stdout)["acquisitions"]
    assert set(listed) == set(ACQUISITIONS)
    assert all(listed.values())
    assert "camel" in bayescamel("laws").stdout


def test_counts_are_read_as_people_write_them(folder: Path) -> None:
    words = ["--domains", "a,b", "--sizes", "1M,0.004B", "--run-tokens", "20M", "--budget", "1e19"]
    made = bayescamel("study", "create", "s.db", *words, "--params", "7B", "--tokens", "2T")
    assert made.exit_code == 0, made.output
    from bayescamel.study import Study

    settings = Study.open("s.db").settings
    assert (settings.target.n_params, settings.target.n_tokens) == (7e9, 2e12)
    assert [size.n_params for size in settings.space.sizes] == [1e6, 4e6]
    wrong = bayescamel("predict", "none.nc", "--params", "7Q")
    assert (wrong.exit_code, "write 7B, 2.5T" in wrong.stderr.replace("\n", " ")) == (2, True)


def test_tables_are_plain_lines() -> None:
    assert tabled(("a", "long"), [("x", "1"), ("yy", "23")], right=[1]) == (
        "a   long\n--  ----\nx      1\nyy    23"
    )
