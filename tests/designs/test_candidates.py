"""What candidates cost: counted from the shape where that is known, else 6 N D."""

from typing import Any

import numpy as np
import pytest

from bayescamel.designs.candidates import check_candidates, training_flops
from bayescamel.exceptions import TargetError
from tests.designs.examples import DOMAINS, candidate_table


def checked(**columns: Any) -> Any:
    return check_candidates(candidate_table(3).assign(**columns), list(DOMAINS), tokens=True)


def test_six_n_d_of_the_active_parameters() -> None:
    np.testing.assert_allclose(training_flops(checked()), 6e9 * np.array([1e6, 4e6, 16e6]))
    sparse = checked(n_active_params=[5e5, np.nan, 2e6])
    np.testing.assert_allclose(training_flops(sparse), 6e9 * np.array([5e5, 4e6, 2e6]))


def test_given_costs_stand() -> None:
    np.testing.assert_allclose(
        training_flops(checked(flops=[1e16, 2e16, 3e16])), [1e16, 2e16, 3e16]
    )


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan, np.inf])
def test_what_is_no_cost(wrong: float) -> None:
    with pytest.raises(TargetError, match="candidate 'c01': flops ="):
        checked(flops=[1e16, wrong, 3e16])
