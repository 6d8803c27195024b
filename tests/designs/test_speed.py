import numpy as np
import pandas as pd
import pytest

from bayescamel.designs.speed import Speed

RUNS = pd.DataFrame(
    {
        "n_params": [1e6, 4e6, 1e6, 4e6, 9e6],
        "flops": [1e12, 2e13, 3e12, 1e13, np.nan],
        "device": ["cpu", "cpu", "cuda", "cuda", "cuda"],
    }
)


def timed(slope: float) -> pd.DataFrame:
    """A cuda device is 50 times as quick; seconds per FLOP fall with size."""
    rate = np.where(RUNS["device"] == "cpu", 1e-10, 2e-12) * (RUNS["n_params"] / 1e6) ** slope
    return RUNS.assign(seconds=rate * RUNS["flops"])


def test_rates_and_slope_are_learned() -> None:
    speed = Speed.learn(timed(-0.3))
    assert speed is not None
    assert speed.slope == pytest.approx(-0.3)
    candidates = pd.DataFrame({"n_params": [2e6], "flops": [1e13]})
    assert speed.seconds(candidates, "cpu")[0] == pytest.approx(1e3 * 2**-0.3)
    assert speed.seconds(candidates, "cuda")[0] == pytest.approx(2e1 * 2**-0.3)
    between = np.sqrt(1e3 * 2e1) * 2**-0.3
    assert speed.seconds(candidates)[0] == pytest.approx(between)
    assert speed.seconds(candidates, "tpu")[0] == pytest.approx(between)


def test_one_size_tells_no_slope() -> None:
    speed = Speed.learn(timed(-0.3).iloc[[0, 2]])
    assert speed is not None
    assert speed.slope == 0


def test_nothing_is_learned_from_runs_that_say_nothing() -> None:
    assert Speed.learn(RUNS.assign(seconds=np.nan)) is None
