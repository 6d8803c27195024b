"""Many minimisations at once reach what SciPy reaches one by one."""

import numpy as np
from scipy.optimize import rosen, rosen_der

from bayescamel.inference.lbfgs import minimise


def test_rosenbrock_from_many_starts() -> None:
    evaluated = []

    def evaluate(x: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        evaluated.append(len(which))
        return np.array([rosen(row) for row in x]), np.array([rosen_der(row) for row in x])

    starts = np.random.default_rng(0).normal(size=(20, 4))
    position, value = minimise(evaluate, starts, tolerance=1e-12)
    # In four dimensions there are two minima: the global one, and one near (-1, 1, 1, 1).
    assert all(np.isclose(value, 0, atol=1e-8) | np.isclose(value, 3.7014, atol=1e-3))
    best = position[np.argmin(value)]
    np.testing.assert_allclose(best, 1.0, atol=1e-4)
    # Problems that are done are not evaluated again.
    assert evaluated[-1] < evaluated[0] == 20


def test_each_problem_has_its_own_function() -> None:
    targets = np.arange(6.0)[:, None] * np.ones(3)

    def evaluate(x: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        error = x - targets[which]
        return np.sum(error**4, axis=1), 4 * error**3

    position, value = minimise(evaluate, np.zeros((6, 3)), tolerance=1e-9)
    np.testing.assert_allclose(position, targets, atol=0.05)
    assert (value < 1e-4).all()


def test_a_value_that_is_not_finite_is_a_step_too_far() -> None:
    def evaluate(x: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with np.errstate(invalid="ignore", divide="ignore"):
            return x[:, 0] - np.log(x[:, 0]), 1 - 1 / x

    position, value = minimise(evaluate, np.array([[0.01], [50.0], [-1.0]]), tolerance=1e-12)
    np.testing.assert_allclose(position[:2], 1.0, atol=1e-4)
    assert value[2] == np.inf  # a start outside stays outside
