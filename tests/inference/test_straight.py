"""Coordinates in which what is told by a sum is straight: undone exactly, and worth it."""

import arviz as az
import jax
import jax.numpy as jnp
import numpy as np

from bayescamel.inference.nuts import Geometry, run_chains
from bayescamel.inference.straight import from_straight, moved, summed_rows, to_straight
from bayescamel.laws import get_law
from bayescamel.models.blocks import dimension, unflatten
from bayescamel.models.problem import hierarchy_for
from tests.camel_runs import simulated_runs

ROWS = np.array([[4, 1, 2], [0, 6, 3]])


def scattered(n: int = 50) -> np.ndarray:
    """Logarithms up to e^±60 apart, and a number (5, 7) that is in no row."""
    return np.random.default_rng(0).normal(scale=15.0, size=(n, 8))


def test_straight_coordinates_are_undone_and_leave_others_alone() -> None:
    x = scattered()
    there = to_straight(np, x, ROWS)
    np.testing.assert_allclose(from_straight(np, there, ROWS), x, atol=1e-10)
    np.testing.assert_array_equal(there[:, [5, 7]], x[:, [5, 7]])
    with jax.enable_x64(True):
        np.testing.assert_allclose(to_straight(jnp, jnp.asarray(x), ROWS), there, rtol=1e-12)
        back = from_straight(jnp, jnp.asarray(there), ROWS)
    np.testing.assert_allclose(back, x, atol=1e-10)
    np.testing.assert_array_equal(to_straight(np, x, None), x)


def test_the_first_of_a_row_is_the_sum_and_the_others_ratios() -> None:
    x = np.log(np.array([[0.5, 0.2, 0.1]]))
    there = to_straight(np, x, np.array([[0, 1, 2]]))
    np.testing.assert_allclose(np.exp(there), [[0.8, 0.5 / 0.3, 0.2 / 0.1]])


def test_volume_is_kept() -> None:
    with jax.enable_x64(True):
        change = jax.vmap(jax.jacfwd(lambda y: from_straight(jnp, y, ROWS)))(scattered() / 10)
    np.testing.assert_allclose(np.abs(np.linalg.det(change)), 1.0, rtol=1e-9)


def test_a_root_moves_with_the_coordinates() -> None:
    rng = np.random.default_rng(1)
    at, root = rng.normal(size=8), rng.normal(size=(7, 7))  # the last number is a run's noise
    there = moved(to_straight, at, root, ROWS)
    straight = to_straight(np, at, ROWS)
    back = moved(from_straight, straight, there, ROWS)
    np.testing.assert_allclose(back, root, atol=1e-9)
    step = 1e-6 * root[:, 2]
    ahead = to_straight(np, at + np.append(step, 0.0), ROWS) - straight
    np.testing.assert_allclose(ahead[:7], 1e-6 * there[:, 2], rtol=1e-3, atol=1e-11)


def test_rows_are_what_a_law_sums_in_descending_order() -> None:
    runs = simulated_runs()
    hierarchy = hierarchy_for(runs, get_law("camel"))
    position = np.random.default_rng(2).normal(size=dimension(hierarchy) + 5)
    rows = summed_rows(hierarchy, position)
    assert rows is not None
    assert (np.diff(position[rows]) < 0).all()
    places = unflatten(hierarchy, np.arange(dimension(hierarchy)))["log_elasticity"]
    np.testing.assert_array_equal(np.sort(rows, axis=1), places)
    assert summed_rows(hierarchy_for(runs, get_law("camel"), "full"), position) is None
    assert summed_rows(hierarchy_for(runs, get_law("chinchilla")), position) is None


def leapfrogs_a_draw(rows: np.ndarray | None, scale: np.ndarray) -> float:
    """Of two numbers whose sum is told to 2 %, either of which may be the larger one."""

    def density(_hierarchy: object, x: jax.Array, _problem: object) -> jax.Array:
        told = jnp.logaddexp(x[0], x[1]) / 0.02
        return -0.5 * told**2 - 0.5 * jnp.sum((x + 1) ** 2) / 2.0**2

    geometry = Geometry(np.zeros(2), np.diag(scale), 0.5, np.ones(2), rows=rows)
    chains, _ = run_chains(
        "L",
        np.zeros(0),
        geometry,
        np.zeros((4, 2)),
        tune=300,
        draws=500,
        seed=0,
        target_accept=0.8,
        density=density,
        on_progress=lambda *_: None,
    )
    drawn = chains.unconstrained
    return float(chains.stats["n_steps"].sum() / az.ess(drawn[..., 0] - drawn[..., 1]))


def test_an_l_is_crossed() -> None:
    """Leapfrogs per effective draw: 3 along the line, 660 around the corner of the L."""
    straight = leapfrogs_a_draw(np.array([[0, 1]]), np.array([0.02, 2.0]))
    assert straight < 10
    assert leapfrogs_a_draw(None, np.ones(2)) > 10 * straight
