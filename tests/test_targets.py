import math
from typing import Any

import numpy as np
import pytest

from bayescamel.exceptions import TargetError
from bayescamel.targets import Target, objective_weights


@pytest.mark.parametrize("name", ["n_params", "n_tokens", "n_active_params"])
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_a_target_needs_positive_finite_numbers(name: str, value: float) -> None:
    numbers: dict[str, Any] = {"n_params": 1e9, name: value}
    with pytest.raises(TargetError, match=f"{name} = "):
        Target(**numbers)


def test_no_more_parameters_are_active_than_there_are() -> None:
    assert Target(1e9, n_active_params=1e9).n_active_params == 1e9
    with pytest.raises(TargetError, match=r"n_active_params = 2e\+09 exceeds"):
        Target(1e9, n_active_params=2e9)


def test_available_tokens_are_counts_and_need_those_of_the_training() -> None:
    assert Target(1e9, 1e10, available={"web": 0.0}).available == {"web": 0.0}
    with pytest.raises(TargetError, match="available tokens of web = nan: a number from 0"):
        Target(1e9, 1e10, available={"web": math.nan})
    with pytest.raises(TargetError, match="so the target needs n_tokens"):
        Target(1e9, available={"web": 1e9})


def test_objective_is_uniform_by_default_and_scaled_to_one() -> None:
    np.testing.assert_allclose(objective_weights(None, ["a", "b"]), [0.5, 0.5])
    np.testing.assert_allclose(
        objective_weights({"b": 3, "a": 1}, ["a", "b", "c"]), [0.25, 0.75, 0]
    )


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        ({"c": 1.0}, "unknown objective 'c'; there are: a, b"),
        ({"a": -1.0}, "objective a = -1"),
        ({"a": math.inf}, "objective a = inf"),
        ({"a": 0.0}, "every weight of the objective is 0"),
        ({}, "every weight of the objective is 0"),
    ],
)
def test_bad_objectives_are_refused(objective: dict[str, float], message: str) -> None:
    with pytest.raises(TargetError, match=message):
        objective_weights(objective, ["a", "b"])
