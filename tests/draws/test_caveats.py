"""What the data say against a law though its chains converged."""

import numpy as np
import xarray as xr

import bayescamel as bc
from bayescamel.posterior import Posterior
from tests.camel_runs import simulated_runs
from tests.prior_posterior import example_runs, prior_posterior


def test_sizes_that_no_law_describes_are_a_caveat(simulated_posterior: Posterior) -> None:
    assert simulated_posterior.caveats == ()
    runs = simulated_posterior.runs
    odd = runs.copy(deep=True)
    # One size 10 % off in every domain: no curve in size has such a step.
    step = np.where(runs["n_params"] == 16e6, 1.1, 1.0)
    odd["loss"] = runs["loss"] * xr.DataArray(step, dims="run")
    found = bc.fit(odd, chains=2, draws=100, tune=300, progress=False)
    assert "does not describe how these losses depend on size" in found.caveats[0]
    assert "caveat: law 'camel'" in repr(found)


def test_two_sizes_are_a_caveat() -> None:
    runs = simulated_runs()
    two = runs.isel(run=(runs["n_params"] < 16e6).to_numpy())
    # By a law that is sampled in no time: what it says of two sizes holds for every law.
    found = bc.fit(two, "chinchilla", chains=2, draws=50, tune=100, progress=False)
    assert found.caveats[0].startswith("only two sizes were fitted")


def test_one_size_is_a_caveat() -> None:
    runs = example_runs()
    one = prior_posterior(runs.isel(run=(runs["n_params"] == 1e7).to_numpy()))
    assert "only one size was fitted" in one.caveats[0]
