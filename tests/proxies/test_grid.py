import numpy as np
import pytest

from bayescamel.exceptions import BayesCamelError
from proxies import grid
from proxies.grid import Cell
from proxies.rules import rule
from proxies.sampling import check_mixture
from proxies.shapes import ModelConfig

NAMES = ("english", "chinese", "code", "math", "knowledge")


def test_mixtures_are_centroid_interior_and_lopsided() -> None:
    points = grid.mixtures(NAMES)
    weights = np.array([list(point.values()) for point in points])
    assert weights.shape == (16, 5)
    assert (weights[0] == 0.2).all()
    assert (weights[1:11] >= 0.02).all()
    assert np.allclose(weights[11:].max(axis=1), grid.LOPSIDED)
    assert (weights[11:].argmax(axis=1) == np.arange(5)).all()
    gaps = np.linalg.norm(weights[:, None] - weights[None], axis=-1) + 9 * np.eye(16)
    # Sixteen points of a simplex of edge 1.41; a clump would be far closer.
    assert gaps.min() > 0.15
    for point in points:
        check_mixture(point, NAMES)
    assert points == grid.mixtures(NAMES)


def cells_of(cells: list[Cell], model: ModelConfig) -> list[Cell]:
    return [cell for cell in cells if cell.config.model == model]


def mixtures_of(cells: list[Cell]) -> set[str]:
    return {cell.run_id.split("-")[1] for cell in cells}


def test_v2_is_what_was_asked_for() -> None:
    cells = grid.build("v2", NAMES)
    assert len({cell.run_id for cell in cells}) == len(cells)
    assert len({r for cell in cells for r in cell.record_ids}) == sum(
        len(cell.record_ids) for cell in cells
    )
    dials = (*grid.SIZES, grid.HELD_OUT_SIZE)
    dense = [cells_of(cells, ModelConfig.from_dial(dial)) for dial in dials]
    assert [len(mixtures_of(part)) for part in dense] == [12, 6, 6, 4]
    for larger, smaller in zip(dense[1:], dense, strict=False):
        assert mixtures_of(larger) <= mixtures_of(smaller)
    seeds = [c for c in dense[0] if c.config.seed > 0]
    assert mixtures_of(seeds) == {"m00", "m11"}
    repeated = [c for c in dense[0] if c.config.text_tokens]
    assert [c.run_id[-3:] for c in sorted(repeated, key=lambda c: c.run_id)] == ["e16", "-e4"]
    sparse = {cell.config.model for cell in cells if cell.config.model.n_experts}
    fitted = {m for m in sparse if m.n_active_params < 400_000}
    assert len(fitted) == 6
    assert len(sparse) == 7
    found = [len(mixtures_of(cells_of(cells, m))) for m in sorted(fitted, key=lambda m: m.n_params)]
    assert found == [6, 6, 6, 3, 3, 3]
    for cell in cells:
        least = cell.config.trained_tokens[0] / cell.config.model.n_active_params
        assert least > 0.99 * grid.TOKENS_PER_PARAM
    for model in {cell.config.model for cell in cells}:
        rules = {cell.config.rule for cell in cells_of(cells, model)}
        # A size and its tokens are trained in one way, whichever trunk they are measured on.
        assert {found.batch for found in rules} == {
            rule(model, grid.TOKENS_PER_PARAM * model.n_active_params).batch
        }
    # Three hours of two cores.
    assert sum(cell.flops for cell in cells) < 1e15


def test_repeated_text_is_seen_so_often() -> None:
    (cell,) = (c for c in grid.build("v2", NAMES) if c.run_id.startswith("n53.3k-m00-s0-e4"))
    for name, weight in cell.config.mixture.items():
        seen = cell.config.n_tokens * weight
        assert seen / cell.config.text_tokens[name] == pytest.approx(4, rel=1e-3)


def test_ladder_has_five_sizes_and_seeds_at_two() -> None:
    cells = grid.build("ladder", NAMES)
    sizes = [cell.config.model.n_params for cell in cells]
    assert len(set(sizes)) == 5
    assert sorted(sizes.count(size) for size in set(sizes)) == [1, 1, 1, 3, 3]


def test_only_the_smallest_size_of_the_ladder_is_not_of_the_bundled_grid() -> None:
    bundled = {cell.run_id: cell.config for cell in grid.build("v2", NAMES)}
    alone = [cell for cell in grid.build("ladder", NAMES) if cell.run_id not in bundled]
    assert len({cell.config.model.n_params for cell in alone}) == 1
    for cell in grid.build("ladder", NAMES):
        assert bundled.get(cell.run_id, cell.config) == cell.config


def test_cheap_and_costly_cells_alternate() -> None:
    costs = [cell.flops for cell in grid.build("v2", NAMES)]
    assert costs[0] == max(costs)
    assert costs[1] == min(costs)
    assert costs[::2] == sorted(costs[::2], reverse=True)
    assert costs[1::2] == sorted(costs[1::2])


def test_a_run_with_branches_has_a_record_for_each() -> None:
    (cell,) = (c for c in grid.build("v2", NAMES) if c.run_id == "n53.3k-m00-s0")
    assert cell.record_ids == tuple(f"n53.3k-m00-s0-d{name}" for name in ("533k", "1.07M", "2.13M"))


def test_unknown_grid_is_refused() -> None:
    with pytest.raises(BayesCamelError, match="unknown grid 'none'"):
        grid.build("none", NAMES)
