"""What every acquisition promises, and the decision's ones against closed forms."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from bayescamel.designs import ACQUISITIONS, get_acquisition
from bayescamel.designs.acquisitions import Acquisition
from bayescamel.designs.choose import choose
from bayescamel.designs.inputs import AcquisitionInputs
from bayescamel.designs.linear_gaussian import LinearGaussian
from bayescamel.designs.regret import (
    RegretReduction,
    WeightedRegretReduction,
    expected_regret,
    regret_removed,
    weighted_regret_removed,
)
from bayescamel.exceptions import DesignError
from tests.designs.examples import (
    camel_predictive,
    candidate_table,
    example_inputs,
    example_surrogate,
    linear_predictive,
)

INFORMED = ("variance", "objective-variance", "information", "regret", "weighted-regret")
TABLE = candidate_table()

every = pytest.mark.parametrize(
    "acquisition", [kind() for kind in ACQUISITIONS.values()], ids=lambda a: a.name
)
informed = pytest.mark.parametrize("name", INFORMED)


@pytest.fixture(
    scope="module", params=[linear_predictive, camel_predictive], ids=["linear", "camel"]
)
def here(request: pytest.FixtureRequest) -> AcquisitionInputs:
    return example_inputs(request.param(), TABLE)


def test_names() -> None:
    assert all(name == acquisition.name for name, acquisition in ACQUISITIONS.items())
    assert set(INFORMED) < set(ACQUISITIONS)


def test_parameters_are_set_by_the_text_that_a_study_stores() -> None:
    assert get_acquisition("regret") == RegretReduction(outcomes=64)
    assert get_acquisition(" regret ( outcomes = 256 ) ") == RegretReduction(outcomes=256)
    both = get_acquisition("weighted-regret(outcomes=32,shortlist=8)")
    assert both == WeightedRegretReduction(outcomes=32, shortlist=8)


def test_more_outcomes_bring_the_scores_nearer_to_those_of_very_many(
    here: AcquisitionInputs,
) -> None:
    few, more, many = (
        get_acquisition(f"regret(outcomes={n})").scores(here) for n in (16, 256, 8192)
    )
    assert np.abs(more - many).mean() < 0.5 * np.abs(few - many).mean()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("best", "unknown acquisition 'best'; there are: variance"),
        ("", "unknown acquisition ''"),
        ("regret(", "unknown acquisition"),
        ("regret(64)", "it has: outcomes"),
        ("regret(name=3)", "it has: outcomes"),
        ("regret(outcomes=64, outcomes=32)", "once; it has: outcomes"),
        ("regret(outcomes=many)", "of the form outcomes=count"),
        ("regret(outcomes=100)", "a power of two"),
        ("regret(outcomes=1048576)", "2 to 16,384"),
        ("weighted-regret(shortlist=0)", "shortlist = 0"),
        ("variance(outcomes=64)", "it has none"),
        ("a" * 1000, "unknown acquisition 'aaa"),
    ],
)
def test_acquisitions_that_cannot_be(text: str, message: str) -> None:
    with pytest.raises(DesignError, match=re.escape(message)) as raised:
        get_acquisition(text)
    assert len(str(raised.value)) < 400


@every
def test_scores_are_one_number_a_candidate(
    acquisition: Acquisition, here: AcquisitionInputs
) -> None:
    scores = acquisition.scores(here)
    assert scores.shape == (len(TABLE),)
    assert not np.isnan(scores).any()
    assert (scores > -np.inf).any()


@every
def test_same_seed_same_scores(acquisition: Acquisition, here: AcquisitionInputs) -> None:
    np.testing.assert_array_equal(acquisition.scores(here), acquisition.scores(here))


@every
def test_order_of_candidates_does_not_matter(
    acquisition: Acquisition, here: AcquisitionInputs
) -> None:
    order = np.random.default_rng(1).permutation(len(TABLE))
    predictive = here.require_surrogate().projection.predictive
    shuffled = example_inputs(predictive, TABLE.iloc[order].reset_index(drop=True))
    expected = acquisition.scores(here)[order]
    # Sums in another order, in single precision.
    np.testing.assert_allclose(acquisition.scores(shuffled), expected, rtol=0.02, atol=1e-12)


@every
def test_batch_is_affordable_and_repeats_nobody(
    acquisition: Acquisition, here: AcquisitionInputs
) -> None:
    budget = 20.5 * here.flops.min()  # one of the largest, and some of the others
    chosen = choose(acquisition, here, 4, budget).indices
    assert len(set(chosen)) == len(chosen) > 0
    assert here.flops[chosen].sum() <= budget
    assert choose(acquisition, here, 4, 0.5 * here.flops.min()).indices == []


@informed
def test_informed_ones_need_a_posterior(name: str, here: AcquisitionInputs) -> None:
    with pytest.raises(DesignError, match="needs a posterior"):
        get_acquisition(name).scores(replace(here, surrogate=None))


@informed
def test_nothing_is_learned_from_noise(name: str, here: AcquisitionInputs) -> None:
    surrogate = here.require_surrogate()
    loud = surrogate.candidates._replace(noise=surrogate.candidates.noise * 1e8)
    deaf = replace(here, surrogate=replace(surrogate, candidates=loud))
    quiet, noisy = (get_acquisition(name).scores(s) for s in (here, deaf))
    assert (quiet >= 0).all()
    assert noisy.max() < 0.05 * quiet.max()


@informed
def test_what_was_learned_is_not_learned_again(name: str, here: AcquisitionInputs) -> None:
    """After a run was chosen its repetition is worth less."""
    acquisition = get_acquisition(name)
    before = acquisition.scores(here)
    best = int(np.argmax(before))
    assert acquisition.scores(here.after(best))[best] < 0.6 * before[best]


@informed
def test_dearer_runs_score_less(name: str, here: AcquisitionInputs) -> None:
    scores = get_acquisition(name).scores(here)
    np.testing.assert_allclose(
        get_acquisition(name).scores(replace(here, flops=2 * here.flops)), scores / 2, rtol=1e-6
    )


def two_mixtures(gap: float) -> LinearGaussian:
    """Objective at the target of two mixtures; the draws are exactly Gaussian."""
    surrogate = example_surrogate(linear_predictive(), TABLE)
    mean = surrogate.target_mean[:2].copy()
    mean[1] = mean[0] + gap
    return replace(surrogate, target_mean=mean, target_features=surrogate.target_features[[0, 7]])


@pytest.mark.parametrize("gap", [0.0, 0.01, 0.03])
def test_regret_removed_of_two_mixtures_is_the_closed_form(gap: float) -> None:
    """Frazier et al. 2009: s φ(d/s) - d Φ(-d/s), s the sd by which the gap will move."""
    surrogate = two_mixtures(gap)
    difference = np.diff(surrogate.objective_features, axis=0)
    cross = surrogate.covariance_with(difference).astype(float)
    solved = np.linalg.solve(surrogate.predicted_covariance(), cross)
    s = np.sqrt((cross * solved).sum(axis=(1, 2)))
    exact = s * norm.pdf(gap / s) - gap * norm.cdf(-gap / s)
    found = regret_removed(surrogate, 4096)
    # The tail beyond 4,096 outcomes is what is missing.
    np.testing.assert_allclose(found, exact, atol=0.02 * exact.max())
    # The few outcomes of everyday use rank the candidates alike.
    few = regret_removed(surrogate, 64)
    assert np.corrcoef(few, exact)[0, 1] > 0.98


def test_weighing_draws_agrees_where_all_is_gaussian() -> None:
    surrogate = two_mixtures(0.01)
    exact = regret_removed(surrogate, 4096)
    some = np.argsort(-exact)[:20:4]
    removed, trusted = weighted_regret_removed(surrogate.only(some), 4000, seed=0)
    assert trusted[:2].all()
    # Twice the Monte Carlo error of 4,000 outcomes.
    np.testing.assert_allclose(removed[trusted], exact[some][trusted], atol=0.1 * exact.max())


def test_regret_falls_by_what_is_removed() -> None:
    surrogate = two_mixtures(0.02)
    index = int(np.argmax(regret_removed(surrogate, 64)))
    removed = regret_removed(surrogate, 4096)[index]
    now = expected_regret(surrogate)
    # In expectation over outcomes: move the means by what the run may say.
    cross = surrogate.only(np.array([index])).covariance_with(surrogate.objective_features)[0]
    root = np.linalg.cholesky(surrogate.only(np.array([index])).predicted_covariance()[0])
    shift = np.linalg.solve(root, cross).T
    rng = np.random.default_rng(0)
    after = surrogate.condition_on_candidate(index)
    later = []
    for _ in range(300):
        moved = after.target_mean + (shift @ rng.normal(size=3))[:, None]
        later.append(expected_regret(replace(after, target_mean=moved)))
    assert np.mean(later) == pytest.approx(now - removed, abs=0.05 * now)


def test_uniform_flops_serves_the_size_that_had_the_fewest(here: AcquisitionInputs) -> None:
    history = TABLE.iloc[:3].assign(flops=[5.0, 1.0, 3.0])  # 1e6, 4e6, 16e6
    chosen = choose(get_acquisition("uniform-flops"), replace(here, history=history), 1, np.inf)
    assert TABLE["n_params"][chosen.indices[0]] == 4e6


@pytest.mark.parametrize(("name", "size"), [("only-small", 1e6), ("only-large", 16e6)])
def test_one_size_only(name: str, size: float, here: AcquisitionInputs) -> None:
    chosen = choose(get_acquisition(name), here, 30, np.inf).indices
    assert set(TABLE["n_params"][chosen]) == {size}
    assert len(chosen) == 10


def test_one_size_means_that_of_the_whole_study(here: AcquisitionInputs) -> None:
    """Where the smallest size is used up, no larger one takes its place."""
    larger = TABLE[TABLE["n_params"] > 1e6].reset_index(drop=True)
    history = TABLE[TABLE["n_params"] == 1e6].assign(flops=1.0)
    there = example_inputs(here.require_surrogate().projection.predictive, larger, history)
    assert choose(get_acquisition("only-small"), there, 3, np.inf).indices == []


def test_space_filling_takes_the_farthest(here: AcquisitionInputs) -> None:
    history = TABLE.iloc[[0]].assign(flops=1.0)
    there = replace(here, history=history)
    (first,) = choose(get_acquisition("space-filling"), there, 1, np.inf).indices
    logs = np.log(TABLE["n_params"]) / np.log(16)
    columns = pd.concat([logs, TABLE[["w_code", "w_math", "w_web"]]], axis=1).to_numpy()
    assert first == np.argmax(((columns - columns[0]) ** 2).sum(axis=1))
