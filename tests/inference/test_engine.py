"""What the engine does before the draws that are kept."""

import arviz as az
import numpy as np

from bayescamel.blocks import unflatten
from bayescamel.hierarchy import Hierarchy
from bayescamel.inference.modes import SIZE_EFFECTS, find_modes, start_positions
from bayescamel.inference.stages import largest_rhat
from bayescamel.laws import get_law
from bayescamel.models.problem import Centre, build, hierarchy_for
from tests.camel_runs import simulated_runs


def test_chains_that_disagree_have_a_large_rhat():
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(4, 200, 3))
    draws[1, :, 2] += 3.0
    expected = [float(az.rhat(draws[..., i], method="split")) for i in range(3)]
    np.testing.assert_allclose(largest_rhat(draws), max(expected), rtol=1e-6)
    assert largest_rhat(draws[..., :2]) < 1.05 < 1.5 < largest_rhat(draws)


def test_size_effects_do_not_stand_in_for_the_law_at_a_mode():
    """Two sizes: effects of either size could explain all that the law says of size."""
    runs = simulated_runs()
    sizes = np.unique(runs["n_params"])[[0, -1]]
    runs = runs.isel(run=np.isin(runs["n_params"], sizes))
    hierarchy: Hierarchy = hierarchy_for(runs, get_law("r1"))
    problem = build(runs, Centre.of(runs))
    starts = start_positions(hierarchy, problem, 4, seed=0)
    best = find_modes(hierarchy, problem, starts)[0]
    scale = float(np.exp(unflatten(hierarchy, best.position)[SIZE_EFFECTS]))
    # Losses differ by a tenth and more between the sizes; the effects' prior median is 0.003.
    assert scale < 0.01
