"""Pooling and noise: what the prior says, and what replicate runs teach."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import bayescamel as bc
from bayescamel.laws import get_law
from bayescamel.mixtures.transforms import variation
from bayescamel.models.hierarchy import RUN_NOISE, Hierarchy, Noise

OWN = np.eye(3)


def prior_draws(hierarchy: Hierarchy, n: int = 4000) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(n):
        values: dict[str, np.ndarray] = {}
        for block in hierarchy.blocks():
            location, scale = block.prior(np, values, OWN)
            values[block.name] = location + scale * rng.normal(size=hierarchy.shape(block.dims))
        draws.append(values)
    return {name: np.stack([d[name] for d in draws]) for name in draws[0]}


@pytest.fixture(scope="module")
def by_pooling() -> dict[str, dict[str, np.ndarray]]:
    law = get_law("r2")
    return {
        pooling: prior_draws(Hierarchy(law, 3, 3, pooling=pooling))
        for pooling in ("none", "partial", "full")
    }


def test_a_parameter_has_one_marginal_prior_pooled_or_not(
    by_pooling: dict[str, dict[str, np.ndarray]],
) -> None:
    none, partial = by_pooling["none"]["raw_tilt"], by_pooling["partial"]["raw_tilt"]
    # 4,000 draws: a mean is known to sd/63, an sd to 1.1 %; four of these.
    np.testing.assert_allclose(none.mean(axis=0), partial.mean(axis=0), atol=0.06)
    np.testing.assert_allclose(none.std(axis=0), partial.std(axis=0), rtol=0.045)


def test_pooling_ties_validation_domains_together(
    by_pooling: dict[str, dict[str, np.ndarray]],
) -> None:
    def correlation(values: np.ndarray) -> float:
        return float(np.corrcoef(values[:, 0, 1], values[:, 1, 0])[0, 1])

    assert abs(correlation(by_pooling["none"]["raw_tilt"])) < 0.06
    tilt = next(p for p in get_law("r2").parameters if p.name == "tilt")
    shared = tilt.location_sd**2 / (tilt.location_sd**2 + tilt.spread**2)
    assert correlation(by_pooling["partial"]["raw_tilt"]) == pytest.approx(shared, abs=0.06)


def test_full_pooling_has_one_value_for_all_but_the_own_domain(
    by_pooling: dict[str, dict[str, np.ndarray]],
) -> None:
    hierarchy = Hierarchy(get_law("r2"), 3, 3, pooling="full")
    values = {name: value[:5] for name, value in by_pooling["full"].items()}
    assert "raw_tilt" not in values
    tilt = hierarchy.constrained(np, values, OWN)["tilt"]
    assert tilt.shape == (5, 3, 3)
    np.testing.assert_array_equal(tilt[:, 0, 0], tilt[:, 1, 1])
    np.testing.assert_array_equal(tilt[:, 0, 1], tilt[:, 2, 0])
    assert (tilt[:, 0, 0] != tilt[:, 0, 1]).all()
    location, spread = hierarchy.coefficient_prior(values)
    assert spread == [0.0, 0.0]
    assert location[0].shape == (5,)


def test_noise_grows_with_lopsidedness_where_it_may() -> None:
    hierarchy = Hierarchy(get_law("r1"), 2, 3, noise=Noise(mixture_dependent=True))
    values = {"log_sigma": np.log([0.002, 0.004]), "noise_lopsided": 1.5, RUN_NOISE: np.zeros(2)}
    reference = np.array([0.5, 0.3, 0.2])
    mixtures = np.stack([reference, [0.0, 0.0, 1.0]])
    sd = np.exp(hierarchy.log_noise_sd(values, mixtures, reference))
    np.testing.assert_allclose(sd[:, 0], [0.002, 0.004])
    np.testing.assert_allclose(sd[:, 1], np.array([0.002, 0.004]) * np.exp(1.5 * 0.8))
    even = dataclasses.replace(hierarchy, noise=Noise(mixture_dependent=False, run_spread=0))
    np.testing.assert_allclose(
        np.exp(even.log_noise_sd(values, mixtures, reference)), [[0.002], [0.004]]
    )
    assert variation(np.eye(3), reference) == pytest.approx([0.5, 0.7, 0.8])


def test_replicates_teach_the_noise_and_how_it_grows() -> None:
    """Six repeats of each of eight mixtures at two sizes, losses of a law without mixtures."""
    rng = np.random.default_rng(1)
    mixtures = np.repeat(np.concatenate([np.eye(2), rng.dirichlet([2, 2], 6)]), 12, axis=0)
    size = np.tile([1e7, 1e8], len(mixtures) // 2)
    distance = variation(mixtures, mixtures.mean(axis=0))
    sigma = np.array([0.002, 0.004]) * np.exp(2.0 * distance)[:, None]
    curve = 2.0 + (size / 1e7) ** -0.3
    loss = curve[:, None] * (1 + sigma * rng.normal(size=sigma.shape))
    table = pd.DataFrame(
        {
            "run_id": [f"r{i}" for i in range(len(size))],
            "n_params": size,
            "w_a": mixtures[:, 0],
            "w_b": mixtures[:, 1],
            "loss_a": loss[:, 0],
            "loss_b": loss[:, 1],
        }
    )
    posterior = bc.fit(
        bc.read_runs(table),
        "chinchilla",
        noise=Noise(mixture_dependent=True),
        chains=2,
        draws=200,
        tune=200,
        progress=False,
    )
    draws = posterior.tree["posterior"]
    low, high = np.quantile(draws["noise_lopsided"], [0.005, 0.995])
    assert 0 < low < 2.0 < high
    low, high = np.quantile(draws["sigma"], [0.005, 0.995], axis=(0, 1))
    # σ is relative to the mean loss, which is 1.2 times lower than the loss of the small size.
    assert (low < np.array([0.002, 0.004]) * 1.1).all()
    assert (high > np.array([0.002, 0.004]) / 1.1).all()
    target = bc.Target(1e8)
    even, corner = (
        posterior.predict(target, weights, kind="run")["loss"].std(("chain", "draw"))
        for weights in ({"a": 0.5, "b": 0.5}, {"a": 1.0})
    )
    assert (corner > 1.5 * even).all()
