"""How `make demo` and `make test` find a Python: on machines made of stand-ins."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[1] / ".ci" / "setup"
REFUSES = "echo 'pyenv: command not found' >&2; exit 127"
TOO_OLD = "exit 1"  # what the check of the version ends with
RUNS = f'exec {sys.executable} "$@"'
# Makes an environment, writes down what it was asked, and finds the Python that it "fetched".
UV = """
echo "$*" >>"$LOG"
case "$1 $2" in
    "venv --quiet") mkdir -p .venv/bin && cp "$FETCHED" .venv/bin/python ;;
    "python find") echo "$FETCHED" ;;
esac
"""


class Machine:
    """A folder with the set-up script, a PATH of its own and perhaps pyenv."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.fetched = folder / "fetched" / "python"
        self.script("fetched/python", RUNS)
        (folder / "project" / ".ci").mkdir(parents=True)
        shutil.copy(SETUP, folder / "project" / ".ci")
        for tool in ("sh", "cp", "dirname", "mkdir", "mktemp", "rm", "touch", "tr"):
            (folder / "path").mkdir(exist_ok=True)
            (folder / "path" / tool).symlink_to(str(shutil.which(tool)))

    def script(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    def setup(self) -> tuple[subprocess.CompletedProcess[str], str]:
        said = subprocess.run(
            ["sh", ".ci/setup", "test"],
            cwd=self.folder / "project",
            env={
                "PATH": str(self.folder / "path"),
                "HOME": str(self.folder / "home"),
                "LOG": str(self.log),
                "FETCHED": str(self.fetched),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return said, self.log.read_text() if self.log.exists() else ""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_python_on_the_path_is_taken_past_a_shim_that_refuses(machine: Machine) -> None:
    machine.script("path/python3.12", REFUSES)
    machine.script("path/python3", TOO_OLD)
    good = machine.script("path/python", RUNS)
    machine.script("path/uv", UV)
    said, log = machine.setup()
    assert said.returncode == 0, said.stderr
    assert f"venv --quiet --clear --python {good} .venv" in log
    assert "-e .[test]" in log
    assert (machine.folder / "project" / ".venv" / ".test").exists()


def test_a_python_under_pyenv_is_taken(machine: Machine) -> None:
    machine.script("path/python3.12", REFUSES)
    machine.script("path/python3", TOO_OLD)
    machine.script("home/.pyenv/versions/3.11.7/bin/python", TOO_OLD)
    good = machine.script("home/.pyenv/versions/3.12.1/bin/python", RUNS)
    machine.script("path/uv", UV)
    said, log = machine.setup()
    assert said.returncode == 0, said.stderr
    assert f"--python {good} .venv" in log


def test_uv_fetches_one_where_there_is_none(machine: Machine) -> None:
    machine.script("path/uv", UV)
    said, log = machine.setup()
    assert said.returncode == 0, said.stderr
    assert "python install" in log
    assert f"--python {machine.fetched} .venv" in log


def test_an_environment_that_is_there_is_kept(machine: Machine) -> None:
    machine.script("path/uv", UV)
    machine.script("project/.venv/bin/python", RUNS)
    said, log = machine.setup()
    assert said.returncode == 0, said.stderr
    assert "venv --quiet" not in log
    assert "pip install" in log


def test_with_none_one_line_says_what_to_install(machine: Machine) -> None:
    machine.script("path/python3", TOO_OLD)
    said, _ = machine.setup()
    assert said.returncode == 1
    assert said.stdout == ""
    assert said.stderr.count("\n") == 1
    assert "no Python 3.12 or newer" in said.stderr
    assert not (machine.folder / "project" / ".venv").exists()
