"""CONTRIBUTING.md does what it says, and the project's facts agree wherever they are written."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from bayescamel import __version__

ROOT = Path(__file__).parents[1]


def section(title: str) -> str:
    """What CONTRIBUTING.md has under a heading."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    return text.split(f"\n## {title}\n")[1].split("\n## ")[0]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


def patched(text: str, diff: str) -> str:
    """The text with the lines that a diff of one place adds, behind the lines it has before."""
    lines = diff.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line.startswith(" "))
    added = "".join(line[1:] for line in lines if line.startswith("+"))
    assert len(lines) == before.count("\n") + added.count("\n"), "context first, then what is new"
    assert text.count(before) == 1, f"not once there: {before}"
    return text.replace(before, before + added)


def test_add_a_law_needs_these_lines_and_no_others(tmp_path: Path) -> None:
    """The lines of the page, in a copy of the package; then the command that the page gives."""
    unused = shutil.ignore_patterns("__pycache__", "study")
    shutil.copytree(ROOT / "bayescamel", tmp_path / "bayescamel", ignore=unused)
    (tmp_path / "tests").mkdir()
    shutil.copytree(ROOT / "tests" / "laws", tmp_path / "tests" / "laws", ignore=unused)
    for path in (ROOT / "pyproject.toml", *(ROOT / "tests").glob("[!t]*.py")):
        shutil.copy(path, tmp_path / path.relative_to(ROOT))

    page = section("Add a law")
    law, registry = re.findall(r"`(bayescamel/laws/\w+\.py)`:\n", page)
    (tmp_path / law).write_text(*blocks(page, "python"))
    for diff in blocks(page, "diff"):
        path = tmp_path / registry
        path.write_text(patched(path.read_text(), diff))

    (command,) = blocks(page, "sh")
    # The copy comes first: the working directory stands before what PYTHONPATH names.
    said = subprocess.run(
        [sys.executable, *command.split()[1:], "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    # Every claim about every law, and those about laws that promise to fall with size.
    suite = (ROOT / "tests/laws/test_conformance.py").read_text()
    every = suite.count("\n@every_law\n")
    passed = re.search(r"(\d+) passed", said.stdout)
    assert passed is not None
    assert int(passed[1]) == every + 2


def test_places_that_the_page_names_are_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"`((?:bayescamel|tests|results|\.ci)/[\w./]+)`", text))
    # The law that a reader writes, the reader's own reader, and the log that results grow into.
    made = {"bayescamel/laws/apart.py", "bayescamel/benchmarks/readers/x.py", "results/LOG.md"}
    assert len(named - made) > 10
    assert [name for name in named - made if not (ROOT / name).exists()] == []


def test_the_floors_of_the_page_are_those_of_the_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = (c["layers"] for c in contracts["contracts"] if c["type"] == "layers")
    above = layers.index("cli")  # `__main__` alone
    floors = [set(layer.split(" | ")) - {"_version"} for layer in reversed(layers[above:])]
    drawn = re.findall(r"^    ([a-z]+(?:  [a-z]+)*)(?: {3,}.*)?$", section("The floors"), re.M)
    assert [set(line.split()) for line in drawn] == floors


def test_one_version_everywhere() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == __version__
    releases = re.findall(r"^## \[([\d.]+)\] - (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert releases[0] == (__version__, str(citation["date-released"]))


def test_a_commit_is_judged_by_the_tools_of_the_whole_run() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    run = (ROOT / ".ci/run").read_text()
    entries = [hook["entry"] for repo in config["repos"] for hook in repo["hooks"]]
    assert len(entries) == 3
    for entry in entries:
        assert entry.removesuffix(" --force-exclude") in run
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    assert workflow["jobs"]["run"]["steps"][-1] == {"run": ".ci/run"}


@pytest.mark.parametrize("text", ["a = 1\nb = 2\n", "b = 2\n"])
def test_a_diff_whose_place_is_not_there_is_no_diff(text: str) -> None:
    with pytest.raises(AssertionError, match="not once there"):
        patched(text, " c = 3\n+d = 4\n")
