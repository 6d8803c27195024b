"""What the documents tell a reader to run does run."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import bayescamel as bc
from bayescamel.runs.sizes import sparse_runs

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all notebooks run: the first one's posterior is there for the others."""
    return tmp_path_factory.mktemp("notebooks")


@pytest.mark.slow
@pytest.mark.parametrize("notebook", sorted(ROOT.glob("notebooks/*.py")), ids=lambda p: p.stem)
def test_notebook_runs(notebook: Path, shared_folder: Path) -> None:
    import jupytext  # the dev extra has them, `make test` does not need them
    from nbclient import NotebookClient

    cells = jupytext.read(notebook)
    assert cells.metadata["kernelspec"]["name"] == "python3"
    NotebookClient(cells, timeout=900, resources={"metadata": {"path": shared_folder}}).execute()
    outputs = [cell.get("outputs") for cell in cells.cells if cell.cell_type == "code"]
    assert any(outputs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("documents", "files", "names"),
    [
        (
            ["README.md", "docs/pages/guides/decide.md"],
            ["posterior.nc", "report.html"],
            {"prediction", "best", "path", "front"},
        ),
        (["docs/pages/index.md"], ["report.html"], {"runs", "posterior", "best"}),
    ],
)
def test_examples_run(
    documents: list[str],
    files: list[str],
    names: set[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = bc.load_proxies()
    runs = runs.isel(run=~sparse_runs(runs))  # sooner fitted
    table = runs[["n_params", "n_tokens"]].to_dataframe()
    for prefix, name, dim in (("w_", "mixture", "domain"), ("loss_", "loss", "validation")):
        table = table.join(runs[name].to_pandas().add_prefix(prefix))
        assert dim in runs[name].dims
    table.rename_axis("run_id").to_csv("runs.csv")
    found: dict[str, object] = {}
    for document in documents:
        examples = re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(), re.S)
        assert examples
        for example in examples:
            exec(compile(example, document, "exec"), found)
    assert all(Path(file).exists() for file in files)
    assert names <= set(found)


@pytest.mark.slow
def test_commands_of_the_readme_run_as_they_stand(tmp_path: Path) -> None:
    after = (ROOT / "README.md").read_text().split("This runs as it stands")[1]
    block = re.search(r"\n\n((?:    .*\n)+)", after)
    assert block
    commands = [shlex.split(line) for line in block[1].replace("\\\n", "").splitlines()]
    assert len(commands) == 8
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (command, done.stderr)
