"""Mixtures found by search: as good as a dense grid, within the bounds, never twice."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bayescamel.designs import get_acquisition
from bayescamel.designs.inputs import AcquisitionInputs
from bayescamel.designs.predictive import PredictiveDraws
from bayescamel.designs.proposals import base_mixtures, cells, ends, improve, unused
from bayescamel.designs.space import Size, Space
from bayescamel.designs.start import start_runs
from tests.designs.examples import DOMAINS, camel_predictive, example_surrogate

SPACE = Space(DOMAINS, (Size(1e6), Size(4e6), Size(16e6)), n_tokens=(1e9,))
NOTHING = cells(SPACE, np.full((1, 3), 1 / 3)).iloc[:0]
INFORMED = ("variance", "information", "regret")


@pytest.fixture(scope="module")
def predictive() -> PredictiveDraws:
    return camel_predictive()


def search(
    predictive: PredictiveDraws,
    name: str,
    space: Space = SPACE,
    history: pd.DataFrame = NOTHING,
    budget: float = np.inf,
) -> tuple[Any, Callable[[pd.DataFrame], np.ndarray]]:
    table = cells(space, base_mixtures(space, history, seed=0))
    surrogate = example_surrogate(predictive, table)

    def with_candidates(some: pd.DataFrame) -> AcquisitionInputs:
        flops = some["flops"].to_numpy()
        return AcquisitionInputs(some, flops, history, surrogate.with_candidates(some), 0)

    acquisition = get_acquisition(name)
    row = improve(acquisition, with_candidates, table, history, space, budget, seed=0)
    return row, lambda some: acquisition.scores(with_candidates(some))


def grid(space: Space) -> pd.DataFrame:
    ticks = np.linspace(0, 1, 26)
    points = np.array([(a, b, 1 - a - b) for a in ticks for b in ticks if a + b <= 1 + 1e-9])
    least, _ = space.box()
    return cells(space, least + (1 - least.sum()) * np.maximum(points, 0.0))


@pytest.mark.parametrize("name", INFORMED)
def test_search_finds_what_a_dense_grid_finds(name: str, predictive: PredictiveDraws) -> None:
    row, score = search(predictive, name)
    assert len(row) == 1
    assert score(row)[0] > 0.98 * score(grid(SPACE)).max()


@pytest.mark.parametrize("name", [*INFORMED, "random", "space-filling", "uniform-flops"])
def test_bounds_and_budget_hold(name: str, predictive: PredictiveDraws) -> None:
    bounds = {"web": (0.3, 0.6), "math": (0.05, 0.2)}
    space = replace(SPACE, bounds=bounds)
    budget = 5e15 * 6  # pays for the two smaller sizes
    row, _ = search(predictive, name, space, budget=budget)
    assert row["flops"][0] <= budget
    lower, upper = space.box()
    weights = row[[f"w_{name}" for name in DOMAINS]].to_numpy()[0]
    assert (weights >= lower - 1e-9).all()
    assert (weights <= upper + 1e-9).all()
    assert weights.sum() == pytest.approx(1)


def test_a_cell_is_found_once_unless_seeds_are_left(predictive: PredictiveDraws) -> None:
    one = replace(SPACE, bounds={"web": (0.5, 0.5), "math": (0.2, 0.2)})
    history, found = NOTHING, []
    while True:
        row, _ = search(predictive, "variance", one, history)
        if not len(row):
            break
        found.append((row["n_params"][0], row["seed"][0]))
        history = row if not len(history) else pd.concat([history, row], ignore_index=True)
    assert sorted(found) == [(1e6, 0), (4e6, 0), (16e6, 0)]
    twice = replace(one, seeds=2)
    row, _ = search(predictive, "variance", twice, history)
    assert row["seed"][0] == 1


def test_unaffordable_is_nothing(predictive: PredictiveDraws) -> None:
    row, _ = search(predictive, "variance", budget=1e15)
    assert len(row) == 0


def test_cells_cost_what_their_sizes_do() -> None:
    space = replace(SPACE, sizes=(Size(1e6, flops_per_token=9e6), Size(8e6, 2e6)))
    table = cells(space, np.eye(3))
    assert len(table) == 6
    assert table["flops"].to_list() == [9e15] * 3 + [12e15] * 3
    assert table["n_active_params"].isna().to_list() == [True] * 3 + [False] * 3
    assert table["run_id"].is_unique


def test_start_covers_domains_and_leaves_large_sizes_out() -> None:
    start = start_runs(SPACE, NOTHING, 8, budget=np.inf)
    assert set(start["n_params"]) == {1e6, 4e6}
    weights = start[[f"w_{name}" for name in DOMAINS]]
    assert (weights.max() > 0.5).all()
    assert not weights.duplicated().any()


def test_start_goes_on_where_it_was() -> None:
    """Asked one by one or at once, the same runs come."""
    at_once = start_runs(SPACE, NOTHING, 5, budget=np.inf)
    history = NOTHING
    for _ in range(5):
        row = start_runs(SPACE, history, 1, budget=np.inf)
        history = row if not len(history) else pd.concat([history, row], ignore_index=True)
    columns = ["n_params", *(f"w_{name}" for name in DOMAINS)]
    np.testing.assert_allclose(history[columns], at_once[columns])


def test_unused_counts_repetitions() -> None:
    table = cells(SPACE, np.eye(3))
    left = unused(table, table.iloc[[0, 0, 4]], replace(SPACE, seeds=2))
    assert len(left) == len(table) - 1
    assert left["seed"].sum() == 1


def test_search_begins_at_the_ends_of_what_is_allowed() -> None:
    corners = dict.fromkeys(DOMAINS, (0.0, 1.0))
    np.testing.assert_array_equal(ends(replace(SPACE, bounds=corners)), np.eye(3))
    bounds = {"code": (0.1, 0.5), "math": (0.0, 0.4), "web": (0.2, 1.0)}
    found = ends(replace(SPACE, bounds=bounds))
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-15)
    np.testing.assert_allclose(np.diagonal(found), [0.5, 0.4, 0.9])
    np.testing.assert_allclose(found[0], [0.5, 0.3 / 3, 0.2 + 0.3 * 2 / 3])
