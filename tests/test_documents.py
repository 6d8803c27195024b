"""What the documents tell a reader to run does run."""

import re
from pathlib import Path

import pytest

import bayescamel as bc

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.parametrize("notebook", sorted(ROOT.glob("notebooks/*.py")), ids=lambda p: p.stem)
def test_notebook_runs(notebook, tmp_path):
    import jupytext  # the dev extra has them, `make test` does not need them
    from nbclient import NotebookClient

    cells = jupytext.read(notebook)
    assert cells.metadata["kernelspec"]["name"] == "python3"
    NotebookClient(cells, timeout=900, resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [cell.get("outputs") for cell in cells.cells if cell.cell_type == "code"]
    assert any(outputs)


@pytest.mark.slow
def test_readme_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = bc.load_proxies()
    table = runs[["n_params", "n_tokens"]].to_dataframe()
    for prefix, name, dim in (("w_", "mixture", "domain"), ("loss_", "loss", "validation")):
        table = table.join(runs[name].to_pandas().add_prefix(prefix))
        assert dim in runs[name].dims
    table.rename_axis("run_id").to_csv("runs.csv")
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    exec(compile(example, "README.md", "exec"), {})
    assert Path("posterior.nc").exists()
