"""The page: its sections, its names, its weight, and what a browser makes of it."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from bayescamel import read_runs
from bayescamel.exceptions import PlotError, StorageError
from bayescamel.posterior import Posterior
from bayescamel.reports import report
from bayescamel.reports.blocks import MAX_ROWS, render, table
from bayescamel.reports.sections import as_csv
from tests.plots.conftest import TARGET, renamed

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
    assert "Do not rely on this yet" in text.split("<nav")[0]
    assert text.count('class="caveat"') == len(posterior.caveats)


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


@pytest.mark.slow  # a browser takes seconds to start, and is not on every machine
def test_a_browser_shows_the_page(page: Path, tmp_path: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("Debian's package chromium is not installed")
    script = page.with_name("tried.html")
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
    script.write_text(page.read_text().replace("<body>", "<body>" + probe))
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}"]
    done = subprocess.run(
        [browser, *flags, "--virtual-time-budget=5000", "--dump-dom", script.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    title = unescape(re.search(r"<title>(.*?)</title>", done.stdout, re.S)[1])  # type: ignore[index]
    said = json.loads(title)
    assert said == {
        "errors": [],
        "fetched": 0,
        "csv": said["csv"],
        "wide": True,
        "shown": True,
    }
    assert said["csv"].startswith('"training domain","weight"')


def test_an_undefined_value_is_an_error() -> None:
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError):
        render("title", "lead", [object()], "footer")  # type: ignore[list-item]
