"""What the documents tell a reader to run does run."""

import re
from pathlib import Path

import pytest

import bayescamel as bc

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.parametrize("notebook", sorted(ROOT.glob("notebooks/*.py")), ids=lambda p: p.stem)
def test_notebook_runs(notebook: Path, tmp_path: Path) -> None:
    import jupytext  # the dev extra has them, `make test` does not need them
    from nbclient import NotebookClient

    cells = jupytext.read(notebook)
    assert cells.metadata["kernelspec"]["name"] == "python3"
    NotebookClient(cells, timeout=900, resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [cell.get("outputs") for cell in cells.cells if cell.cell_type == "code"]
    assert any(outputs)


@pytest.mark.slow
def test_readme_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = {"domain": {"python": "code"}, "validation": {"python": "code"}}  # as the README has it
    runs = bc.load_proxies()
    for dim, new in names.items():
        runs = runs.assign_coords({dim: [new.get(str(n), str(n)) for n in runs[dim].to_numpy()]})
    table = runs[["n_params", "n_tokens"]].to_dataframe()
    for prefix, name, dim in (("w_", "mixture", "domain"), ("loss_", "loss", "validation")):
        table = table.join(runs[name].to_pandas().add_prefix(prefix))
        assert dim in runs[name].dims
    table.rename_axis("run_id").to_csv("runs.csv")
    examples = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    found: dict[str, object] = {}
    for example in examples:
        exec(compile(example, "README.md", "exec"), found)
    assert Path("posterior.nc").exists()
    assert {"best", "path", "front"} <= set(found)
