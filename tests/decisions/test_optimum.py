"""The recommendation, its intervals and its regret, where the best mixture is known."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import minimize

import bayescamel as bc
from bayescamel.comparison.stacking import StackedPosterior
from bayescamel.decisions import Risk, WorstCase, optimal_mixture, rank_mixtures
from bayescamel.decisions.result import OptimalMixture
from bayescamel.exceptions import MixtureError
from bayescamel.mixtures.constraints import Constraints, Group, Near
from bayescamel.posterior import Posterior
from bayescamel.targets import Target
from tests.camel_runs import DOMAINS, curve, simulated_runs, simulated_table, truth
from tests.known import REFERENCE_LOSS, A, known_optimum, known_posterior

TARGET = Target(1e9, 2e10)
GAMMA = np.random.default_rng(1).uniform(0.2, 0.6, size=400)
OBJECTIVE = {"d0": 0.6, "d1": 0.3, "d2": 0.1}
WEIGHTS = np.array(list(OBJECTIVE.values()))

FLOORS = Constraints({"d2": 0.2}, {"d0": 0.35}, (Group(("d0", "d1"), 0.0, 0.7),))


@pytest.fixture(scope="module")
def posterior() -> Posterior:
    return known_posterior(GAMMA)


@pytest.fixture(scope="module")
def best(posterior: Posterior) -> OptimalMixture:
    return optimal_mixture(posterior, TARGET, OBJECTIVE)


def test_every_draws_optimum_is_the_one_in_closed_form(
    posterior: Posterior, best: OptimalMixture
) -> None:
    expected = [known_optimum(posterior, gamma, WEIGHTS) for gamma in GAMMA]
    # Single precision ends within 1e-7 nats of an optimum that is flat to second order.
    np.testing.assert_allclose(best.draws, expected, atol=2e-3)


def test_the_recommendation_is_the_least_mean_of_the_draws(
    posterior: Posterior, best: OptimalMixture
) -> None:
    ratio = np.array(best.recommended) / posterior.centre.mixture
    mean_slope = -(GAMMA[:, None] * ratio ** (-GAMMA[:, None] - 1)).mean(axis=0)
    slope = WEIGHTS * mean_slope / posterior.centre.mixture
    np.testing.assert_allclose(slope, slope.mean(), rtol=1e-2)
    assert not best.tied


def test_the_regret_is_the_distance_to_the_draws_optima(
    posterior: Posterior, best: OptimalMixture
) -> None:
    scale = (TARGET.n_params / posterior.centre.n_params) ** -0.3

    def objective(mixture: np.ndarray, gamma: float) -> float:
        ratio = mixture / posterior.centre.mixture
        return float(REFERENCE_LOSS * scale * A * WEIGHTS @ ratio**-gamma)

    at_best = np.array([objective(np.array(best.recommended), gamma) for gamma in GAMMA])
    at_own = [objective(known_optimum(posterior, gamma, WEIGHTS), gamma) for gamma in GAMMA]
    np.testing.assert_allclose(best.regrets, at_best - at_own, atol=1e-5)
    assert best.regret == pytest.approx(float(best.regrets.mean()))
    assert best.regret_quantile(0.9) >= best.regret_quantile(0.5)


def test_intervals_hold_nine_tenths_of_the_draws_optima(best: OptimalMixture) -> None:
    low, high = best.optimum_interval.transpose("bound", "domain")
    inside = ((best.draws >= low) & (best.draws <= high)).mean("sample")
    np.testing.assert_allclose(inside, 0.9, atol=0.01)
    density = best.density(bins=20)
    np.testing.assert_allclose(density.sum("weight") / 20, 1)


def test_a_simulated_laws_optimum_lies_within_its_interval() -> None:
    """The whole chain: runs of a known law, fitted, decided at five times the largest size."""
    runs = simulated_runs()
    target = Target(3.2e8, 2e9)
    fitted = bc.fit(runs, chains=2, draws=200, tune=300, progress=False)
    best = optimal_mixture(fitted, target)
    table, centre = simulated_table()
    row = table.iloc[[0]].assign(n_params=target.n_params, n_tokens=target.n_tokens)

    def loss(weights: np.ndarray) -> float:
        given = row.assign(**{f"w_{d}": w for d, w in zip(DOMAINS, weights, strict=True)})
        return float(curve(truth(), given, centre).mean())

    sums_to_one = {"type": "eq", "fun": lambda w: w.sum() - 1}
    found = minimize(loss, np.full(3, 1 / 3), bounds=[(0.01, 1)] * 3, constraints=sums_to_one)
    # Three weights, two of them free: all inside with probability of about 0.8, seeded.
    low, high = best.optimum_interval.transpose("bound", "domain").to_numpy()
    assert ((low <= found.x) & (found.x <= high)).all()
    assert loss(np.array(best.recommended)) - found.fun < best.regret_quantile(0.99)


@pytest.mark.parametrize(
    "constraints",
    [
        FLOORS,
        Constraints(groups=(Group(("d0", "d2"), 0.3, 0.3),)),
        Constraints(near=Near(0.05, {"d0": 0.2, "d1": 0.2, "d2": 0.6})),
        Constraints(near=Near(0.03)),
        Constraints({"d0": 0.3}, near=Near(0.2, {"d0": 0.2, "d1": 0.2, "d2": 0.6})),
        Constraints({"d0": 0.4, "d2": 0.6}),
        Constraints(available={"d0": 1e9, "d1": 3e8}, max_epochs=4),
    ],
    ids=["bounds", "fixed sum", "reference", "measured", "both", "one point", "tokens"],
)
def test_constraints_hold_to_rounding(posterior: Posterior, constraints: Constraints) -> None:
    best = optimal_mixture(posterior, TARGET, OBJECTIVE, constraints=constraints)
    domains, measured = posterior.runs["domain"].to_numpy(), posterior.runs["mixture"].to_numpy()
    allowed = constraints.polytope(domains, TARGET, measured)
    everything = np.vstack([best.recommended, best.optimum, best.draws])
    assert allowed.violation(everything).max() <= 1e-9
    assert best.binding == allowed.binding(np.array(best.recommended))


@pytest.mark.parametrize("risk", [Risk(), Risk("quantile", 0.8), Risk("cvar", 0.8)], ids=str)
def test_the_search_agrees_with_another_optimiser(posterior: Posterior, risk: Risk) -> None:
    """SLSQP in double precision on the same objective, bounds and sums."""
    best = optimal_mixture(posterior, TARGET, OBJECTIVE, constraints=FLOORS, risk=risk)

    def objective(weights: np.ndarray) -> float:
        ratio = np.maximum(weights, 1e-9) / posterior.centre.mixture
        values = REFERENCE_LOSS * A * (ratio ** -GAMMA[:, None]) @ WEIGHTS
        return float(risk.of(values))

    constraints = [
        {"type": "eq", "fun": lambda w: w.sum() - 1},
        {"type": "ineq", "fun": lambda w: 0.7 - w[0] - w[1]},
    ]
    bounds = [(0, 0.35), (0, 1), (0.2, 1)]
    found = minimize(objective, [0.3, 0.3, 0.4], bounds=bounds, constraints=constraints)
    assert objective(np.array(best.optimum)) <= found.fun + 2e-5


def test_caps_bind_at_the_target_though_not_at_the_proxies(posterior: Posterior) -> None:
    """What exists of d0 lasts for every proxy, and for four epochs of an eighth of the target."""
    constraints = Constraints(available={"d0": 6e8}, max_epochs=4)
    proxy = Target(9e7, 1.8e9)
    free = optimal_mixture(posterior, proxy, OBJECTIVE)
    at_proxy = optimal_mixture(posterior, proxy, OBJECTIVE, constraints=constraints)
    assert float(at_proxy.recommended.sel(domain="d0")) == pytest.approx(
        float(free.recommended.sel(domain="d0")), abs=0.02
    )
    assert at_proxy.binding == ()
    at_target = optimal_mixture(posterior, TARGET, OBJECTIVE, constraints=constraints)
    assert float(at_target.recommended.sel(domain="d0")) == pytest.approx(4 * 6e8 / 2e10, abs=1e-4)
    assert len(at_target.binding) == 1
    assert at_target.binding[0].startswith("d0 ≤ 0.12 (4 epochs")


def test_repetition_moves_weight_away_before_a_cap_does() -> None:
    posterior = known_posterior(GAMMA, beta=0.3)
    limited = Constraints(available={"d0": 2e8})
    fresh = optimal_mixture(posterior, TARGET, OBJECTIVE)
    worn = optimal_mixture(posterior, TARGET, OBJECTIVE, constraints=limited)
    assert (
        float(worn.recommended.sel(domain="d0")) < float(fresh.recommended.sel(domain="d0")) - 0.05
    )
    assert worn.expected > fresh.expected
    assert worn.binding == ()


def test_when_all_mixtures_tie_the_near_one_is_recommended() -> None:
    posterior = known_posterior(np.zeros(50))
    reference = {"d0": 0.2, "d1": 0.3, "d2": 0.5}
    for given, near in ((None, posterior.centre.mixture), (reference, list(reference.values()))):
        best = optimal_mixture(posterior, TARGET, reference=given)
        assert best.tied
        np.testing.assert_allclose(best.recommended, near, atol=1e-12)
        assert "cannot be told from" in repr(best)
        assert "recommended, optimum (90 % of the draws' optima)" in repr(best)
        assert best.regret < 1e-6


def test_when_the_draws_disagree_the_near_one_is_recommended() -> None:
    """Half of the draws reward d0 and half of them d1: nothing is known of which is better."""
    pull = np.zeros((100, 3, 3))
    pull[:50, :, 0], pull[50:, :, 1] = 0.3, 0.3
    posterior = known_posterior(np.zeros(100), pull=pull)
    wasteful = {"d0": 0.4, "d1": 0.4, "d2": 0.2}
    near = {"d0": 0.5, "d1": 0.5, "d2": 0.0}
    best = optimal_mixture(posterior, TARGET, reference=near)
    assert best.tied
    np.testing.assert_allclose(best.recommended, list(near.values()), atol=1e-9)
    # The draws' optima are at two corners, and the intervals say so.
    assert float(best.optimum_interval.sel(domain="d0", bound="upper90")) > 0.95
    assert float(best.optimum_interval.sel(domain="d0", bound="lower90")) < 0.05
    # What wastes a fifth on d2 is told from the best.
    assert not optimal_mixture(posterior, TARGET, reference=wasteful).tied


def test_a_reference_is_compared_with_as_it_was_given(posterior: Posterior) -> None:
    reference = {"d0": 0.1, "d1": 0.1, "d2": 0.8}
    best = optimal_mixture(posterior, TARGET, OBJECTIVE, reference=reference)
    compared = best.against_reference
    assert compared is not None
    np.testing.assert_array_equal(compared.mixture, list(reference.values()))
    low, high = compared.interval
    assert compared.probability == 1
    assert 0 < low < compared.expected < high
    capped = optimal_mixture(
        posterior, TARGET, OBJECTIVE, constraints=FLOORS, reference={"d0": 0.9, "d1": 0.1}
    )
    assert capped.against_reference is not None
    np.testing.assert_allclose(capped.against_reference.mixture, [0.9, 0.1, 0])
    assert float(capped.against_near.mixture.sel(domain="d0")) <= 0.35 + 1e-9


def test_gain_that_rests_on_extrapolation_is_told(posterior: Posterior) -> None:
    inside = optimal_mixture(posterior, TARGET, constraints=Constraints(near=Near(0.0)))
    assert inside.distance <= inside.reach
    assert np.isnan(inside.gain_extrapolated) or inside.gain_extrapolated == 0
    far = optimal_mixture(posterior, TARGET, {"d0": 1.0})
    assert float(far.recommended.sel(domain="d0")) == pytest.approx(1, abs=1e-6)
    assert far.distance > far.reach
    assert 0.1 < far.gain_extrapolated < 1
    assert far.extrapolation >= 1


def test_conflicts_are_named(posterior: Posterior) -> None:
    constraints = Constraints({"d0": 0.5, "d1": 0.2}, groups=(Group(("d0", "d2"), 0.0, 0.4),))
    with pytest.raises(MixtureError, match=r"these conflict.*d0 ≥ 0.5; d0 \+ d2 ≤ 0.4"):
        optimal_mixture(posterior, TARGET, constraints=constraints)


def test_sparse_targets_are_decided_by_active_and_total_parameters() -> None:
    """With s = ½ the capacity of 8e8 parameters of which 1e8 are active lies between the two."""
    posterior = known_posterior(GAMMA, sparsity=0.5)
    dense, sparse, small = (
        optimal_mixture(posterior, target, OBJECTIVE)
        for target in (
            Target(8e8, 2e10),
            Target(8e8, 2e10, n_active_params=1e8),
            Target(1e8, 2e10),
        )
    )
    assert dense.expected < sparse.expected < small.expected


def test_the_worst_of_several_objectives_is_lifted(posterior: Posterior) -> None:
    worst = WorstCase(tuple({name: 1.0} for name in ("d0", "d1", "d2")), relative=False)
    best = optimal_mixture(posterior, TARGET, worst)
    # Equal amplitudes and elasticities: the worst is least where all w / w⁰ are equal.
    np.testing.assert_allclose(best.optimum, posterior.centre.mixture, atol=2e-3)


def test_domains_permute(posterior: Posterior, best: OptimalMixture) -> None:
    order = ["d2", "d0", "d1"]
    runs = posterior.runs.sel(domain=order)
    permuted = replace(
        posterior,
        tree=xr.DataTree.from_dict({"posterior": posterior.tree["posterior"].sel(domain=order)}),
        runs=runs,
        centre=replace(posterior.centre, mixture=runs["mixture"].mean("run").to_numpy()),
    )
    again = optimal_mixture(permuted, TARGET, OBJECTIVE)
    back = again.recommended.sel(domain=best.recommended["domain"])
    np.testing.assert_allclose(back, best.recommended, atol=1e-3)


def test_a_stack_of_laws_decides_for_the_average_of_its_laws() -> None:
    """Each draw keeps the optimum of its own law, and laws count by their weights."""
    steep, flat = known_posterior(np.full(100, 0.6)), known_posterior(np.full(100, 0.2))
    weights = xr.DataArray([0.7, 0.3], {"law": ["steep", "flat"]}, ("law",))
    stack = StackedPosterior({"steep": steep, "flat": flat}, weights, weights.expand_dims("block"))
    best = optimal_mixture(stack, TARGET, OBJECTIVE)
    expected = [known_optimum(steep, gamma, WEIGHTS) for gamma in [0.6] * 70 + [0.2] * 30]
    np.testing.assert_allclose(best.draws, expected, atol=2e-3)
    ratio = np.array(best.recommended) / steep.centre.mixture
    slope = sum(share * gamma * ratio ** (-gamma - 1) for share, gamma in ((0.7, 0.6), (0.3, 0.2)))
    slope = WEIGHTS * slope / steep.centre.mixture
    np.testing.assert_allclose(slope, slope.mean(), rtol=1e-2)
    ranked = rank_mixtures(stack, TARGET, np.stack([best.recommended, [0.2, 0.2, 0.6]]), OBJECTIVE)
    assert list(ranked["mixture"].values) == [0, 1]
