import numpy as np
import pytest

from bayescamel.exceptions import BayesCamelError
from proxies.schedule import Leg, legs


def test_a_run_without_branches_warms_up_stays_and_decays() -> None:
    plan = legs((100,), 0.2)
    assert plan == [Leg(0, 80), Leg(80, 100, 20)]
    factors = [leg.factor(step, 10) for leg in plan for step in range(leg.first, leg.stop)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9:81] == [1.0] * 72
    assert np.diff(factors[:10]) == pytest.approx(0.1)
    assert np.diff(factors[80:]) == pytest.approx(-0.05)
    assert factors[-1] == pytest.approx(0.05)


def test_branches_leave_the_trunk_and_it_goes_on_from_there() -> None:
    assert legs((50, 100), 0.3) == [
        Leg(0, 35),
        Leg(35, 50, 15, branch=True),
        Leg(35, 70),
        Leg(70, 100, 30),
    ]


@pytest.mark.parametrize("ends", [(50, 50), (90, 100, 95), (0, 10)])
def test_branches_out_of_order_are_refused(ends: tuple[int, ...]) -> None:
    with pytest.raises(BayesCamelError, match="behind the start of the one before"):
        legs(ends, 0.3)


def test_a_branch_within_the_decay_of_another_is_its_own() -> None:
    """Decays may overlap, since each starts from the trunk."""
    assert [leg.first for leg in legs((95, 100), 0.3)] == [0, 67, 67, 70]
