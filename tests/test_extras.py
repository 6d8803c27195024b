"""The default install serves fits, predictions and decisions; what else is needed is named."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from bayescamel.extras import EXTRAS

ROOT = Path(__file__).parents[1]
BLOCK = f"""
import sys

class Without:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {sorted(EXTRAS)!r}:
            return None
        return self.finder.find_spec(name, path, target)

sys.meta_path[:] = map(Without, sys.meta_path)
"""
"""Python lines after which the libraries of the extras are not found."""
SERVED = """
import bayescamel as bc
import bayescamel.benchmarks, bayescamel.cli, bayescamel.comparison.compare, bayescamel.decisions
import bayescamel.designs, bayescamel.draws.files, bayescamel.inference.fit
print(bc.load_proxies().sizes["run"])
"""
FITTED = """
import bayescamel as bc
runs = bc.load_proxies()
posterior = bc.fit(runs, "chinchilla", chains=2, draws=50, tune=100, progress=False)
print(posterior.optimal_mixture(bc.Target(1e7, 1e8)).recommended.sizes["domain"])
"""


def without_extras(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BLOCK + script], capture_output=True, text=True, check=False
    )


def test_all_but_the_extras_is_imported_without_them() -> None:
    said = without_extras(SERVED)
    assert (said.stdout.strip(), said.stderr, said.returncode) == ("131", "", 0)


@pytest.mark.slow
def test_runs_are_fitted_and_a_mixture_decided_without_any_extra() -> None:
    assert without_extras(FITTED).stdout.strip() == "5"


@pytest.mark.parametrize(
    ("script", "extra"),
    [
        ("import bayescamel as bc; bc.Study", "study"),
        ("import bayescamel as bc; bc.plots", "plots"),
        ("import bayescamel as bc; bc.report", "plots"),
        ("from bayescamel.models.program_pymc import to_pymc; to_pymc(None, None, None)", "pymc"),
    ],
)
def test_what_is_missing_is_named_by_its_extra(script: str, extra: str) -> None:
    last = without_extras(script).stderr.strip().splitlines()[-1]
    assert "MissingExtraError" in last
    assert f"pip install 'bayescamel[{extra}]'" in last


def test_the_command_line_says_it_in_one_line() -> None:
    script = "from bayescamel.cli import main; sys.argv = ['bayescamel', 'study', 'status', 'x.db']"
    said = without_extras(f"{script}; main()")
    assert said.returncode == 2
    assert said.stdout == ""
    assert said.stderr == (
        "bayescamel: this needs sqlalchemy, of the extra [study]: pip install 'bayescamel[study]'\n"
    )


def test_every_extra_is_one_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = project["optional-dependencies"]
    for library, extra in EXTRAS.items():
        bring = " ".join(listed[extra])
        assert library in bring or library in ("pytensor", "psycopg"), (library, extra)
        assert not [line for line in project["dependencies"] if line.startswith(library)]


def test_the_module_is_the_command_line() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "bayescamel", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    import bayescamel

    assert said.stdout.strip() == bayescamel.__version__
