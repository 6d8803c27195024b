import numpy as np
import pytest

from bayescamel.decisions import DrawObjective, Risk, WorstCase, optimal_mixture, rank_mixtures
from bayescamel.decisions.objectives import as_aim
from bayescamel.exceptions import TargetError
from bayescamel.posterior import Posterior
from bayescamel.targets import Target
from tests.known import REFERENCE_LOSS, A, known_posterior

TARGET = Target(1e9, 2e10)
NAMES = ["d0", "d1", "d2"]
GAMMA = np.linspace(0.2, 0.6, 200)


@pytest.fixture(scope="module")
def posterior() -> Posterior:
    return known_posterior(GAMMA)


def test_risks_are_those_of_the_draws() -> None:
    values = np.random.default_rng(0).normal(size=(20_000, 1))
    assert Risk().of(values)[0] == pytest.approx(values.mean())
    # Standard errors are 0.012 and 0.018.
    assert Risk("quantile", 0.9).of(values)[0] == pytest.approx(1.2816, abs=0.05)
    assert Risk("cvar", 0.9).of(values)[0] == pytest.approx(1.7550, abs=0.07)
    for risk in (Risk(), Risk("quantile", 0.3), Risk("cvar", 0.95)):
        assert risk.weights(37).sum() == pytest.approx(1)
    worst = np.sort(values[:, 0])[-2000:].mean()
    assert Risk("cvar", 0.9).of(values)[0] == pytest.approx(worst)


def test_risks_are_read() -> None:
    assert Risk.parse("mean") == Risk()
    assert Risk.parse("cvar:0.95") == Risk("cvar", 0.95)
    for text, message in (
        ("best", "unknown risk 'best'"),
        ("cvar:high", "level 'high' is no number"),
        ("quantile:1.2", "level 1.2 is not between"),
    ):
        with pytest.raises(TargetError, match=message):
            Risk.parse(text)


def test_a_function_of_the_losses_decides_as_the_weights_it_stands_for(
    posterior: Posterior,
) -> None:
    weighted = optimal_mixture(posterior, TARGET, {"d0": 0.7, "d2": 0.3})
    function = optimal_mixture(posterior, TARGET, lambda loss: 0.7 * loss["d0"] + 0.3 * loss["d2"])
    np.testing.assert_allclose(function.recommended, weighted.recommended, atol=1e-3)
    assert function.expected == pytest.approx(weighted.expected, abs=1e-5)


def test_an_objectives_own_draws_go_with_the_posteriors(posterior: Posterior) -> None:
    """Such as a benchmark, falling with the losses at a rate that is itself uncertain."""
    picks_d0 = (np.arange(200) % 2).astype(float)
    objective = DrawObjective(
        lambda loss, pick: pick * loss["d0"] + (1 - pick) * loss["d1"], {"pick": picks_d0}, "points"
    )
    best = optimal_mixture(posterior, TARGET, objective)
    own = best.draws.to_numpy()
    assert (own[picks_d0 == 1, 0] > 0.99).all()
    assert (own[picks_d0 == 0, 1] > 0.99).all()
    assert best.unit == "points"
    with pytest.raises(TargetError, match="'pick' has 3 draws, the posterior 200"):
        optimal_mixture(posterior, TARGET, DrawObjective(objective.function, {"pick": np.ones(3)}))


def test_the_worst_case_is_the_worst() -> None:
    loss = np.array([[[1.0, 3.0, 2.0]]])
    reference = np.array([1.0, 4.0, 2.0])
    objective = ({"d0": 1.0}, {"d1": 1.0}, {"d2": 1.0})
    in_nats = as_aim(WorstCase(objective, relative=False), NAMES, reference, 1)
    relative = as_aim(WorstCase(objective), NAMES, reference, 1)
    assert in_nats.value(np, loss, in_nats.arrays(np.arange(1))) == 3.0
    assert relative.value(np, loss, relative.arrays(np.arange(1))) == 1.0
    for stage in relative.stages:
        arrays = relative.shared | stage
        smooth = relative.searched(np, loss, arrays)
        assert 1.0 <= smooth <= 1.0 + stage["softness"] * np.log(3)
    with pytest.raises(TargetError, match="at least one objective"):
        as_aim(WorstCase(()), NAMES, reference, 1)


def test_ranking_puts_the_best_first_and_counts_its_regret(posterior: Posterior) -> None:
    mixtures = np.array([[0.2, 0.2, 0.6], [0.9, 0.05, 0.05], [0.6, 0.2, 0.2]])
    ranked = rank_mixtures(posterior, TARGET, mixtures, {"d0": 1.0}, residuals=False)
    assert list(ranked["mixture"].values) == [1, 2, 0]
    np.testing.assert_array_equal(ranked["probability_best"], [1, 0, 0])
    np.testing.assert_allclose(ranked["regret"][0], 0)
    scale = REFERENCE_LOSS * A * (TARGET.n_params / posterior.centre.n_params) ** -0.3
    at = [((w / posterior.centre.mixture[0]) ** -GAMMA).mean() for w in (0.6, 0.9)]
    assert float(ranked["regret"][1]) == pytest.approx(scale * (at[0] - at[1]))
    thrice = mixtures[[2, 2, 2]]
    noisy = rank_mixtures(posterior, TARGET, thrice, {"d0": 1.0}, kind="run", residuals=False)
    # Three equal mixtures differ by noise alone: sd 0.003 · 2 nats; expected best of 3: 0.85 sd.
    np.testing.assert_allclose(noisy["regret"], 0.85 * 0.006, rtol=0.25)
