"""Draws that did not converge: who asks them is told, each time."""

import warnings
from collections.abc import Callable
from dataclasses import replace

import pytest
import xarray as xr

from bayescamel.comparison.stacking import StackedPosterior
from bayescamel.decisions import optimal_mixture
from bayescamel.draws.status import Status
from bayescamel.exceptions import ConvergenceWarning
from bayescamel.posterior import Posterior
from bayescamel.targets import Target
from tests.prior_posterior import example_runs, prior_posterior

TARGET = Target(3e8, 6e9)
BAD = Status(3.4, 2.0, 5.0, 0, 1.0, 0.0)


@pytest.fixture(scope="module")
def good() -> Posterior:
    return prior_posterior(example_runs())


def test_each_answer_of_bad_draws_warns_where_it_was_asked_for(good: Posterior) -> None:
    bad = replace(good, status=BAD)
    asked: tuple[Callable[[Posterior], object], ...] = (
        lambda p: p.predict(TARGET),
        lambda p: p.optimal_mixture(TARGET, max_draws=20),
    )
    for ask in asked:
        with pytest.warns(ConvergenceWarning, match=r"R-hat 3\.400 .* double tune") as seen:
            ask(bad)
        assert {warning.filename for warning in seen} == {__file__}
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            ask(good)


def test_a_stack_tells_which_law_is_doubted(good: Posterior) -> None:
    bad = replace(prior_posterior(example_runs(), "r1"), status=BAD)
    halves = xr.DataArray([0.5, 0.5], {"law": ["camel", "r1"]}, ("law",))
    stacked = StackedPosterior({"camel": good, "r1": bad}, halves, halves)
    with pytest.warns(ConvergenceWarning, match="law r1: not converged"):
        optimal_mixture(stacked, TARGET, max_draws=20)


def test_a_point_fit_is_not_doubted(good: Posterior) -> None:
    """Nothing was sampled: it has a status of no numbers, and every check of it fails."""
    nan = float("nan")
    point = replace(good, status=Status(nan, nan, nan, 0, nan, nan), is_point_fit=True)
    assert (point.doubts, bool(point.status.doubts)) == ((), True)
