"""``bayescamel plot`` and ``report``: files that are written, and bad input that writes none."""

import json
import re
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bayescamel.cli import app
from bayescamel.cli.pictures import PICTURES
from bayescamel.cli.plot import HOVERING
from bayescamel.reports.appendix import as_csv
from bayescamel.study import Study
from tests.prior_posterior import example_runs, prior_posterior
from tests.simulated import simulated_table
from tests.study.examples import QUICK, SPACE, TARGET, measure


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("plots")
    runs = example_runs()
    (made / "runs.csv").write_text(as_csv(runs))
    prior_posterior(runs).save(made / "posterior.nc")
    new = runs.isel(run=slice(14, None))
    new = new.assign_coords(run=[f"new{i}" for i in range(new.sizes["run"])])
    (made / "new.csv").write_text(as_csv(new))
    table = simulated_table((1e6, 4e6, 1.6e7)).drop(columns="seed")
    table.to_csv(made / "simulated.csv", index=False)
    study = Study.create(made / "study.db", SPACE, TARGET, budget=1e17, fit=QUICK, start=9)
    for candidate in study.ask(9):
        study.tell(candidate.run_id, {"loss": measure(candidate.mixture, candidate.n_params)})
    return made


AT = ("--params", "2.7e8", "--tokens", "5.4e9")
SHORT = ("--chains", "2", "--draws", "100", "--tune", "150")


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
        ("elasticities", "@posterior.nc", *AT),
        ("response-slices", "@posterior.nc", *AT, "--domains", "web"),
        ("ternary", "@posterior.nc", *AT, "--domains", "code,math,web", "--objective", "code=1"),
        ("priors", "@posterior.nc"),
        ("prior-predictive", "@posterior.nc"),
        ("held-out", "@posterior.nc", "--runs", "@new.csv"),
        ("optimum", "@posterior.nc", *AT),
        ("gain-and-regret", "@posterior.nc", *AT, "--objective", "code=1"),
        ("path", "@posterior.nc", *AT),
        ("front", "@posterior.nc", *AT, "--objective", "code=1", "--against", "web=1"),
        ("spending", "@study.db"),
        ("proposals", "@study.db"),
        ("timeline", "@study.db"),
        pytest.param(("horizons", "@simulated.csv", *SHORT), marks=pytest.mark.slow),
        pytest.param(("calibration", "@simulated.csv", *SHORT), marks=pytest.mark.slow),
        pytest.param(("allocation", "@study.db"), marks=pytest.mark.slow),
        pytest.param(("learning", "@study.db"), marks=pytest.mark.slow),
        ("loss-over-size", "@posterior.nc", "--mixture", "ours:code=0.4,web=0.6"),
    ],
)
def test_a_picture_is_written(words: tuple[str, ...], folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "picture.svg"
    code, said = called(folder, "plot", *words, "-o", str(out), "--json")
    assert code == 0, said
    *doubts, last = said.splitlines()  # short chains are doubted, far targets too
    assert json.loads(last) == {"picture": words[0], "out": str(out)}
    assert all("not converged" in line or "at or below 0" in line for line in doubts)
    assert "<svg" in out.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nonsense", "@runs.csv"), "unknown picture 'nonsense'; there are: training-grid"),
        (("elasticities", "@posterior.nc"), "give --params"),
        (("residuals", "@missing.nc"), "missing.nc"),
        (("held-out", "@posterior.nc"), "give --runs"),
        (("front", "@posterior.nc", *AT, "--objective", "code=1"), "--against"),
        (("elasticities", "@posterior.nc", "--backend", "plotly"), "ends in .html"),
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


def test_every_picture_has_its_command() -> None:
    from bayescamel import plots

    assert {name.replace("-", "_") for name in PICTURES} == set(plots.__all__) - {"save"}


@pytest.mark.parametrize("name", HOVERING)
def test_plotly_draws_what_is_hovered_over(name: str, folder: Path, tmp_path: Path) -> None:
    file = "@runs.csv" if PICTURES[name][0].what == "runs.csv" else "@posterior.nc"
    out = tmp_path / "picture.html"
    words = ("--objective", "code=1", "--against", "web=1", *AT, "--backend", "plotly")
    code, said = called(folder, "plot", name, file, *words, "-o", str(out))
    assert code == 0, said
    assert "Plotly.newPlot" in out.read_text()
    code, said = called(folder, "plot", "priors", "@posterior.nc", *words[-2:], "-o", f"{out}.html")
    assert code == 2
    assert "matplotlib's alone" in said


@pytest.mark.slow
def test_a_loop_keeps_its_page(tmp_path: Path) -> None:
    study = Study.create(tmp_path / "s.db", SPACE, TARGET, budget=1e17, fit=QUICK, start=9)
    for candidate in study.ask(9):
        study.tell(candidate.run_id, {"loss": measure(candidate.mixture, candidate.n_params)})
    study.change(budget=study.snapshot().spent() + 1.3e14)  # one more of the smallest
    out = tmp_path / "page.html"
    trainer = Path(__file__).parents[1] / "study" / "trainer.py"
    command = f"{sys.executable} {trainer} {{candidate}} {{record}}"
    words = ("--command", command, "--until-budget", "--report", str(out))
    code, said = called(tmp_path, "study", "run", "@s.db", *words)
    assert code == 0, said
    assert len(study.snapshot().told()) == 10
    assert f"page: {out}" in said
    page = out.read_text()
    assert f"bayescamel report {tmp_path / 's.db'} --name study -o {out}" in page
    counted = re.search(r"(\d+) runs told, \d+ pending", page)
    assert counted is not None
    assert int(counted[1]) == 10  # the last run, told after the loop's last fit, is there too
