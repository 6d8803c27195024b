"""Splits of a budget: the linear law is known in closed form, and camel's prior behaves."""

import numpy as np
import pandas as pd
import pytest

from bayescamel.designs.allocation.plans import Splits, compare_allocations, named_splits, plan
from bayescamel.designs.allocation.scenarios import Scenarios, size_information
from bayescamel.designs.candidates import target_table
from bayescamel.designs.missed import missed_covariance
from bayescamel.designs.proposals import cells
from bayescamel.designs.space import Size, Space
from bayescamel.exceptions import DesignError
from bayescamel.laws import get_law
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.targets import Target
from tests.designs.examples import DOMAINS, LINEAR, TRUSTED

SPACE = Space(DOMAINS, (Size(1e6), Size(4e6), Size(16e6)), n_tokens=(1e9,))
TARGET = Target(64e6, 1e9)
BUDGET = 40 * 6e6 * 1e9
EVERYWHERE = cells(SPACE, SPACE.mixtures(16, seed=2))


@pytest.fixture(scope="module", params=["linear", "camel"])
def scenarios(request: pytest.FixtureRequest) -> Scenarios:
    law = LINEAR if request.param == "linear" else get_law("camel")
    hierarchy = Hierarchy(law, n_validation=3, n_domain=3)
    return Scenarios.prior(hierarchy, DOMAINS, DOMAINS, EVERYWHERE, n=12)


@pytest.fixture(scope="module")
def linear() -> Scenarios:
    return Scenarios.prior(TRUSTED, DOMAINS, DOMAINS, EVERYWHERE, n=12)


def test_prior_information_is_the_prior_covariance(linear: Scenarios) -> None:
    """Coefficients scatter by 0.1 around locations that scatter by 0.1."""
    covariance = np.linalg.inv(linear.information[0])
    coefficients = covariance[-12:, -12:].reshape(3, 4, 3, 4)
    np.testing.assert_allclose(coefficients[0, :, 0, :], 0.02 * np.eye(4), atol=1e-9)
    np.testing.assert_allclose(coefficients[0, :, 1, :], 0.01 * np.eye(4), atol=1e-9)


def test_runs_of_a_size_share_its_effect() -> None:
    rng = np.random.default_rng(0)
    gradient = rng.normal(size=(2, 5, 3, 4))
    times = np.array([1.0, 2.0, 1.0, 1.0, 3.0])
    noise, effect = rng.uniform(1, 2, size=(2, 3)), rng.uniform(1, 2, size=(2, 1))
    found = size_information(gradient, times, noise, effect)
    repeated = np.repeat(gradient, times.astype(int), axis=1)
    n = repeated.shape[1]
    exact = np.zeros((2, 4, 4))
    for s in range(2):
        for v in range(3):
            between = noise[s, v] * np.eye(n) + effect[s, 0]
            exact[s] += repeated[s, :, v].T @ np.linalg.solve(between, repeated[s, :, v])
    np.testing.assert_allclose(found, exact)


def test_given_mixtures_take_the_place_of_those_spread(linear: Scenarios) -> None:
    """Runs of one mixture teach nothing of another, and most of that mixture itself."""
    one, other = np.array([[1.0, 0.0, 0.0]]), np.array([[0.0, 1.0, 0.0]])
    shares = {"all": np.full(3, 1 / 3)}
    errors = [
        compare_allocations(
            linear, SPACE, TARGET, BUDGET, splits=shares, mixtures=one, target_mixtures=where
        )["error"].item()
        for where in (one, other)
    ]
    assert errors[0] < 0.5 * errors[1]


@pytest.mark.parametrize("hierarchy", [TRUSTED, Hierarchy(LINEAR, 3, 3)], ids=["none", "missed"])
def test_errors_are_those_of_simulated_studies(hierarchy: Hierarchy) -> None:
    """Simulate parameters and runs, estimate by the closed form, and look at the target.

    The runs miss what lies between them and the target, which all losses share in part.
    """
    linear = Scenarios.prior(hierarchy, DOMAINS, DOMAINS, EVERYWHERE, n=12)
    spread, targets = SPACE.mixtures(8, seed=3), SPACE.mixtures(6, seed=4)
    splits = Splits(linear, SPACE, TARGET, BUDGET, mixtures=spread, target_mixtures=targets)
    counts = np.array([8, 4, 1])
    table = pd.concat(
        [
            cells(SPACE, spread[:n]).query(f"n_params == {size.n_params}")
            for n, size in zip(counts, SPACE.sizes, strict=True)
        ]
    )
    _, gradient = linear.gradients(table)
    losses, gradients = linear.gradients(target_table(TARGET, targets, DOMAINS))
    loss, at_target = losses[0], gradients[0]
    flat = linear.flat.shape[1]
    regressors = gradient[0].reshape(-1, gradient.shape[-1])[:, flat:]
    wanted = at_target.reshape(-1, at_target.shape[-1])[:, flat:]
    prior = np.kron(0.01 * np.ones((3, 3)) + 0.01 * np.eye(3), np.eye(4))
    noise, effect = (part[0] for part in linear.variances())
    size = table["n_params"].to_numpy()
    between = (size[:, None] == size[None]) * effect[0]
    sigma = np.zeros((len(table) * 3, len(table) * 3))
    for v in range(3):
        sigma[v::3, v::3] = between + noise[v] * np.eye(len(table))
    distance = np.log(size / TARGET.n_params)
    shared = np.full((3, 3), hierarchy.noise.beyond_shared)
    np.fill_diagonal(shared, 1.0)
    missed = hierarchy.noise.beyond**2 * shared * np.sqrt(np.outer(noise, noise))
    sigma += np.kron(missed_covariance(distance, distance), missed)
    rng = np.random.default_rng(0)
    truth = rng.multivariate_normal(np.zeros(12), prior, size=4000)
    seen = truth @ regressors.T + rng.multivariate_normal(np.zeros(len(sigma)), sigma, size=4000)
    gain = prior @ regressors.T @ np.linalg.inv(regressors @ prior @ regressors.T + sigma)
    error = (truth - seen @ gain.T) @ wanted.T
    scatter = np.sqrt(np.tile(noise + effect, loss.shape[0]))
    error = error + scatter * rng.normal(size=error.shape)
    realised = (abs(error) / abs(loss.ravel())).mean(axis=1)
    assert splits.errors(counts)[0] == pytest.approx(realised.mean(), rel=0.02)


def test_more_runs_leave_less_error(scenarios: Scenarios) -> None:
    splits = Splits(scenarios, SPACE, TARGET, BUDGET)
    few, more, most = (splits.errors(np.array(c)) for c in ([4, 2, 0], [4, 2, 1], [8, 2, 1]))
    assert (few > more).all()
    assert (more > most).all()
    low, high = splits.interval(np.array([4, 2, 1]))
    assert 0 < low < more.mean() < high


def test_plan_is_no_worse_than_any_named_split_and_keeps_the_budget(scenarios: Scenarios) -> None:
    made = plan(scenarios, SPACE, TARGET, BUDGET)
    compared = compare_allocations(scenarios, SPACE, TARGET, BUDGET)
    assert set(compared.index) == {
        *("all small", "uniform runs", "uniform FLOPs", "ends", "all large"),
    }
    assert made.error <= compared["error"].min() * 1.001
    assert made.runs["flops"].sum() <= BUDGET
    assert made.interval[0] < made.error < made.interval[1]
    assert (compared["flops"] <= BUDGET * (1 + 1e-9)).all()
    assert list(made.compared["error"]) == sorted(made.compared["error"])


def test_one_size_alone_says_little_of_another(scenarios: Scenarios) -> None:
    """Without a second size the dependence on size is known from the prior only."""
    compared = compare_allocations(scenarios, SPACE, TARGET, BUDGET)
    assert compared["error"]["all small"] > 1.5 * compared["error"].min()


def test_own_splits() -> None:
    hierarchy = Hierarchy(LINEAR, n_validation=3, n_domain=3)
    scenarios = Scenarios.prior(hierarchy, DOMAINS, DOMAINS, EVERYWHERE, n=4)
    mine = {"mine": np.array([0.5, 0.5, 0.0])}
    compared = compare_allocations(scenarios, SPACE, TARGET, BUDGET, splits=mine)
    assert compared["runs"]["mine"] == [20, 5, 0]


def test_splits_spend_what_they_say() -> None:
    hierarchy = Hierarchy(LINEAR, n_validation=3, n_domain=3)
    splits = Splits(
        Scenarios.prior(hierarchy, DOMAINS, DOMAINS, EVERYWHERE, n=4), SPACE, TARGET, BUDGET
    )
    for shares in named_splits(splits).values():
        assert shares.sum() == pytest.approx(1)
    assert splits.counts(named_splits(splits)["uniform runs"]).tolist() == [1, 1, 1]


def test_budget_that_pays_for_nothing(scenarios: Scenarios) -> None:
    with pytest.raises(DesignError, match="does not pay for the cheapest"):
        plan(scenarios, SPACE, TARGET, 1e10)
