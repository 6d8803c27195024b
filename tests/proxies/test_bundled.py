"""The bundled table is the ``first`` grid, whole and unchanged."""

import numpy as np

import bayescamel as bc
from proxies import grid


def test_every_bundled_run_is_the_cell_of_its_name() -> None:
    runs = bc.load_proxies()
    names = tuple(map(str, runs["domain"].to_numpy()))
    cells = {cell.run_id: cell for cell in grid.build("first", ("python", "cpp", "prose", "math"))}
    assert set(runs["run"].to_numpy()) == set(cells)
    for run_id, cell in cells.items():
        row = runs.sel(run=run_id)
        assert int(row["n_params"]) == cell.config.model.n_params
        assert int(row["n_tokens"]) == cell.config.trained_tokens
        weights = [cell.config.mixture[name] for name in names]
        assert np.allclose(row["mixture"], weights, atol=1e-6)
