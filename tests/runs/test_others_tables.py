"""The files that failed once, where they are: read, or refused as is right."""

from pathlib import Path

import numpy as np
import pytest

from bayescamel.exceptions import RunTableError
from bayescamel.runs.files import read_file
from bayescamel.runs.importers.propose import propose
from bayescamel.runs.table import read_runs

DATA = Path(__file__).parents[3] / "shared" / "data"

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="others' tables lie beside the repository and are not published"
)


def test_weights_of_thirds() -> None:
    for name in ("thirds.csv", "proxies_collect_thirds.csv"):
        mixture = read_runs(DATA / "failing" / name)["mixture"]
        np.testing.assert_allclose(mixture.sum("domain"), 1, atol=1e-15)


def test_an_export_as_a_researcher_has_it_needs_no_names() -> None:
    runs = read_runs(DATA / "failing" / "invented_wandb_export.csv")
    assert dict(runs.sizes) == {"run": 41, "domain": 4, "validation": 4, "benchmark": 1}
    assert not runs["loss"].isnull().any()
    assert "weights of 18 runs were scaled" in runs.attrs["notes"]
    assert "proxy-70M-mix05 (crashed)" in runs.attrs["notes"]


def test_runs_that_failed_after_their_last_step() -> None:
    """Their sizes are in no column: those of the names stand in for them here."""
    table = read_file(DATA / "exports" / "wandb_failed_but_complete.csv", ["Name"])
    columns: dict[str, str | float] = {p.theirs: p.ours for p in propose(table) if p.ours}
    columns["w_text"] = 1.0
    with pytest.raises(RunTableError, match="no 'n_params' column"):
        read_runs(table, columns=columns)
    sizes = table["Name"].str.extract(r"model-(\d+)m")[0].astype(float) * 1e6
    runs = read_runs(table.assign(n_params=sizes), columns=columns)
    assert runs.sizes["run"] == 70
    np.testing.assert_allclose(
        np.exp(runs["loss"].sel(validation="c4")), table.filter(like="c4.jsonl").to_numpy()[:, 0]
    )
    assert "70 runs are kept although their State is failed" in runs.attrs["notes"]


@pytest.mark.parametrize("name", ["comma", "dclm"])
def test_an_export_of_chosen_columns(name: str) -> None:
    path = DATA / "exports" / f"wandb_isoflop_{name}.csv"
    with pytest.raises(RunTableError, match=r"no 'w_\*' column"):
        read_runs(path)
    columns: dict[str, str | float] = {"eval/paloma/macro_loss": "loss_paloma"}
    columns[f"w_{name}"] = 1.0
    runs = read_runs(path, columns=columns)
    assert runs.sizes["run"] > 80
    assert runs["n_tokens"].min() > 1e9
