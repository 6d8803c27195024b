"""Published results of checkpoints, where they are: each checkpoint is a model of its own."""

from pathlib import Path

import pytest

from bayescamel.benchmarks.readers import read_lm_harness

DATA = Path(__file__).parents[4] / "shared" / "data" / "exports" / "lm_harness_03"


@pytest.mark.skipif(
    not DATA.is_dir(), reason="others' results lie beside the repository and are not published"
)
def test_six_files_are_six_checkpoints() -> None:
    found = read_lm_harness(DATA)
    assert found.table["key"].nunique() == 6
    assert set(found.table["key"].str.partition("@")[2]) == {"step1000", "step43000", "step143000"}
    assert not [line for line in found.unused if "replaced" in line]
    assert found.table.groupby("key")["benchmark"].count().min() > 50
