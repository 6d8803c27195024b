import numpy as np
import pandas as pd
import pytest

from bayescamel.designs.space import Size, Space
from bayescamel.designs.stopping import price, stop_rule, target_flops, third_size, worth
from bayescamel.targets import Target
from tests.designs.examples import TARGET, WEIGHTS, camel_predictive, linear_predictive


def test_price_is_the_slope_of_the_law() -> None:
    """In the linear law the loss changes with ln N by its coefficients A and, times w, C."""
    predictive = linear_predictive()
    mixture = np.array([0.2, 0.3, 0.5])
    slopes = (
        predictive.draws.coefficients[:, :, 1] + predictive.draws.coefficients[:, :, 3] * mixture[1]
    )
    falls = -float((slopes @ WEIGHTS).mean())
    # Half of a unit of ln FLOPs goes to size, half to tokens, on which this law does not depend.
    assert price(predictive, TARGET, mixture, WEIGHTS) == pytest.approx(max(falls, 0) / 2, abs=1e-6)


def test_camel_falls_with_compute() -> None:
    assert price(camel_predictive(), TARGET, np.full(3, 1 / 3), WEIGHTS) > 0.005


def test_worth_is_what_training_longer_would_cost() -> None:
    """A regret that a tenth more FLOPs win back is worth a tenth of the target's FLOPs."""
    slope = 0.05
    assert worth(slope * np.log(1.1), slope, TARGET) == pytest.approx(0.1 * target_flops(TARGET))
    assert worth(0.0, 0.0, TARGET) == 0
    assert worth(1e-3, 0.0, TARGET) == np.inf


def test_sparse_targets_cost_their_active_parameters() -> None:
    assert target_flops(Target(8e9, 1e11, 2e9)) == 6 * 2e9 * 1e11


@pytest.mark.parametrize(("removed", "stop"), [(1e-2, False), (1e-6, True)])
def test_a_batch_must_be_worth_its_cost(removed: float, stop: bool) -> None:
    cost = 1e-3 * target_flops(TARGET)
    found = stop_rule(removed, 0.02, 0.05, TARGET, cost)
    assert found.stop is stop
    assert found.cost == cost
    assert ("not worth" in found.reason) is stop


def test_a_posterior_in_doubt_does_not_stop_the_study() -> None:
    cost = 1e-3 * target_flops(TARGET)
    found = stop_rule(1e-6, 0.02, 0.05, TARGET, cost, ["the draws did not converge"])
    assert not found.stop
    assert "not worth training, which is not to be relied on yet: the draws" in found.reason
    worthy = stop_rule(1e-2, 0.02, 0.05, TARGET, cost, ["the draws did not converge"])
    assert "relied on" not in worthy.reason  # there is no stop to doubt


SPACE = Space(("a", "b"), tuple(map(Size, (1e6, 4e6, 16e6))), tokens_per_param=(20.0, 40.0))
THIRD = 6 * 16e6 * 20 * 16e6
"""FLOPs of the largest size's cheapest run."""


@pytest.mark.parametrize(
    ("trained", "waiting", "affordable", "named"),
    [
        ([1e6, 4e6, 4e6], [], THIRD, "1.6e+07 parameters"),
        ([1e6], [], THIRD / 10, "4e+06 parameters"),
        ([1e6, 4e6], [16e6], 0.0, "1.6e+07 parameters"),
        ([1e6, 4e6, 4.1e6], [], THIRD, "1.6e+07 parameters"),  # two sizes that tell apart
        ([1e6, 4e6], [4e6], THIRD / 2, None),
        ([1e6, 16e6], [], THIRD, None),
        ([1e6, 4e6, 16e6], [], THIRD, None),
    ],
)
def test_a_third_size_that_is_larger_comes_before_a_stop(
    trained: list[float], waiting: list[float], affordable: float, named: str | None
) -> None:
    told, pending = (
        pd.DataFrame({"n_params": sizes, "n_active_params": np.nan}, dtype=np.float64)
        for sizes in (trained, waiting)
    )
    found = third_size(SPACE, told, pending, affordable)
    assert found is None if named is None else named in str(found)
