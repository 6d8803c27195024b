"""What the data say against a law though its chains converged."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import bayescamel as bc
from bayescamel.posterior import Posterior
from bayescamel.runs.tokens import condition_number
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


def test_a_loss_that_no_law_describes_is_a_caveat() -> None:
    """Runs that hardly saw a domain lose three times as much on it: a cliff, and no logarithm."""
    runs = simulated_runs()
    odd = runs.copy(deep=True)
    name = str(runs["validation"].to_numpy()[0])
    without = np.random.default_rng(0).random(runs.sizes["run"]) < 0.4
    factor = np.ones(runs["loss"].shape)
    factor[without, 0] = 3.0
    odd["loss"] = runs["loss"] * factor
    found = bc.fit(odd, "chinchilla", chains=2, draws=100, tune=200, progress=False)
    (said,) = (caveat for caveat in found.caveats if "does not describe" in caveat)
    worst = str(odd["run"].to_numpy()[int(np.argmax(odd["loss"].to_numpy()[:, 0]))])
    assert said.startswith(f"law 'chinchilla' does not describe {name} (")
    assert f"largest at '{worst}'" in said
    assert "0.5% is usual" in said


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


def test_tokens_that_follow_from_the_size_are_a_caveat() -> None:
    posterior = prior_posterior(example_runs())  # 20 tokens a parameter
    assert any("size and tokens cannot be told apart" in caveat for caveat in posterior.caveats)
    varied = posterior.runs.copy()
    varied["n_tokens"] = varied["n_tokens"] * xr.DataArray(np.tile([1.0, 4.0], 9), dims="run")
    found = replace(posterior, runs=varied)
    assert not any("told apart" in caveat for caveat in found.caveats)


def test_the_condition_number_is_that_of_the_regression() -> None:
    """Of its two columns, centred and scaled: the ratio of the eigenvalues of their products."""
    rng = np.random.default_rng(0)
    active = np.exp(rng.normal(18, 1, 50))
    tokens = 20 * active * np.exp(rng.normal(0, 0.5, 50))
    values = np.linalg.eigvalsh(np.corrcoef(np.log([active, tokens])))
    assert condition_number(active, tokens) == pytest.approx(values[1] / values[0])
    assert condition_number(active, 20 * active) == np.inf
    assert np.isnan(condition_number(active, np.full(50, 1e9)))


def test_one_mixture_is_a_caveat() -> None:
    """Of many domains' losses and sizes: what another mixture does, no run tells."""
    runs = example_runs()
    posterior = prior_posterior(runs)
    assert not any("one mixture" in caveat for caveat in posterior.caveats)
    even = xr.full_like(runs["mixture"], 1 / runs.sizes["domain"])
    found = replace(posterior, runs=runs.assign(mixture=even))
    assert any(caveat.startswith("all runs have one mixture") for caveat in found.caveats)


def test_losses_that_rise_with_size_are_a_caveat_that_names_them() -> None:
    runs = example_runs()
    posterior = prior_posterior(runs)
    slope = xr.DataArray([-0.1, 0.2, 0.0], {"validation": runs["validation"]})
    loss = runs["loss"] + slope * np.log(runs["n_params"] / 3e7)
    found = replace(posterior, runs=runs.assign(loss=loss.transpose("run", "validation")))
    rising = [caveat for caveat in found.caveats if "rise with size" in caveat]
    assert [caveat.split(",")[0] for caveat in rising] == ["losses rise with size on math"]


def test_draws_that_are_not_finite_are_the_only_caveat() -> None:
    posterior = prior_posterior(example_runs())
    tree = posterior.tree.copy()
    draws = tree["posterior"].to_dataset()
    tree["posterior"] = xr.DataTree(draws.assign(alpha=draws["alpha"] * np.nan))
    (caveat,) = replace(posterior, tree=tree).caveats
    assert caveat.startswith("some draws are not finite")


def test_a_run_far_off_is_named_and_its_name_is_cut() -> None:
    runs = example_runs()
    posterior = prior_posterior(runs.assign_coords(run=["x" * 300, *runs["run"].to_numpy()[1:]]))
    odd = posterior.runs["loss"].copy()
    odd[0] = 40.0
    found = replace(posterior, runs=posterior.runs.assign(loss=odd))
    (caveat,) = [text for text in found.caveats if text.startswith("far off the curve")]
    assert "xxx" in caveat
    assert len(caveat) < 500
