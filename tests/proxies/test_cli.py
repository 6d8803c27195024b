import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from proxies import corpora, sweep
from proxies.cli import app
from proxies.config import TrainConfig
from proxies.configurations import ConfigurationError, read_configuration, read_model
from proxies.devices import Runtime
from proxies.grid import Cell
from proxies.shapes import ModelConfig, preset
from proxies.text.build import Limits
from tests.proxies.tiny import SPARSE, TINY, documents


def test_every_command_has_help_that_tells_its_options() -> None:
    for command in ("data", "train", "sweep", "report"):
        shown = CliRunner().invoke(app, [command, "--help"])
        assert shown.exit_code == 0
        assert len(shown.output.splitlines()) > 8
    assert CliRunner().invoke(app, ["--help"]).output.count("│") > 4


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["sweep", "--grid", "none"], "--grid 'none'"),
        (["sweep", "--workers", "0"], "--workers 0"),
        (["sweep", "--device", "abacus"], "device 'abacus'"),
        (["sweep", "--corpora", "missing"], "no such folder of corpora"),
        (["train", "--config", "missing.yaml"], "missing.yaml: no configuration can be read"),
    ],
)
def test_bad_options_end_with_status_2_and_write_nothing(
    tmp_path: Path, words: list[str], problem: str
) -> None:
    out = tmp_path / "out"
    shown = CliRunner().invoke(app, [*words, "--out", str(out)])
    assert shown.exit_code == 2
    (line,) = shown.stderr.splitlines()
    assert problem in line
    assert not out.exists()


def test_data_builds_and_tells(tmp_path: Path) -> None:
    root = tmp_path / "own"
    root.mkdir()
    for seed, name in enumerate(("a", "b")):
        lines = (json.dumps({"text": text}) for _, text in documents(60, seed))
        (root / f"{name}.jsonl").write_text("\n".join(lines))
    words = ["data", "--corpora", str(root), "--cache", str(tmp_path / "cache"), "--check"]
    first = json.loads(CliRunner().invoke(app, words).output)
    assert set(first["domains"]) == {"a", "b"}
    assert first["domains"]["a"]["leakage"] == 0
    again = CliRunner().invoke(app, ["data", "--corpora", first["folder"], "--check"])
    assert json.loads(again.output) == first
    (Path(first["folder"]) / "a.train.bin").write_bytes(b"")
    shown = CliRunner().invoke(app, ["data", "--corpora", first["folder"], "--check"])
    assert shown.exit_code == 2
    assert "was changed" in shown.stderr


def test_report_writes_the_table_once_and_warns(
    tmp_path: Path, saved: Path, tiny_config: TrainConfig
) -> None:
    for shape in (TINY, SPARSE):
        config = replace(tiny_config, model=shape)
        sweep.work(sweep.Job(Cell(f"n{shape.n_params}", config), saved, tmp_path, Runtime()))
    entry = json.loads((tmp_path / f"n{TINY.n_params}.json").read_text())
    for factor, times in ((2, 3.0), (4, 0.9)):  # a run far above its neighbours' curve
        size = factor * TINY.n_params
        losses = {name: times * x for name, x in entry["loss_nats_per_token"].items()}
        changed = {"run_id": f"x{factor}", "n_params": size, "n_active_params": size}
        text = json.dumps(entry | changed | {"loss_nats_per_token": losses})
        (tmp_path / f"x{factor}.json").write_text(text)
    table = tmp_path / "runs.csv"
    words = ["report", str(tmp_path), "--out", str(table)]
    shown = CliRunner().invoke(app, words)
    assert shown.exit_code == 0
    assert str(TINY.n_params) in shown.stdout
    assert shown.stderr.count("warning: x2 is off the ladder") == 2
    assert len(pd.read_csv(table)) == 4
    assert "n_active_params" in pd.read_csv(table)
    refused = CliRunner().invoke(app, words)
    assert refused.exit_code == 2
    assert "--force" in refused.stderr
    assert CliRunner().invoke(app, [*words, "--force"]).exit_code == 0


def test_a_configuration_is_read(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(
        "run_id: mine\nmodel: {dial: 1.3e6}\nmixture: {a: 0.25, b: 0.75}\n"
        "n_tokens: 1.3e7\nbranches: [6.5e6]\nseed: 3\nprecision: bfloat16\n"
    )
    cell = read_configuration(path)
    assert cell.run_id == "mine"
    assert cell.config == TrainConfig(
        ModelConfig.from_dial(1.3e6),
        {"a": 0.25, "b": 0.75},
        13_000_000,
        3,
        (6_500_000,),
        precision="bfloat16",
    )
    assert cell.record_ids == ("mine-d6.5M", "mine-d13M")


def test_models_are_named_in_four_ways() -> None:
    assert read_model({"dial": 48e3, "context": 64}) == ModelConfig.from_dial(48e3, 64)
    assert read_model({"preset": "590M-A12M"}) == preset("590M-A12M")
    assert read_model({"n_active": 48e3, "n_params": 4e5}) == ModelConfig.sparse(48e3, 4e5)
    fields = {"depth": 2, "width": 16, "n_heads": 1, "hidden": 24, "tied": True}
    assert read_model(fields) == ModelConfig(2, 16, 1, 24, tied=True)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[1, 2]", "is a mapping"),
        ("{run_id: x, model: {dial: 1e5}, mixture: {a: 1}}", "the key 'n_tokens' is missing"),
        ("{run_id: x, model: {dial: 1e5}, mixture: {a: 1}, n_tokens: 1e6, lr: 1}", "key 'lr'"),
        ("{run_id: x, model: 5, mixture: {a: 1}, n_tokens: 1e6}", "model: 5 is no mapping"),
        ("{run_id: x, model: {dial: a}, mixture: {a: 1}, n_tokens: 1e6}", "cannot be used"),
        ("{run_id: x, model: {depth: 1}, mixture: {a: 1}, n_tokens: 1e6}", "cannot be used"),
        ("{run_id: [", "no configuration can be read"),
    ],
)
def test_bad_configurations_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=problem):
        read_configuration(path)


def test_a_tokenizer_file_gives_its_tokens(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers", reason="the library tokenizers is no dependency")
    vocabulary = {"<|endoftext|>": 0, "one": 1, "two": 2, "?": 3}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="?"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    from proxies.text.tokenisers import FileTokeniser

    found = FileTokeniser(path)
    assert (found.vocabulary, found.separator) == (4, 0)
    assert found.encode(b"two one three").tolist() == [2, 1, 3]
    pairs = [(f"{i}", "one two " * (20 + i)) for i in range(40)]
    folder = corpora.build(
        {"a": lambda: pairs, "b": lambda: documents(60)},
        tmp_path,
        Limits(10**6, 10**6, 0.3),
        found,
    )
    built = corpora.load(folder)
    assert (built.vocabulary, built.separator) == (4, 0)
    assert built.domains["a"].train.dtype == "uint16"
    assert built.domains["a"].bytes_per_token > 3


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
def test_cuda_without_a_device_is_refused(tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["sweep", "--out", str(tmp_path / "x"), "--device", "cuda"])
    assert shown.exit_code == 2
    assert "finds no CUDA device" in shown.stderr
