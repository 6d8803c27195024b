import numpy as np
import pytest
from scipy.stats import norm

from bayescamel.comparison.scores import crps, score


@pytest.fixture
def calibrated() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Losses drawn from what is predicted: 4,000 of them, one draw's normal each."""
    rng = np.random.default_rng(0)
    mean = rng.uniform(2, 3, size=(1, 1000, 4))
    sd = np.full_like(mean, 0.1)
    observed = mean[0] + sd[0] * rng.normal(size=mean.shape[1:])
    return observed, np.repeat(mean, 300, axis=0), np.repeat(sd, 300, axis=0)


def test_a_calibrated_prediction_covers_what_it_says(
    calibrated: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    scores = score(*calibrated)
    # Binomial sd of 4,000 at 0.9 is 0.5 %, at 0.5 0.8 %; quantiles of 300 draws add as much.
    assert scores.coverage90 == pytest.approx(0.9, abs=0.02)
    assert scores.coverage50 == pytest.approx(0.5, abs=0.03)
    assert scores.bias == pytest.approx(0, abs=0.003)
    assert scores.log_score == pytest.approx(-norm.entropy(0, 0.1), abs=0.05)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_too_sure_or_too_vague_scores_worse(
    calibrated: tuple[np.ndarray, np.ndarray, np.ndarray], factor: float
) -> None:
    observed, mean, sd = calibrated
    right, wrong = score(observed, mean, sd), score(observed, mean, factor * sd)
    assert wrong.crps > right.crps
    assert wrong.log_score < right.log_score
    assert (wrong.coverage90 < right.coverage90) == (factor < 1)


def test_crps_of_a_normal_is_the_closed_form() -> None:
    rng = np.random.default_rng(1)
    sample = rng.normal(size=(20_000, 1))
    z = 0.7
    expected = z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi)
    # The sd of |X - z| is about 0.7: 20,000 of them know the mean to 0.005.
    assert crps(sample, np.array([z]))[0] == pytest.approx(expected, abs=0.02)


def test_a_loss_not_measured_is_not_scored(
    calibrated: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    observed, mean, sd = calibrated
    holed = observed.copy()
    holed[::2] = np.nan
    assert score(holed, mean, sd) == score(observed[1::2], mean[:, 1::2], sd[:, 1::2])
