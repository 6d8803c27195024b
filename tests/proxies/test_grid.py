import numpy as np
import pytest

from bayescamel.exceptions import BayesCamelError
from proxies import grid
from proxies.sampling import check_mixture

NAMES = ("python", "cpp", "prose", "math")


def test_mixtures_are_centroid_interior_corners() -> None:
    points = grid.mixtures(NAMES)
    weights = np.array([list(point.values()) for point in points])
    assert weights.shape == (16, 4)
    assert (weights[0] == 0.25).all()
    assert np.array_equal(weights[12:], np.eye(4))
    assert (weights[1:12] > 0.02).all()
    gaps = np.linalg.norm(weights[:, None] - weights[None], axis=-1) + 9 * np.eye(16)
    # Sixteen points of a tetrahedron of edge 1.41; a clump would be far closer.
    assert gaps.min() > 0.15
    for point in points:
        check_mixture(point, NAMES)
    assert points == grid.mixtures(NAMES)


def test_first_grid_is_what_the_data_card_says() -> None:
    cells = grid.build("first", NAMES)
    assert len({cell.run_id for cell in cells}) == len(cells) == 72

    def mixtures_at(size: int, tokens: int = grid.TOKENS, seed: int = 0) -> list[str]:
        name = f"n{grid.size_name(size)}-"
        return sorted(
            cell.run_id.split("-")[1]
            for cell in cells
            if cell.run_id.startswith(name)
            and cell.config.n_tokens == tokens
            and cell.config.seed == seed
        )

    counts = [len(mixtures_at(size)) for size in (*grid.SIZES, grid.HELD_OUT_SIZE)]
    assert counts == [16, 16, 10, 7, 5]
    for small, large in zip(grid.SIZES, (*grid.SIZES[1:], grid.HELD_OUT_SIZE), strict=True):
        assert set(mixtures_at(large)) <= set(mixtures_at(small))
    for size in grid.SIZES[:2]:
        assert len(mixtures_at(size, grid.TOKENS // 2)) == 5
        assert mixtures_at(size, seed=1) == mixtures_at(size, seed=2) == ["m00", "m01"]
    assert grid.SIZES[0] * 27 == grid.SIZES[-1]
    assert grid.SIZES[-1] * 3 == grid.HELD_OUT_SIZE


def test_cheap_and_costly_cells_alternate() -> None:
    cells = grid.build("first", NAMES)
    costs = [cell.flops for cell in cells]
    assert costs[0] == max(costs)
    assert costs[1] == min(costs)
    assert costs[::2] == sorted(costs[::2], reverse=True)
    assert costs[1::2] == sorted(costs[1::2])


def test_tokens_can_be_chosen_and_names_tell() -> None:
    cell = grid.build("smoke", NAMES, 20_000)[0]
    assert cell.config.n_tokens == 20_000
    assert "-d20k-" in cell.run_id


def test_unknown_grid_is_refused() -> None:
    with pytest.raises(BayesCamelError, match="unknown grid 'none'"):
        grid.build("none", NAMES)
