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
    assert "that each is: web = web\n" in said.stdout  # the extremes of its bins are no domains


def test_what_cannot_be_read_is_one_line_and_writes_no_table(folder: Path) -> None:
    pd.DataFrame(THEIRS).drop(columns=["mix/code", "params"]).to_csv("few.csv", index=False)
    said = bayescamel("import", "few.csv", "--column", "mix/web=share", "--out", "runs.csv")
    assert said.exit_code == 2
    assert said.stderr.startswith("bayescamel: no 'n_params' column; no 'w_*' column, one for each")
    assert said.stderr.count("\n") == 1
    assert "of one data set: --column w_data=1; the table has" in said.stderr
    assert said.stderr.endswith(": --column theirs=ours gives names\n")
    assert "experiment    run_id" in said.stdout
    assert not Path("runs.csv").exists()
    other = bayescamel("import", "theirs.csv", "--out", "runs.parquet")
    assert (other.exit_code, "is written as .csv" in other.stderr) == (2, True)


def test_a_refusal_writes_no_mapping(folder: Path) -> None:
    said = bayescamel("import", "theirs.csv", "--column", "mix/web=share", "--mapping", "runs.toml")
    assert said.exit_code == 2
    assert not Path("runs.toml").exists()


def test_rows_of_an_imported_table_are_chosen_by_its_other_columns(folder: Path) -> None:
    other = {"step": [10, 20, 30], "sweep": ["x", None, "y"], "why": "l" * 1000, "empty": None}
    pd.DataFrame(THEIRS | other).iloc[::-1].to_csv("theirs.csv", index=False)
    said = bayescamel("import", "theirs.csv", "--where", "step > 10", "--out", "runs.csv")
    assert said.exit_code == 0, said.output
    assert "kept to choose rows by (--where): step, sweep\n" in said.stdout
    written = pd.read_csv("runs.csv")
    assert dict(zip(written["run_id"], written["step"], strict=True)) == {"b": 20, "c": 30}
    assert read_runs("runs.csv", where="sweep == 'y'")["run"].item() == "c"
    bayescamel("import", "export.csv", "--out", "once.csv")
    once = read_runs("once.csv")  # what their State says was judged, and is judged no more
    assert "notes" not in once.attrs
    xr.testing.assert_allclose(once, read_runs("export.csv"))


def test_a_table_under_our_names_of_one_size(folder: Path) -> None:
    rows = {"run_id": ["a", "b"], "w_x": [0.4, 0.5], "w_y": [0.6, 0.5], "loss_x": [2.0, 1.9]}
    pd.DataFrame(rows).to_csv("ours.csv", index=False)
    said = bayescamel("import", "ours.csv", "--column", "n_params=12M", "--out", "runs.csv")
    assert "2 runs of 1 size, 1.2e+07\n" in said.stdout
    assert pd.read_csv("runs.csv")["n_params"].tolist() == [12e6, 12e6]
    said = bayescamel("import", "runs.csv")
    assert "\n2 rows\n" in said.stdout  # nothing to name


def test_evaluation_results_are_shown_their_command(folder: Path) -> None:
    Path("results/model").mkdir(parents=True)
    Path("results/model/results.json").write_text('{"results": {}}')
    for place in ("results", "results/model"):
        said = bayescamel("import", place)
        assert said.exit_code == 2
        remedy = "; for evaluation results: bayescamel fit-benchmarks --evaluations\n"
        assert said.stderr.endswith(remedy)


def test_a_shell_is_told_options_alone(folder: Path) -> None:
    said = bayescamel("example", "theirs.csv")
    assert said.stderr.endswith("choose another name or pass --force\n")


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
