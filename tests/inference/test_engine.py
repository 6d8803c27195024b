"""What the engine does before the draws that are kept."""

from typing import Any

import arviz as az
import numpy as np
import pytest
from scipy.optimize import minimize

from bayescamel.inference import modes
from bayescamel.inference.modes import N_AGREEING_STARTS, find_modes, start_positions
from bayescamel.inference.stages import largest_rhat
from bayescamel.laws import get_law
from bayescamel.models.blocks import unflatten
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.models.problem import build, hierarchy_for
from bayescamel.runs.bundled import load_proxies
from bayescamel.runs.sizes import Centre, sparse_runs
from tests.camel_runs import simulated_runs


def test_chains_that_disagree_have_a_large_rhat() -> None:
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(4, 200, 3))
    draws[1, :, 2] += 3.0
    expected = [float(az.rhat(draws[..., i], method="split")) for i in range(3)]
    np.testing.assert_allclose(largest_rhat(draws), max(expected), rtol=1e-6)
    assert largest_rhat(draws[..., :2]) < 1.05 < 1.5 < largest_rhat(draws)


def test_size_effects_do_not_stand_in_for_the_law_at_a_mode() -> None:
    """Two sizes: effects of either size could explain all that the law says of size."""
    runs = simulated_runs()
    sizes = np.unique(runs["n_params"])[[0, -1]]
    runs = runs.isel(run=np.isin(runs["n_params"], sizes))
    hierarchy: Hierarchy = hierarchy_for(runs, get_law("r1"))
    problem = build(runs, Centre.of(runs))
    starts = start_positions(hierarchy, problem, 4, seed=0)
    best = find_modes(hierarchy, problem, starts)[0]
    scale = float(np.exp(unflatten(hierarchy, best.position)["log_size_effect_scale"]))
    # Losses differ by a tenth and more between the sizes; the effects' prior median is 0.003.
    assert scale < 0.01


def test_whatever_the_seed_the_search_ends_in_the_best_mode() -> None:
    """Two sizes of the bundled runs, which leave much open: modes lie 25 and 50 nats below."""
    runs = load_proxies()
    runs = runs.isel(run=~sparse_runs(runs) & (runs["n_params"].to_numpy() < 2e5))
    hierarchy = hierarchy_for(runs, get_law("camel"))
    problem = build(runs, Centre.of(runs))
    found = []
    for seed in range(4):
        starts = start_positions(hierarchy, problem, 8, seed)
        found.append(find_modes(hierarchy, problem, starts)[0].log_density)
    # Optima are found to a billionth of the density, which is 0.000001 nats here.
    np.testing.assert_allclose(found, max(found), atol=0.01)


def test_starts_are_made_until_enough_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = simulated_runs()
    hierarchy = hierarchy_for(runs, get_law("chinchilla"))
    problem = build(runs, Centre.of(runs))
    starts = start_positions(hierarchy, problem, 8, seed=0)
    climbs: list[int] = []
    shown: list[int] = []

    def counted(*words: Any, **options: Any) -> Any:
        climbs.append(1)
        return minimize(*words, **options)

    monkeypatch.setattr(modes, "minimize", counted)
    find_modes(hierarchy, problem, starts, lambda: shown.append(1))
    assert len(climbs) == 3 * N_AGREEING_STARTS  # three climbs a start, and this law has one mode
    assert len(shown) == len(starts)
