"""Tables in the forms that people have them in: each says what the same CSV says."""

import gzip
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import xarray as xr

from bayescamel.exceptions import RunTableError
from bayescamel.runs.table import read_runs
from bayescamel.runs.wide import wide_table
from tests.runs.test_table import table

FRAME = table().drop(columns="step")
EXPECTED = read_runs(FRAME)


def same(found: xr.Dataset) -> None:
    xr.testing.assert_identical(found, EXPECTED)


@pytest.mark.parametrize("name", ["runs.csv", "runs.tsv", "runs.csv.gz", "RUNS.TSV.GZ"])
def test_delimited_files(name: str, tmp_path: Path) -> None:
    text = FRAME.to_csv(sep="\t" if "tsv" in name.lower() else ",", index=False).encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.lower().endswith("gz") else text)
    same(read_runs(tmp_path / name))


@pytest.mark.parametrize("name", ["runs.jsonl", "runs.jsonl.gz"])
def test_json_lines(name: str, tmp_path: Path) -> None:
    text = FRAME.to_json(orient="records", lines=True).encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    same(read_runs(tmp_path / name))


def test_feather(tmp_path: Path) -> None:
    FRAME.to_feather(tmp_path / "runs.feather")
    same(read_runs(tmp_path / "runs.feather"))


def test_tables_in_memory() -> None:
    arrow = pa.Table.from_pandas(FRAME)
    same(read_runs(arrow))
    same(read_runs(FRAME.set_index("run_id")))
    same(read_runs(FRAME.to_dict(orient="records")))
    same(read_runs(FRAME.to_dict(orient="list")))
    with pytest.raises(RunTableError, match=r"a set of tables \(train, test\): give one of them"):
        read_runs({"train": arrow, "test": arrow})
    with pytest.raises(RunTableError, match="no run table can be read from 3"):
        read_runs(3)  # type: ignore[arg-type]
    with pytest.raises(RunTableError, match="row 1 is no object"):
        read_runs(["a"])


@pytest.mark.slow
def test_polars_and_hugging_face_tables() -> None:
    """Of the dev extra, since both are large."""
    import datasets
    import polars as pl

    frame = pl.from_pandas(FRAME)
    same(read_runs(frame))
    same(read_runs(frame.lazy()))  # type: ignore[arg-type]  # told by its methods
    same(read_runs(datasets.Dataset.from_pandas(FRAME)))


def record(i: int, ours: bool) -> dict[str, Any]:
    """A record as `proxies` writes it, or a plain one."""
    row = {str(k): v for k, v in FRAME.iloc[i].items() if v == v}

    def part(prefix: str) -> dict[str, float]:
        return {k.removeprefix(prefix): v for k, v in row.items() if k.startswith(prefix)}

    made = {k: row[k] for k in ("run_id", "n_params", "n_tokens")} | {"mixture": part("w_")}
    if not ours:
        return made | {
            "loss": part("loss_"), "accuracy": part("acc_"), "score": part("score_")
        }  # fmt: skip
    names = sorted({*part("acc_"), *part("score_")})
    benchmarks = {
        name: {"accuracy": part("acc_").get(name), "score": part("score_").get(name)}
        for name in names
    }
    return made | {"loss_nats_per_token": part("loss_"), "benchmarks": benchmarks, "trace": [1, 2]}


@pytest.mark.parametrize("ours", [True, False])
def test_a_folder_of_records(ours: bool, tmp_path: Path) -> None:
    for i in range(len(FRAME)):
        (tmp_path / f"{i}.json").write_text(json.dumps(record(i, ours)))
    same(read_runs(tmp_path))
    (tmp_path / "other.json").write_text('{"epoch": 3}')
    with pytest.raises(RunTableError, match=r"other.json is no record of a run"):
        read_runs(tmp_path)


def test_broken_json_lines_are_named_by_line(tmp_path: Path) -> None:
    (tmp_path / "runs.jsonl").write_text('{"run_id": "a"}\n{"run_id": \n')
    with pytest.raises(RunTableError, match=r"runs.jsonl, line 2: broken JSON"):
        read_runs(tmp_path / "runs.jsonl")


class Logged(SimpleNamespace):
    """A run as the API of Weights & Biases gives it."""

    def scan_history(self) -> list[dict[str, Any]]:
        return list(self.steps)


def logged(name: str, state: str, size: float, share: float, loss: float) -> Logged:
    config = {"model": {"n_params": size}, "mix": {"code": share, "web": 1 - share}, "max_steps": 9}
    return Logged(
        name=name,
        id=f"id-{name}",
        state=state,
        config=config | {"_wandb": {"version": 1}},
        summary={"val_loss/web": loss, "train/tokens": 1e8, "step": 9, "_wandb": {"runtime": 3}},
        steps=[
            {"_step": 2, "val_loss/web": None, "train/tokens": 1e8, "step": 9},
            {"_step": 1, "val_loss/web": loss, "train/tokens": 5e7, "step": 5},
            {"_step": 0, "val_loss/web": math.inf, "train/tokens": 0.0, "step": 0},
        ],
    )


def test_runs_of_the_wandb_api_by_summary_and_by_history() -> None:
    logs = [logged("a", "finished", 1e6, 0.5, 3.0), logged("b", "crashed", 4e6, 0.2, 2.5)]
    runs = read_runs(logs)
    assert list(runs["run"].to_numpy()) == ["a", "b"]
    assert runs["loss"].sel(validation="web").to_numpy().tolist() == [3.0, 2.5]
    np.testing.assert_allclose(runs["mixture"].sel(domain="code"), [0.5, 0.2])
    assert "1 runs are kept although their State is crashed" in runs.attrs["notes"]
    # The loss was logged at another step than the last row's.
    by_history = read_runs(logs, history="last")
    assert by_history["loss"].sel(validation="web").to_numpy().tolist() == [3.0, 2.5]
    assert by_history["n_tokens"].to_numpy().tolist() == [1e8, 1e8]


def test_mlflow_frames() -> None:
    """As ``mlflow.search_runs`` gives them: parameters are texts."""
    frame = pd.DataFrame(
        {
            "run_id": ["9f", "1e"],
            "experiment_id": "0",
            "status": ["FINISHED", "FAILED"],
            "metrics.loss/web": [3.0, 2.5],
            "params.n_params": ["1000000", "4000000"],
            "params.mix/code": ["0.5", "0.2"],
            "params.mix/web": ["0.5", "0.8"],
            "tags.mlflow.runName": ["a", "b"],
        }
    )
    runs = read_runs(frame)
    assert runs.sizes["run"] == 1
    assert runs["loss"].to_numpy().tolist() == [[3.0]]
    assert "left out 1 that did not finish: 1e (failed)" in runs.attrs["notes"]


def test_the_way_back_to_a_wide_table() -> None:
    same(read_runs(wide_table(EXPECTED)))
    assert wide_table(EXPECTED).columns.tolist() == FRAME.columns.tolist()


def test_sizes_are_coordinates_of_run() -> None:
    by_size = EXPECTED["loss"].groupby("n_params").mean("run")
    assert by_size.sel(n_params=1e6, validation="code") == pytest.approx(1.75)
    assert set(EXPECTED["mixture"].coords) >= {"n_params", "n_tokens"}
