"""The study's commands: JSON answers, one-line refusals."""

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from bayescamel.cli import app
from proxies.flops import train_flops
from proxies.launch import config_of
from tests.study.examples import measure

CREATE = [
    *("--domains", "code,web", "--sizes", "1e6,4e6,16e6", "--tokens-per-param", "20"),
    *("--params", "64e6", "--tokens", "1.28e9", "--budget", "1e17"),
    *("--chains", "2", "--draws", "100", "--tune", "200"),
]


def bayescamel(*words: str) -> Result:
    return CliRunner().invoke(app, ["study", *words])


def said(*words: str) -> dict[str, Any]:
    done = bayescamel(*words, "--json")
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.stdout))


def refused(message: str, *words: str) -> None:
    done = bayescamel(*words)
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    assert done.stderr.startswith("bayescamel: ")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


def test_ask_tell_fail_status_export(folder: Path) -> None:
    assert said("create", "study.db", *CREATE)["first_runs"] == 5
    asked = said("ask", "study.db", "-n", "3")["candidates"]
    assert {"run_id", "n_params", "n_active_params", "n_tokens", "mixture", "flops"} <= set(
        asked[0]
    )
    first, second, third = asked
    record = {"loss": measure(first["mixture"], first["n_params"]), "seconds": 2.0}
    Path("record.json").write_text(json.dumps(record))
    told = ["tell", "study.db", first["run_id"], "--record", "record.json"]
    assert said(*told) == {"run_id": first["run_id"], "new": True}
    assert said(*told)["new"] is False
    losses = measure(second["mixture"], second["n_params"])
    words = [f"--loss={name}={value!r}" for name, value in losses.items()]
    assert said("tell", "study.db", second["run_id"], *words)["new"] is True
    assert said("fail", "study.db", third["run_id"], "--reason", "no")["new"] is True
    status = said("status", "study.db")
    assert "too few" in status.pop("note")
    assert status == {
        "told": 2,
        "pending": 0,
        "failed": 1,
        "flops_spent": sum(c["flops"] for c in asked),
        "flops_left": 1e17 - sum(c["flops"] for c in asked),
        "expected_regret": None,
        **dict.fromkeys(("recommended", "why", "optimum", "optimum_interval", "converged")),
        "caveats": [],
    }
    assert said("export", "study.db", "--out", "runs.csv") == {"runs": 2, "out": "runs.csv"}
    assert list(pd.read_csv("runs.csv")["run_id"]) == [first["run_id"], second["run_id"]]
    refused("runs.csv exists", "export", "study.db", "--out", "runs.csv")
    said("export", "study.db", "--out", "runs.parquet")
    assert len(pd.read_parquet("runs.parquet")) == 2


def test_told_with_other_numbers_is_refused_until_corrected(folder: Path) -> None:
    said("create", "study.db", *CREATE)
    (asked,) = said("ask", "study.db")["candidates"]
    tell = ["tell", "study.db", asked["run_id"]]
    said(*tell, "--loss", "code=3,web=3")
    refused(f"run '{asked['run_id']}' was told before", *tell, "--loss", "code=3,web=2.5")
    assert said(*tell, "--loss", "code=3,web=2.5", "--correct")["new"] is True


def test_space_from_a_file_and_the_size_of_our_proxies(folder: Path) -> None:
    space = {"domains": ["code", "web"], "sizes": [1e6, 4e6], "n_tokens": 1e9, "seeds": 2}
    Path("space.json").write_text(json.dumps(space))
    target = ["--params", "1e8", "--tokens", "1e9", "--budget", "1e18"]
    said("create", "study.db", "--space", "space.json", *target)
    asked = said("ask", "study.db", "-n", "2")["candidates"]
    assert {c["n_tokens"] for c in asked} == {1e9}
    words = [*CREATE, "--sizes", "16e3,48e3", "--proxies", "--run-tokens", "1e6"]
    words[words.index("--tokens-per-param") : words.index("--params")] = []
    said("create", "proxies.db", *words)
    (asked,) = said("ask", "proxies.db")["candidates"]
    assert asked["n_params"] == 15608
    assert asked["flops"] > 6 * asked["n_params"] * 1e6  # attention and head are counted


def test_a_space_of_dense_and_sparse_proxies(folder: Path) -> None:
    """Sparse candidates are offered with the sizes and costs that our trainer would count."""
    words = [*CREATE, "--sizes", "16e3,48e3,2e5:5e4", "--proxies"]
    said("create", "proxies.db", *words)
    asked = said("ask", "proxies.db", "-n", "3")["candidates"]
    sizes = {(c["n_params"], c["n_active_params"]): c for c in asked}
    sparse = sizes.pop(next(pair for pair in sizes if pair[1] is not None))
    assert {pair[0] for pair in sizes} <= {15_608, 53_272}
    model = config_of(sparse).model
    assert model.n_experts
    assert (model.n_params, model.n_active_params) == (
        sparse["n_params"],
        sparse["n_active_params"],
    )
    assert sparse["n_tokens"] == 20 * model.n_active_params
    assert sparse["flops"] == pytest.approx(train_flops(model, sparse["n_tokens"]))


def test_a_space_with_one_number_of_tokens_a_parameter_is_a_caveat(folder: Path) -> None:
    done = bayescamel("create", "study.db", *CREATE)
    assert "size and tokens cannot be told apart" in done.stderr
    assert "--tokens-per-param 10:40" in done.stderr
    words = list(CREATE)
    words[words.index("20")] = "10:40"
    done = bayescamel("create", "other.db", *words)
    assert (done.exit_code, done.stderr) == (0, "")
    asked = said("ask", "other.db", "-n", "6")["candidates"]
    cells = {(run["n_params"], run["n_tokens"] / run["n_params"]) for run in asked}
    assert cells == {(size, ratio) for size in (1e6, 4e6) for ratio in (10.0, 20.0, 40.0)}


def test_plan_before_a_flop_is_spent(folder: Path) -> None:
    said("create", "study.db", *CREATE)
    found = said("plan", "study.db", "--budget", "1e17")
    assert {row["split"] for row in found["compared"]} == {
        *("plan", "all small", "uniform runs", "uniform FLOPs", "ends", "all large"),
    }
    assert found["error"] == min(row["error"] for row in found["compared"])
    assert (found["converged"], found["caveats"]) == (None, [])
    assert sum(row["flops"] for row in found["runs"]) <= 1e17
    refused("does not pay", "plan", "study.db", "--budget", "nan")
    words = bayescamel("plan", "study.db").stdout
    assert "runs of 1e+06 parameters on 2e+07 tokens" in words
    assert not [line for line in words.splitlines() if line.startswith("    0 runs")]
    assert "uniform FLOPs" in words


def test_attached_runs(folder: Path) -> None:
    said("create", "study.db", *CREATE)
    table = {"Name": ["a"], "State": ["finished"], "size": [4e6], "n_tokens": [8e7]}
    table |= {"mixture/code": [0.4], "mixture/web": [0.6], "loss/code": [3.0], "loss/web": [2.9]}
    pd.DataFrame(table).to_csv("export.csv", index=False)
    words = ["attach", "study.db", "export.csv", "--column", "size=n_params"]
    assert said(*words) == {"new": 1}
    assert said(*words) == {"new": 0}
    refused("form theirs=ours", "attach", "study.db", "export.csv", "--column", "size")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["--budget", "1"], "does not pay for the cheapest run"),
        (["--sizes", "1e6"], "two sizes"),
        (["--sizes", "1e6,big"], "no list of sizes"),
        (["--sizes", "1e6,4e6:"], "no list of sizes"),
        (["--sizes", "1e6,1e6:4e6"], "n_active_params = 4e+06 exceeds n_params = 1e+06"),
        (["--run-tokens", "1e9"], "not both"),
        (["--bound", "code=0.5"], "form domain=least:most"),
        (["--bound", "math=0:1"], "unknown domain 'math'"),
        (["--acquisition", "best"], "unknown acquisition"),
        (["--law", "newton"], "newton"),
        (["--space", "no.json"], "no.json"),
        (["--params", "-1"], "n_params = -1"),
        (["--chains", "0"], "chains = 0"),
    ],
)
def test_what_cannot_be_created(folder: Path, changes: list[str], message: str) -> None:
    words = list(CREATE)
    if changes[0] in words:
        words[words.index(changes[0]) + 1] = changes[1]
    else:
        words += changes
    refused(message, "create", "study.db", *words)
    assert not Path("study.db").exists()


def test_what_cannot_be_told(folder: Path) -> None:
    said("create", "study.db", *CREATE)
    (asked,) = said("ask", "study.db")["candidates"]
    tell = ["tell", "study.db", asked["run_id"]]
    refused("either --record or --loss", *tell)
    refused("no record can be read", *tell, "--record", "no.json")
    Path("list.json").write_text("[1]")
    refused("a record is a JSON object", *tell, "--record", "list.json")
    Path("text.json").write_text('{"loss": {"code": "low"}}')
    refused("loss.code holds 'low'", *tell, "--record", "text.json")
    refused("asked for no run 'r9'", "tell", "study.db", "r9", "--loss", "code=3")
    refused("already", "create", "study.db", *CREATE)
    refused("no study at", "status", "other.db")
    refused("no study 'mine'", "status", "study.db", "--name", "mine")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--command", "train.py {candidate}"], "no place for the record"),
        (["--device", "tpu"], "cpu or cuda"),
        (["--gpus", "1e9"], "form parameters=count"),
        (["--gpus", "1e9=2"], "on one device"),
        (["--timeout", "-1"], "a positive number of seconds"),
        (["--timeout", "nan"], "a positive number of seconds"),
    ],
)
def test_what_cannot_be_run(folder: Path, words: list[str], message: str) -> None:
    said("create", "study.db", *CREATE)
    if "--command" not in words and "--gpus" not in words:
        words = [*words, "--command", "train.py {candidate} {record}"]
    refused(message, "run", "study.db", *words)


def test_without_torch_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said("create", "study.db", *CREATE)
    monkeypatch.setitem(sys.modules, "proxies.launch", None)
    monkeypatch.delattr("proxies.launch", raising=False)
    refused("bayescamel[proxies]", "run", "study.db")
    refused("bayescamel[proxies]", "create", "other.db", *CREATE, "--proxies")


def test_our_trainer_needs_its_own_costs(folder: Path) -> None:
    """6 N D leaves the head and attention out, which are half of a tiny proxy."""
    words = list(CREATE)
    words[words.index("--sizes") + 1] = "16e3,48e3"
    said("create", "study.db", *words)
    refused("create the study with --proxies", "run", "study.db")
