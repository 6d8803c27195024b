"""How far models lie outside the fitted runs."""

import numpy as np

from bayescamel.draws.distances import coordinates, distances, ranges
from bayescamel.runs.sizes import Sizes


def models(size: list[float], tokens: list[float] | None) -> Sizes:
    """Of sizes and tokens e^size and e^tokens."""
    some = np.exp(size)
    return Sizes(some, some, None if tokens is None else np.exp(tokens))


def distance(fitted: Sizes, size: float, tokens: float | None) -> float:
    model = models([size], None if tokens is None else [tokens])
    mixtures = np.ones((len(fitted.total), 1))
    beyond = distances(ranges(coordinates(fitted, mixtures)), coordinates(model, mixtures[:1]))
    return float(np.linalg.norm(beyond, axis=1)[0])


def test_beyond_the_largest_run_it_is_the_distance_to_it() -> None:
    for fitted in (models([0, 1, 2], [3, 4, 5]), models([0, 1, 2, 0, 2], [3, 4, 5, 5, 3])):
        np.testing.assert_allclose(distance(fitted, 4, 6), np.hypot(2, 1))
        np.testing.assert_allclose(distance(fitted, 2, 5), 0, atol=1e-12)
    np.testing.assert_allclose(distance(models([0, 1, 2], [3, 3, 3]), 4, 3), 2)
    np.testing.assert_allclose(distance(models([0, 1, 2], None), 4, None), 2)


def test_a_corner_that_no_run_is_near_to_is_outside() -> None:
    """Large models with few tokens and small ones with many, of one or a hundred each."""
    corner = models([0, 2, 4, 0, 0], [0, 0, 0, 2, 4])
    np.testing.assert_allclose(distance(corner, 4, 4), 4 / np.sqrt(2))
    assert distance(corner, 1, 1) == 0
    grid = models([0, 4, 0, 4], [0, 0, 4, 4])
    assert distance(grid, 4, 4) == 0
    assert distance(grid, 3, 1) == 0


def test_it_is_never_less_than_in_size_and_tokens_alone() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        size, tokens = rng.normal(size=(2, 6))
        far_size, far_tokens = 3 * rng.normal(size=2)
        found = distance(models(list(size), list(tokens)), far_size, far_tokens)
        box = [
            max(x - values.max(), values.min() - x, 0.0)
            for x, values in ((far_size, size), (far_tokens, tokens))
        ]
        nearest = np.hypot(size - far_size, tokens - far_tokens).min()
        assert np.hypot(*box) - 1e-12 <= found <= nearest + 1e-12
