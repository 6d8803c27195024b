import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bayescamel.designs.proposals import rounded
from bayescamel.designs.space import LEAST_SHARE, Size, Space
from bayescamel.exceptions import DesignError, MixtureError

SIZES = (Size(1e6), Size(8e6, 2e6), Size(16e6, flops_per_token=1.5e8))
SPACE = Space(
    ("code", "math", "web"),
    SIZES,
    tokens_per_param=(10.0, 20.0),
    bounds={"web": (0.2, 0.7), "math": (0.0, 0.3)},
    seeds=2,
)


def test_space_comes_back_from_json() -> None:
    assert Space.from_dict(json.loads(json.dumps(SPACE.to_dict()))) == SPACE


def test_sizes_may_be_bare_numbers() -> None:
    values = {"domains": ["a", "b"], "sizes": [1e6, {"n_params": 4e6}], "n_tokens": 1e9}
    assert Space.from_dict(values).sizes == (Size(1e6), Size(4e6))


@pytest.mark.parametrize(
    ("given", "tokens"),
    [
        (20, (20.0,)),
        ("20", (20.0,)),
        ([10, 40], (10.0, 40.0)),
        ("10:40", (10.0, 20.0, 40.0)),
        ("10:30", (10.0, 17.3205, 30.0)),
        ("10:20, 100", (10.0, 20.0, 100.0)),
        ("10:10", (10.0,)),
    ],
)
def test_tokens_are_numbers_or_ranges(given: Any, tokens: tuple[float, ...]) -> None:
    values = {"domains": ["a", "b"], "sizes": [1e6, 4e6], "tokens_per_param": given}
    assert Space.from_dict(values).tokens_per_param == tokens


@pytest.mark.parametrize(
    "given", ["40:10", "0:10", "10:", ":10", "10:inf", "many", "1:2:3", "nan:1", "1:1e9"]
)
def test_ranges_of_tokens_that_cannot_be(given: str) -> None:
    values = {"domains": ["a", "b"], "sizes": [1e6, 4e6], "tokens_per_param": given}
    with pytest.raises(DesignError, match="a value cannot be read"):
        Space.from_dict(values)


def test_a_space_says_when_size_and_tokens_cannot_be_told_apart() -> None:
    """At one number of tokens a parameter, whatever the sizes; not where either varies alone."""
    one = replace(SPACE, tokens_per_param=(20.0,))
    caveat = one.caveat()
    assert caveat is not None
    assert "all runs have 20 tokens a parameter, so the priors alone say" in caveat
    assert "condition number" not in caveat  # what it means is said instead
    assert "a factor of two or more apart" in caveat
    assert SPACE.caveat() is None
    assert replace(one, tokens_per_param=(), n_tokens=(1e9,)).caveat() is None
    nearly = replace(one, tokens_per_param=(20.0, 20.5)).caveat()
    assert nearly is not None
    assert "all runs have 20.2 tokens a parameter" in nearly


def test_costs() -> None:
    dense, sparse, counted = SIZES
    assert dense.flops(1e9) == 6e15
    assert sparse.flops(1e9) == 6 * 2e6 * 1e9
    assert counted.flops(1e9) == 1.5e17
    assert SPACE.tokens(sparse) == (2e7, 4e7)
    assert SPACE.cheapest() == 6e6 * 1e7
    assert SPACE.size_of(8e6, 2e6) is sparse
    assert SPACE.size_of(8e6, None) is None


def test_mixtures_are_within_bounds() -> None:
    mixtures = SPACE.mixtures(64, seed=0)
    np.testing.assert_allclose(mixtures.sum(axis=1), 1)
    assert (mixtures[:, 2] >= 0.2 - 1e-9).all()
    assert (mixtures[:, 2] <= 0.7 + 1e-9).all()
    assert (mixtures[:, 1] <= 0.3 + 1e-9).all()


def test_corners_are_left_out_where_no_bounds_say_another() -> None:
    free = replace(SPACE, bounds={})
    mixtures = free.mixtures(64, seed=0)
    np.testing.assert_allclose(mixtures.sum(axis=1), 1)
    assert (mixtures >= LEAST_SHARE / 3 - 1e-12).all()
    # Spread over all that is left, out to its ends.
    assert mixtures.min() < 1.2 * LEAST_SHARE / 3
    assert mixtures.max() > 0.8
    # Of what the bounds of others leave; bounds of 0 and 1 reach the corners.
    lower, upper = replace(SPACE, bounds={"web": (0.4, 1.0), "math": (0.0, 1.0)}).box()
    np.testing.assert_allclose(lower, [0.6 * LEAST_SHARE / 3, 0.0, 0.4])
    np.testing.assert_array_equal(upper, 1.0)


def test_rounding_keeps_bounds_and_sum() -> None:
    mixtures = SPACE.mixtures(200, seed=1)
    kept = rounded(mixtures, SPACE)
    lower, upper = SPACE.box()
    assert abs(kept.sum(axis=1) - 1).max() < 1e-9
    assert (kept >= lower).all()
    assert (kept <= upper).all()
    assert abs(kept - mixtures).max() < 3e-4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"domains": ["a"]}, "at least two"),
        ({"domains": ["a", "a"]}, "each once"),
        ({"sizes": [1e6]}, "two sizes"),
        ({"sizes": [1e6, 1e6]}, "each once"),
        ({"sizes": [1e6, -1.0]}, "n_params = -1"),
        ({"sizes": [1e6, {"n_params": 1e6, "n_active_params": 2e6}]}, "exceeds"),
        ({"sizes": [1e6, {"params": 1e6}]}, "params"),
        ({"sizes": [1e6, "large"]}, "cannot be read"),
        ({"n_tokens": []}, "either n_tokens or tokens_per_param"),
        ({"tokens_per_param": 20}, "not both"),
        ({"n_tokens": -1.0}, "tokens -1"),
        ({"seeds": 0}, "seeds = 0"),
        ({"bounds": {"c": [0, 1]}}, "unknown domain 'c'"),
        ({"bounds": {"a": [0.5, 0.2]}}, "bounds of a"),
        ({"bound": {}}, "unknown key 'bound'"),
    ],
)
def test_what_is_no_space(changes: dict[str, Any], message: str) -> None:
    values = {"domains": ["a", "b"], "sizes": [1e6, 4e6], "n_tokens": 1e9}
    with pytest.raises(DesignError, match=message):
        Space.from_dict(values | changes)


def test_bounds_that_leave_nothing() -> None:
    space = Space(("a", "b"), SIZES, n_tokens=(1e9,), bounds={"a": (0.0, 0.3), "b": (0.0, 0.3)})
    with pytest.raises(MixtureError):
        space.mixtures(8, seed=0)
