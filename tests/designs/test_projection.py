"""The compiled projection against the law evaluated in NumPy and double precision."""

import numpy as np
import pandas as pd
import pytest

from bayescamel.designs.candidates import check_candidates, target_table
from bayescamel.designs.predictive import PredictiveDraws
from bayescamel.designs.projection import Projection
from bayescamel.laws import get_law
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.runs.sizes import Centre
from bayescamel.targets import Target

TARGET = Target(64e6, 1e9)


@pytest.mark.parametrize("n_domain", [2, 3, 5])
@pytest.mark.parametrize("n_validation", [1, 2, 4])
def test_single_precision_reads_what_double_precision_says(
    n_domain: int, n_validation: int
) -> None:
    """Mean and variance of every run, finite each time that they are asked for."""
    domains = tuple(f"d{k}" for k in range(n_domain))
    weights = np.random.default_rng(0).dirichlet(np.ones(n_domain), 40)
    table = pd.DataFrame(
        {f"w_{name}": column for name, column in zip(domains, weights.T, strict=True)}
    )
    table = table.assign(run_id=[f"c{i}" for i in range(40)], n_params=4e6, n_tokens=1e9)
    table.loc[::2, "n_params"] = 16e6
    runs = check_candidates(table, list(domains), True)
    middle = Centre(4e6, 1e9, np.full(n_domain, 1 / n_domain), np.full(n_validation, 2.0))
    hierarchy = Hierarchy(get_law("camel"), n_validation, n_domain)
    predictive = PredictiveDraws.prior(
        hierarchy, middle, domains, tuple(f"v{i}" for i in range(n_validation)), runs, n_draws=100
    )
    wanted = target_table(TARGET, weights, domains)
    at_target = predictive.curves(wanted)
    curves = predictive.curves(runs)
    projection = Projection.of(predictive, wanted, at_target, runs, seed=0)
    for _ in range(5):
        found = projection.project_runs(runs)
        np.testing.assert_allclose(found.mean, curves.mean(0), rtol=1e-5)
        explained = (found.features[..., : projection.draws.shape[1]] ** 2).sum(2)
        left_out = np.maximum(curves.var(0, ddof=1) - explained, 0.0)
        noise = predictive.noise + left_out
        np.testing.assert_allclose(found.noise, noise, rtol=1e-2, atol=1e-5 * curves.var())
