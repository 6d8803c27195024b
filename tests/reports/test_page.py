"""The page: its sections, its names, its weight, and what a browser makes of it."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from bayescamel import read_runs
from bayescamel.demo import predict_runs
from bayescamel.exceptions import PlotError, StorageError, TargetError
from bayescamel.posterior import Posterior
from bayescamel.reports import report
from bayescamel.reports.appendix import as_csv
from bayescamel.reports.blocks import MAX_ROWS, render, table
from bayescamel.reports.page import _aim, _lead, _without_passwords
from bayescamel.reports.sections import PANEL, PANEL_TIMES, quality, trust
from tests.plots.conftest import TARGET, renamed

ROOT = Path(__file__).parents[2]

SECTIONS = ["decision", "quality", "basis", "trust", "next", "appendix"]


@pytest.fixture(scope="module")
def page(posterior: Posterior, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of domains with names that break pages."""
    tree = posterior.tree.map_over_datasets(renamed)
    hostile = replace(posterior, runs=renamed(posterior.runs), tree=tree)
    out = tmp_path_factory.mktemp("page") / "report.html"
    return report(hostile, TARGET, out, command="bayescamel report <p>.nc -o report.html")


def test_sections_come_in_their_order(page: Path) -> None:
    text = page.read_text()
    assert re.findall(r'<section id="(\w+)"', text) == SECTIONS
    assert re.findall(r'<a href="#(\w+)"', text) == SECTIONS


def test_names_are_text_and_no_markup(page: Path) -> None:
    text = page.read_text()
    assert text.count("<script>") == 1  # the page's own
    assert "<script>alert(1)</script>" in unescape(text)
    assert "&lt;script&gt;alert(1)" in text
    assert "bayescamel report &lt;p&gt;.nc" in text
    assert "\u202e" not in text  # shown by its escape: it would turn the line around


def test_nothing_is_fetched_and_the_page_is_light(page: Path) -> None:
    text = page.read_text()
    links = set(re.findall(r'(?:src|href)="([^"#d][^"]*)"', text))
    assert links == set()
    assert {url.split("/")[2] for url in re.findall(r"https?://[^\"'< ]+", text)} <= {"www.w3.org"}
    assert "default-src 'none'" in text
    assert page.stat().st_size < 6e6


def test_pictures_have_words(page: Path) -> None:
    text = page.read_text()
    assert text.count("<svg") == text.count("<figcaption>") >= 7


def test_the_data_come_back(posterior: Posterior, tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text(as_csv(posterior.runs))
    assert read_runs(path).attrs["fingerprint"] == posterior.runs.attrs["fingerprint"]


def test_caveats_and_doubts_come_first(page: Path, posterior: Posterior) -> None:
    text = unescape(page.read_text())
    assert posterior.caveats  # draws of the prior fit no run
    assert "before you use this" in text.split("<nav")[0]
    assert text.count('class="caveat"') == len(posterior.caveats)


def test_no_convergence_is_told_from_a_caveat(posterior: Posterior) -> None:
    def first(converged: bool, caveats: tuple[str, ...]) -> str:
        status = SimpleNamespace(converged=converged)
        given: Any = SimpleNamespace(status=status, caveats=caveats)
        return _lead(given, 0.01, "nats").removesuffix(
            "Expected regret of the recommended mixture: 0.0100 nats."
        )

    assert first(True, ()) == ""
    assert first(True, ("one",)) == "Read the 1 caveat in section 3 before you use this. "
    worst = first(False, ("one", "two"))
    assert worst.startswith("Do not rely on this: the chains did not converge")
    assert "Read the 2 caveats" in worst
    assert "caveat" not in first(False, ())


def test_a_run_is_never_surer_than_its_expectation(posterior: Posterior, best: Any) -> None:
    """Five draws, of which those of a run may lie closer together than those of the mean."""
    tree = posterior.tree.isel(chain=[0], draw=slice(5))
    few = replace(posterior, tree=tree)
    shown: Any = quality(few, TARGET, best, None).blocks[0]
    for _name, _expected, mean, run in shown.rows:
        (low, high), (run_low, run_high) = (
            tuple(map(float, cell.split(" to "))) for cell in (mean, run)
        )
        assert run_low <= low < high <= run_high


@pytest.mark.parametrize(("times", "little"), [(3, False), (87, True)])
def test_the_panel_is_held_against_the_targets_own_factor(
    posterior: Posterior, times: int, little: bool
) -> None:
    size = times * float(posterior.runs["n_params"].max())
    words: Any = trust(posterior, replace(TARGET, n_params=size), None).blocks[0]
    assert f"this target is {times} times as large" in words.text
    assert ("says little of it" in words.text) is little


def test_a_long_table_is_cut_and_says_so() -> None:
    cut = table("runs", ["run"], [[f"r{i}"] for i in range(MAX_ROWS + 1)])
    assert len(cut.rows) == MAX_ROWS
    assert cut.caption == "runs (the first 200 of 201)"


def test_what_cannot_be_written_is_refused_first(
    posterior: Posterior, page: Path, tmp_path: Path
) -> None:
    with pytest.raises(StorageError, match="exists already"):
        report(posterior, TARGET, page)
    with pytest.raises(PlotError, match="needs a target"):
        report(posterior, None, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def opened(page: Path, head: str, folder: Path, *flags: str) -> Any:
    """What a script of ours leaves in the page's title, in a browser."""
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("Debian's package chromium is not installed")
    script = folder / "tried.html"
    script.write_text(page.read_text().replace("<body>", "<body>" + head))
    fixed = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile"]
    done = subprocess.run(
        [browser, *fixed, *flags, "--virtual-time-budget=30000", "--dump-dom", script.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    title = unescape(re.search(r"<title>(.*?)</title>", done.stdout, re.S)[1])  # type: ignore[index]
    return json.loads(title)


@pytest.mark.slow  # a browser takes seconds to start, and is not on every machine
def test_a_browser_shows_the_page(page: Path, tmp_path: Path) -> None:
    # The page's policy forbids what is not inline; this is, and presses the first button.
    probe = """<script>
        const errors = [];
        addEventListener("securitypolicyviolation", (e) => errors.push(e.blockedURI));
        addEventListener("error", (e) => errors.push(e.message));
        addEventListener("load", () => {
          const button = document.querySelector("[data-copy]");
          button.click();
          setTimeout(() => {
            document.title = JSON.stringify({
              errors, fetched: performance.getEntriesByType("resource").length,
              csv: button.dataset.csv.split("\\n")[0],
              wide: document.documentElement.scrollWidth <= innerWidth,
              shown: document.body.innerText.includes("<script>alert(1)"),
            });
          }, 500);
        });
        </script>"""
    said = opened(page, probe, tmp_path)
    assert said == {
        "errors": [],
        "fetched": 0,
        "csv": said["csv"],
        "wide": True,
        "shown": True,
    }
    assert said["csv"].startswith('"training domain","recommended"')


@pytest.mark.slow
@pytest.mark.parametrize("flags", [["--window-size=1100,900"], ["--window-size=390,900"]])
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious(
    flags: list[str], dark: bool, page: Path, tmp_path: Path
) -> None:
    axe = ROOT / ".venv" / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.exists():
        pytest.skip("axe-core is not there: npm install --no-save --prefix .venv axe-core@4.14.1")
    probe = """<script>addEventListener("load", async () => {
        const found = await axe.run(document, {resultTypes: ["violations"]});
        const dark = matchMedia("(prefers-color-scheme: dark)").matches;
        document.title = JSON.stringify({dark, passed: found.passes.length, bad: found.violations
          .filter((v) => ["serious", "critical"].includes(v.impact))
          .map((v) => v.id + ": " + v.nodes[0].html.slice(0, 200))});
        });</script>"""
    head = f"<script>{axe.read_text()}</script>{probe}"
    said = opened(page, head, tmp_path, *flags, *["--force-dark-mode"] * dark)
    assert said["dark"] is dark
    assert said["passed"] > 10
    assert said["bad"] == []


@pytest.mark.slow
def test_a_browser_prints_the_page(posterior: Posterior, tmp_path: Path) -> None:
    if shutil.which("chromium") is None:
        pytest.skip("Debian's package chromium is not installed")
    out = tmp_path / "report.pdf"
    report(posterior, TARGET, tmp_path / "report.html", pdf=out)
    content = out.read_bytes()
    assert content.startswith(b"%PDF")
    assert 2 <= content.count(b"/Type /Page\n") <= 40


def test_without_a_browser_nothing_is_written(
    posterior: Posterior, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PlotError, match=r"report\.pdf: no browser to print it"):
        report(posterior, TARGET, tmp_path / "report.html", pdf=tmp_path / "report.pdf")
    assert list(tmp_path.iterdir()) == []


def test_runs_that_were_not_fitted_are_held_against_the_page(
    posterior: Posterior, runs: xr.Dataset, tmp_path: Path
) -> None:
    largest = runs.isel(run=runs["n_params"].to_numpy() == 9e7)
    new = largest.assign_coords(run=[f"new{i}" for i in range(largest.sizes["run"])])
    out = report(posterior, TARGET, tmp_path / "report.html", runs=xr.concat([runs, new], "run"))
    text = unescape(out.read_text())
    assert "6 runs that were not fitted, predicted before they were looked at" in text
    predicted = predict_runs(posterior, new, seed=0)
    error = float((abs(predicted["mean"] / new["loss"] - 1)).mean())
    assert f"<td>{error:.2%}</td>" in text
    with pytest.raises(PlotError, match="every one of the runs"):
        report(posterior, TARGET, tmp_path / "again.html", runs=runs)
    assert not (tmp_path / "again.html").exists()


def test_an_objective_is_over_losses_or_over_benchmarks(
    posterior: Posterior, tmp_path: Path
) -> None:
    asked: list[Mapping[str, float]] = []

    def objective(_: Posterior, weights: Mapping[str, float], seed: int) -> Mapping[str, float]:
        asked.append(weights)
        return {"code": 1.0}

    facts = xr.Dataset(coords={"benchmark": ["arc"]})
    benchmarks: Any = SimpleNamespace(facts=facts, objective=objective)
    assert _aim({"code": 1.0}, posterior, benchmarks, 0) == {"code": 1.0}
    assert asked == []
    _aim({"arc": 1.0}, posterior, benchmarks, 0)
    assert asked == [{"arc": 1.0}]
    with pytest.raises(TargetError, match=r"'sea' is no benchmark, .*the benchmarks are: arc"):
        report(
            posterior, TARGET, tmp_path / "page.html", objective={"sea": 1.0}, benchmarks=benchmarks
        )
    assert list(tmp_path.iterdir()) == []


def test_the_panel_says_what_its_page_says() -> None:
    words = (ROOT / "results" / "panel" / "README.md").read_text()
    row = next(line for line in words.splitlines() if line.startswith("| all studies of sizes"))
    error, covered = (part.strip() for part in (row.split("|")[3], row.split("|")[5]))
    assert f"its error is {error}." in PANEL
    assert f"cover {covered} of" in PANEL
    fits = (ROOT / "results" / "panel" / "fits" / "camel.short.jsonl").read_text().splitlines()
    sizes = [fit for fit in map(json.loads, fits) if fit["kind"] == "sizes" and fit["n_sizes"] > 1]
    times = [row["distance"] for fit in sizes for row in fit["rows"]]
    assert round(np.median(times)) == PANEL_TIMES


def test_no_password_is_handed_on_with_a_page() -> None:
    url = "postgresql://camel:secret@host/studies"
    said = _without_passwords(f"bayescamel report {url} -o report.html")
    assert "secret" not in said
    assert said.startswith("bayescamel report postgresql://camel:")
    assert said.endswith("-o report.html")


def test_an_undefined_value_is_an_error() -> None:
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError):
        render("title", "lead", [object()], "footer")  # type: ignore[list-item]
