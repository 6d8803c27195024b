"""``bayescamel plot`` and ``report``: files that are written, and bad input that writes none."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bayescamel.cli import app
from bayescamel.cli.plot import PICTURES
from bayescamel.reports.sections import as_csv
from tests.prior_posterior import example_runs, prior_posterior


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("plots")
    runs = example_runs()
    (made / "runs.csv").write_text(as_csv(runs))
    prior_posterior(runs).save(made / "posterior.nc")
    return made


def called(folder: Path, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, [word.replace("@", f"{folder}/") for word in words])
    return result.exit_code, result.output


@pytest.mark.parametrize(
    "words",
    [
        ("training-grid", "@runs.csv"),
        ("weight-pairs", "@runs.csv", "--domains", "code,web"),
        ("loss-over-weight", "@runs.csv", "--domains", "code"),
        ("residuals", "@posterior.nc"),
        ("elasticities", "@posterior.nc", "--params", "2.7e8", "--tokens", "5.4e9"),
        ("loss-over-size", "@posterior.nc", "--mixture", "ours:code=0.4,web=0.6"),
    ],
)
def test_a_picture_is_written(words: tuple[str, ...], folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "picture.svg"
    code, said = called(folder, "plot", *words, "-o", str(out), "--json")
    assert code == 0, said
    assert json.loads(said) == {"picture": words[0], "out": str(out)}
    assert "<svg" in out.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nonsense", "@runs.csv"), "unknown picture 'nonsense'; there are: training-grid"),
        (("elasticities", "@posterior.nc"), "give --params"),
        (("residuals", "@missing.nc"), "missing.nc"),
        (("weight-pairs", "@runs.csv", "--domains", "code,sea"), "unknown training domain 'sea'"),
        (
            ("loss-over-size", "@posterior.nc", "--mixture", "ours:code"),
            "'code' is not of the form",
        ),
    ],
)
def test_what_cannot_be_drawn_is_one_line(
    words: tuple[str, ...], said: str, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "picture.svg"
    code, answer = called(folder, "plot", *words, "-o", str(out))
    assert code == 2
    assert said in answer
    assert len(answer.strip().splitlines()) == 1
    assert not out.exists()


def test_a_page_of_a_posterior_needs_a_target(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    code, answer = called(folder, "report", "@posterior.nc", "-o", str(out))
    assert code == 2
    assert "--params" in answer
    assert not out.exists()


def test_every_picture_is_a_function_of_the_package() -> None:
    from bayescamel import plots

    assert {name.replace("-", "_") for name in PICTURES} <= set(plots.__all__)
