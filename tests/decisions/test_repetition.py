import numpy as np
import pytest

from bayescamel.decisions.repetition import Repetition, effective_tokens
from bayescamel.exceptions import TargetError


def test_fresh_tokens_are_worth_themselves() -> None:
    tokens = np.array([0.0, 1e9, 5e9])
    np.testing.assert_array_equal(effective_tokens(np, tokens, np.inf, 15.4), tokens)
    np.testing.assert_array_equal(effective_tokens(np, tokens, 5e9, 15.4), tokens)


def test_four_epochs_are_worth_nearly_four_and_forty_far_less() -> None:
    """Muennighoff et al. find up to four epochs almost as good as new data, and decay after."""
    four, forty = effective_tokens(np, np.array([4.0, 40.0]), 1.0, 15.387756)
    assert 3.7 < four < 4  # 1 + 15.39 (1 − exp(−3 / 15.39)) = 3.72
    assert four == pytest.approx(1 + 15.387756 * (1 - np.exp(-3 / 15.387756)))
    assert 14 < forty < 16.4


def test_worth_grows_and_has_a_ceiling() -> None:
    tokens = np.linspace(0.01, 1000, 5000)
    worth = effective_tokens(np, tokens, 1.0, 15.0)
    assert (np.diff(worth) >= 0).all()
    assert worth[-1] == pytest.approx(16.0)
    assert effective_tokens(np, np.array(1.0), np.array(0.0), 15.0) < 1e-6


def test_the_prior_is_around_its_median_and_seeded() -> None:
    draws = Repetition(10.0, 0.4).draws(4000, seed=3)
    assert np.median(draws) == pytest.approx(10.0, rel=0.05)  # standard error 0.8 %
    assert np.log(draws).std() == pytest.approx(0.4, rel=0.05)
    np.testing.assert_array_equal(draws, Repetition(10.0, 0.4).draws(4000, seed=3))
    with pytest.raises(TargetError, match="r_star = -1 must be positive"):
        Repetition(-1.0)
