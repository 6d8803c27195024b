import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from bayescamel.decisions import (
    optimal_mixture,
    optimal_path,
    pareto_front,
    recipe,
    write_recipe,
)
from bayescamel.exceptions import StorageError, TargetError
from bayescamel.mixtures.constraints import Constraints
from bayescamel.posterior import Posterior
from bayescamel.targets import Target
from tests.known import known_optimum, known_posterior

TARGET = Target(1e9, 2e10)
GAMMA = np.linspace(0.2, 0.6, 100)


@pytest.fixture(scope="module")
def posterior() -> Posterior:
    return known_posterior(GAMMA, beta=0.3)


@pytest.fixture(scope="module")
def path(posterior: Posterior) -> Any:
    sizes: list[float | Target] = [1e7, 1e9, Target(1e11, 2e12)]
    return optimal_path(posterior, sizes, tokens_per_param=20)


def test_a_path_agrees_with_single_decisions(posterior: Posterior, path: Any) -> None:
    assert dict(path.sizes) == {"size": 3, "domain": 3}
    np.testing.assert_array_equal(path["n_tokens"], [2e8, 2e10, 2e12])
    alone = optimal_mixture(posterior, TARGET)
    np.testing.assert_allclose(path["optimum"].sel(size=1e9), alone.optimum, atol=1e-3)
    assert ((path["lower90"] <= path["upper90"]) & (path["lower90"] >= 0)).all()
    assert (np.diff(path["extrapolation"]) > 0).all()


def test_an_optimum_that_depends_on_capacity_moves_with_size() -> None:
    """The capacity's term shrinks with size and the tokens' does not: d1 feeds the latter."""
    pull = np.zeros((50, 3, 3))
    pull[:, :, 0] = 0.5
    posterior = known_posterior(np.zeros(50), pull=pull, beta=0.3)
    path = optimal_path(posterior, [1e7, 1e9, 1e11], {"d1": 1.0}, n_tokens=1e9)
    assert (path["optimum"].sel(domain="d1").diff("size") > 0.05).all()


def test_paths_refuse_what_is_unclear(posterior: Posterior) -> None:
    with pytest.raises(TargetError, match="at least one size"):
        optimal_path(posterior, [])
    with pytest.raises(TargetError, match="not both"):
        optimal_path(posterior, [1e9], n_tokens=1e9, tokens_per_param=20)
    with pytest.raises(TargetError, match="needs n_tokens"):
        optimal_path(posterior, [1e9])


def test_the_front_trades_one_objective_for_the_other() -> None:
    posterior = known_posterior(np.full(50, 0.4))
    front = pareto_front(posterior, TARGET, {"d0": 1.0}, {"d1": 1.0, "d2": 1.0}, points=5)
    first, second = front["expected"].to_numpy().T
    assert (np.diff(first) > 0).all()
    assert (np.diff(second) < 0).all()
    np.testing.assert_allclose(front["mixture"][0], [1, 0, 0], atol=1e-5)
    only_second = known_optimum(posterior, 0.4, np.array([0.0, 0.5, 0.5]))
    np.testing.assert_allclose(front["mixture"][-1], only_second, atol=2e-3)
    # Without uncertainty none of these points is beaten by another.
    np.testing.assert_array_equal(front["probability_efficient"], 1)


def test_objectives_that_agree_make_no_front(posterior: Posterior) -> None:
    front = pareto_front(posterior, TARGET, {"d0": 1.0}, {"d0": 1.0}, points=3)
    assert float(np.ptp(front["expected"].to_numpy(), axis=0).max()) < 1e-5


def test_recipes_share_out_every_token(posterior: Posterior, tmp_path: Path) -> None:
    available = {"d0": 1e9, "d2": 4e9}
    limits = Constraints(available=available, max_epochs=4)
    best = optimal_mixture(posterior, TARGET, constraints=limits)
    plan = recipe(best.recommended, TARGET, available)
    assert sum(plan["tokens"].values()) == TARGET.n_tokens
    assert sum(plan["weights"].values()) == pytest.approx(1, abs=1e-12)
    assert plan["epochs"] == {k: plan["tokens"][k] / available[k] for k in ("d0", "d2")}
    assert max(plan["epochs"].values()) <= 4 + 1e-8
    for name, read in (("a.yaml", yaml.safe_load), ("a.json", json.loads)):
        write_recipe(plan, tmp_path / name)
        assert read((tmp_path / name).read_text()) == plan
        with pytest.raises(StorageError, match="force"):
            write_recipe(plan, tmp_path / name)
        write_recipe(plan, tmp_path / name, force=True)
    with pytest.raises(StorageError, match=r"written as \.yaml"):
        write_recipe(plan, tmp_path / "a.txt")


def test_a_recipe_without_tokens_has_weights_alone(posterior: Posterior) -> None:
    mixture = optimal_mixture(posterior, TARGET).recommended
    assert set(recipe(mixture, Target(1e9))) == {"target", "weights"}
