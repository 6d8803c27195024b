"""The commands on a real fit, kept tiny: what they say, not how well the chains mixed."""

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bayescamel.cli import app
from bayescamel.cli.fit import fit as fit_command
from bayescamel.demo import run_demo
from bayescamel.exceptions import ConvergenceError
from bayescamel.inference.fit import fit
from bayescamel.posterior import Posterior
from tests.simulated import DOMAINS, simulated_table


def bayescamel(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def answered(result: Result, status: int = 0) -> dict[str, Any]:
    assert result.exit_code == status, result.output
    return dict(json.loads(result.stdout))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "runs.csv"
    simulated_table((1e6, 3e6, 9e6)).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def fitted(table: Path) -> tuple[Path, dict[str, Any]]:
    out = table.with_name("posterior.nc")
    result = bayescamel(
        *("fit", table, "--out", out, "--where", "n_params < 9e6 or seed != 2", "--json"),
        *("--chains", 2, "--draws", 50, "--tune", 50),
    )
    # So few draws cannot reach an ESS of 400: the status must not say that they did.
    assert result.stderr.count("not converged") == 1
    return out, answered(result, status=3)


def test_fit_writes_a_posterior_and_says_how_it_went(
    fitted: tuple[Path, dict[str, Any]],
) -> None:
    out, said = fitted
    assert Posterior.load(out).runs.sizes["run"] == said["n_runs"]
    assert list(said) == [
        *("law", "n_runs", "converged", "caveats"),
        *("rhat_max", "ess_min", "divergences", "seconds"),
    ]
    assert (said["law"], said["n_runs"]) == ("camel", 14)
    assert said["converged"] is False
    assert said["ess_min"] < 400


def test_unconverged_draws_end_with_status_3_unless_allowed(table: Path, tmp_path: Path) -> None:
    few = ("--chains", 2, "--draws", 50, "--tune", 50, "--allow-unconverged")
    result = bayescamel("fit", table, "--out", tmp_path / "posterior.nc", *few)
    assert result.exit_code == 0, result.output
    assert result.output.count("not converged") == result.output.count("raise draws") == 1


def test_answers_from_unconverged_draws_say_so(fitted: tuple[Path, dict[str, Any]]) -> None:
    out, said = fitted
    for words in (("predict", out), ("mix", out)):
        asked = (*words, "--params", 2.7e7, "--tokens", 5.4e8)
        result = bayescamel(*asked, "--json")
        answer = answered(result)
        assert (answer["converged"], answer["caveats"]) == (False, said["caveats"])
        for stderr in (result.stderr, bayescamel(*asked).stderr):
            lines = [line for line in stderr.splitlines() if "not converged" in line]
            assert len(lines) == 1
            assert "raise draws" in lines[0]


def test_predict_answers_for_every_validation_domain(
    fitted: tuple[Path, dict[str, Any]],
) -> None:
    words = ("predict", fitted[0], "--params", 2.7e7, "--tokens", 5.4e8, "--json")
    mean = answered(bayescamel(*words))
    assert list(mean) == ["losses", "extrapolation", "converged", "caveats"]
    assert mean["extrapolation"] > 0
    mean, run = mean["losses"], answered(bayescamel(*words, "--kind", "run"))["losses"]
    assert list(mean) == list(run) == list(DOMAINS)
    for name in DOMAINS:
        assert list(mean[name]) == ["mean", "lower90", "upper90"]
        assert mean[name]["lower90"] < mean[name]["mean"] < mean[name]["upper90"]
        # That a run scatters more than the curve takes more draws to show: see test_sampling.
        assert run[name] != mean[name]


def test_more_weight_on_a_domain_predicts_less_loss_there(
    fitted: tuple[Path, dict[str, Any]],
) -> None:
    words = ("predict", fitted[0], "--params", 9e6, "--tokens", 1.8e8, "--json")
    much = answered(bayescamel(*words, "--mixture", "a=0.9", "--mixture", "b=0.1"))["losses"]
    little = answered(bayescamel(*words, "--mixture", "a=0.1,b=0.9"))["losses"]
    assert much["a"]["mean"] < little["a"]["mean"]
    assert much["b"]["mean"] > little["b"]["mean"]


def test_predict_shows_a_table(fitted: tuple[Path, dict[str, Any]]) -> None:
    result = bayescamel("predict", fitted[0], "--params", 2.7e7, "--tokens", 5.4e8)
    assert result.exit_code == 0
    assert "90 % interval" in result.stdout
    assert "extrapolation" in result.stdout


def test_mix_recommends_a_mixture(fitted: tuple[Path, dict[str, Any]]) -> None:
    words = ("mix", fitted[0], "--params", 2.7e7, "--tokens", 5.4e8)
    said = answered(bayescamel(*words, "--json"))
    assert list(said["recommended"]) == DOMAINS
    assert sum(said["recommended"].values()) == pytest.approx(1)
    only_a = answered(bayescamel(*words, "--objective", "a=1", "--json"))
    assert only_a["recommended"]["a"] > said["recommended"]["a"]
    assert "expected regret" in bayescamel(*words).stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("predict", "--params", 1e9, "--tokens", 1e9, "--mixture", "c=1"), "unknown domain 'c'"),
        (("predict", "--params", 1e9, "--tokens", 1e9, "--mixture", "a=0.9"), "off by -0.1"),
        (("predict", "--params", 1e9), "n_tokens"),
        (("mix", "--params", 1e9, "--tokens", 1e9, "--objective", "c=1"), "objective 'c'"),
    ],
)
def test_what_does_not_suit_the_posterior_is_refused(
    fitted: tuple[Path, dict[str, Any]], words: tuple[object, ...], message: str
) -> None:
    result = bayescamel(words[0], fitted[0], *words[1:])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr


def test_an_existing_posterior_needs_force(
    table: Path, fitted: tuple[Path, dict[str, Any]]
) -> None:
    out = fitted[0]
    before = out.read_bytes()
    result = bayescamel("fit", table, "--out", out)
    assert result.exit_code == 2
    assert "--force" in result.stderr
    assert out.read_bytes() == before


def test_strict_writes_nothing_without_convergence(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverged(*args: object, strict: bool, **kwargs: object) -> None:
        assert strict
        raise ConvergenceError("not converged (rhat)\n  remedy: double tune")

    monkeypatch.setattr("bayescamel.inference.fit.fit", diverged)
    out = table.with_name("strict.nc")
    result = bayescamel("fit", table, "--out", out, "--strict")
    assert result.exit_code == 2
    assert result.stderr == "bayescamel: not converged (rhat); remedy: double tune\n"
    assert not out.exists()


def test_defaults_are_those_of_the_library() -> None:
    library, command, demo = (inspect.signature(f).parameters for f in (fit, fit_command, run_demo))
    for name in ("law", "strict"):
        assert command[name].default == library[name].default
    sampler = library["sampler"].default
    for name in ("chains", "draws", "tune", "seed"):
        assert command[name].default == getattr(sampler, name)
    assert demo["sampler"].default == sampler
