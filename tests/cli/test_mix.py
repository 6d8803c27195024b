"""`bayescamel mix` with constraints, tokens, a reference and a recipe, on a known posterior."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner, Result

from bayescamel.cli import app
from bayescamel.posterior import Posterior
from tests.known import known_posterior

WORDS = ("mix", "posterior.nc", "--params", 1e9, "--tokens", 2e10)


def bayescamel(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is not read: a saved posterior needs a law of the registry."""
    posterior = known_posterior(np.linspace(0.2, 0.6, 60))
    monkeypatch.setattr(Posterior, "load", classmethod(lambda cls, path: posterior))


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    tokens, reference = tmp_path / "tokens.csv", tmp_path / "ref.json"
    tokens.write_text("domain,tokens\nd0,500M\nd1,2e11\n")
    reference.write_text('{"d0": 0.1, "d1": 0.2, "d2": 0.7}')
    return {"available": tokens, "reference": reference, "folder": tmp_path}


def test_the_answer_carries_the_decision(files: dict[str, Path]) -> None:
    result = bayescamel(
        *(*WORDS, "--objective", "d0=0.5,d1=0.5", "--available", files["available"]),
        *("--max-epochs", 4, "--reference", files["reference"], "--json"),
    )
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["recommended"]["d0"] == pytest.approx(4 * 5e8 / 2e10, abs=1e-4)
    assert said["epochs"]["d0"] == pytest.approx(4, abs=4e-3)
    assert sum(said["tokens"].values()) == 2e10
    assert sum(said["optimum"].values()) == pytest.approx(1)
    assert said["binding"] == ["d0 ≤ 0.1 (4 epochs of 5e+08 tokens in 2e+10)"]
    assert said["against_reference"]["probability"] == 1
    assert "a prior: no run repeats tokens (R*" in said["repetition"]
    low, high = said["against_reference"]["gain_interval"]
    assert low < said["against_reference"]["gain"] < high
    assert said["regret"] > 0
    assert said["regret90"] > 0


def test_a_prediction_with_repeated_tokens_is_of_a_higher_loss(files: dict[str, Path]) -> None:
    given = ("--mixture", "d0=0.5,d1=0.3,d2=0.2", "--kind", "curve", "--json")
    words = ("predict", *WORDS[1:], *given)
    fresh = json.loads(bayescamel(*words).stdout)["losses"]
    worn = json.loads(bayescamel(*words, "--available", files["available"]).stdout)["losses"]
    assert worn["d0"]["mean"] > fresh["d0"]["mean"] + 0.01
    assert worn["d1"]["mean"] == pytest.approx(fresh["d1"]["mean"], abs=1e-9)


@pytest.mark.parametrize(
    ("objective", "note"),
    [
        ("d0=.5,d1=.4", "note: weights of the objective sum to 0.9 and are scaled to 1\n"),
        ("d0=1,d1=1", "note: weights of the objective sum to 2 and are scaled to 1\n"),
        ("d0=0.3333333,d1=0.6666667", ""),
    ],
)
def test_an_objective_is_not_scaled_in_silence(
    files: dict[str, Path], objective: str, note: str
) -> None:
    result = bayescamel(*WORDS, "--objective", objective, "--json")
    assert result.exit_code == 0, result.output
    assert "".join(line for line in result.stderr.splitlines(True) if "sum to" in line) == note


def test_bounds_groups_and_trust_region_are_read(files: dict[str, Path]) -> None:
    result = bayescamel(
        *(*WORDS, "--min", "d0=0.2,d1=0.1", "--max", "d2=0.6", "--group", "d0+d1=0.3:0.45"),
        *("--reference", files["reference"], "--near", 0.2, "--risk", "cvar:0.8", "--json"),
    )
    assert result.exit_code == 0, result.output
    weights = json.loads(result.stdout)["recommended"]
    assert 0.3 - 1e-9 <= weights["d0"] + weights["d1"] <= 0.45 + 1e-9
    assert weights["d0"] >= 0.2 - 1e-9
    moved = abs(weights["d0"] - 0.1) + abs(weights["d1"] - 0.2) + abs(weights["d2"] - 0.7)
    assert moved / 2 <= 0.2 + 1e-9


@pytest.mark.parametrize(("name", "read"), [("mix.yaml", yaml.safe_load), ("mix.json", json.loads)])
def test_a_recipe_is_written_and_serves_as_the_next_reference(
    files: dict[str, Path], name: str, read: Callable[[str], Any]
) -> None:
    out = files["folder"] / name
    words = (*WORDS, "--available", files["available"], "--out", out)
    shown = bayescamel(*words)
    assert shown.exit_code == 0, shown.output
    assert "epochs" in shown.stdout
    written = read(out.read_text())
    assert written["target"] == {"n_params": 1e9, "n_active_params": 1e9, "n_tokens": 2e10}
    assert sum(written["tokens"].values()) == 2e10
    assert (written["basis"]["posterior"], written["basis"]["converged"]) == ("posterior.nc", True)
    assert written["basis"]["expected_regret"] >= 0
    assert list(written["basis"]["optimum_interval"]) == list(written["weights"])
    again = bayescamel(*words)
    assert (again.exit_code, again.stdout) == (2, "")
    assert "--force" in again.stderr
    if name.endswith(".json"):
        said = json.loads(bayescamel(*WORDS, "--reference", out, "--json").stdout)
        assert said["against_reference"]["gain"] == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--min", "d0=0.7", "--max", "d1=0.1,d2=0.1", "--min", "d1=0.2"), "d1 ≥ 0.2; d1 ≤ 0.1"),
        (("--min", "law=0.1"), "unknown domain 'law'"),
        (("--group", "d0+d1"), "group 'd0+d1' is not of the form name+name=lower:upper"),
        (("--group", "d0+d1=a:b"), "not of the form"),
        (("--max-epochs", 4), "max_epochs limits available tokens, but none were given"),
        (("--available", "missing.csv"), "missing.csv: no table of tokens can be read"),
        (("--reference", "missing.json"), r"missing.json: no reference can be read"),
        (("--risk", "bold"), "unknown risk 'bold'"),
        (("--out", "mix.txt"), "a recipe is written as .yaml"),
    ],
)
def test_bad_input_is_one_line_and_status_2(words: tuple[object, ...], message: str) -> None:
    result = bayescamel(*WORDS, *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("available", "name,tokens\nd0,1\n", "no column 'domain'"),
        ("available", "domain,tokens\nd0,many\n", "tokens of d0 = 'many' is no number"),
        ("available", "domain,tokens\nd0,\n", "tokens of d0 = '' is no number: write 20B"),
        ("available", "domain,tokens\nd0,1\nd0,2\n", "'d0' is given twice"),
        ("reference", "[1, 2]", "a reference is a JSON object, not list"),
        ("reference", '{"d0": "much"}', "an object of name: weight"),
        ("reference", '{"d0": 0.5}', "off by -0.5"),
        ("reference", "{", "broken JSON at line 1"),
    ],
)
def test_bad_files_are_named(files: dict[str, Path], name: str, content: Any, message: str) -> None:
    files[name].write_text(content)
    result = bayescamel(*WORDS, f"--{name}", files[name])
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
