"""Other samplers on the plain programs: same tree, same posterior."""

import time
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpyro.handlers import seed, trace

import bayescamel as bc
from bayescamel.exceptions import FitError
from bayescamel.models.hierarchy import Noise
from bayescamel.posterior import Posterior
from tests.camel_runs import simulated_runs

LARGER = bc.Target(n_params=320e6, n_tokens=2e9)
LAW = "r1"  # one reducible term: the plain program then mixes in seconds


@pytest.fixture(scope="module")
def runs() -> xr.Dataset:
    return simulated_runs(n_runs=24)


def fitted(runs: xr.Dataset, engine: Any, **options: Any) -> Posterior:
    return bc.fit(runs, LAW, engine=engine, progress=False, **options)


FEW: dict[str, Any] = {"chains": 2, "draws": 50, "tune": 50}
"""The fewest that `fit` takes: enough to see what a tree holds."""


@pytest.fixture(scope="module")
def ours(runs: xr.Dataset) -> Posterior:
    return fitted(runs, "marginal", **FEW)


def test_numpyro_brings_its_draws_into_the_same_tree(runs: xr.Dataset, ours: Posterior) -> None:
    start = time.perf_counter()
    theirs = fitted(runs, "numpyro", **FEW)
    elapsed = time.perf_counter() - start
    for group in ours.tree.children:
        # What chains were whitened by is our engine's alone.
        a = ours.tree[group].to_dataset().drop_vars("root", errors="ignore")
        b = theirs.tree[group].to_dataset()
        assert {n: v.dims for n, v in a.data_vars.items()} == {
            n: v.dims for n, v in b.data_vars.items()
        }
        assert {n: v.shape for n, v in a.coords.items()} == {
            n: v.shape for n, v in b.coords.items()
        }
    assert theirs.predict(LARGER)["loss"].shape == ours.predict(LARGER)["loss"].shape
    assert 0 < theirs.status.seconds < elapsed


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["numpyro", "nutpie", "pymc"])
def test_every_engine_samples_the_same_posterior(runs: xr.Dataset, engine: str) -> None:
    """Means, and the ends of 90 % intervals, within five Monte Carlo errors, of every quantity.

    Not sds: those of elasticities, with tails of a log-normal, come out anywhere.
    """
    import arviz as az

    # The plain programs adapt slowly in coordinates that are curved, and crawl where a scale that
    # three sizes hardly tell may be next to nothing: so size effects are expected to be larger.
    options: dict[str, Any] = {"chains": 2, "draws": 1500, "tune": 2000}
    options["noise"] = Noise(size_effect=0.005)
    ours, theirs = fitted(runs, "marginal", **options), fitted(runs, engine, **options)
    assert theirs.status.rhat_max < 1.03, str(theirs.status)
    a, b = (p.tree["posterior"].to_dataset() for p in (ours, theirs))
    for name in a.data_vars:
        error = np.hypot(az.mcse(a[name]), az.mcse(b[name]))
        difference = a[name].mean(("chain", "draw")) - b[name].mean(("chain", "draw"))
        assert float(abs(difference / error).max()) < 5.0, name
        for level in (0.05, 0.95):
            ends = [part[name].quantile(level, ("chain", "draw")) for part in (a, b)]
            errors = [az.mcse(part[name], method="quantile", prob=level) for part in (a, b)]
            off = abs(ends[0] - ends[1]).drop_vars("quantile") / np.hypot(*errors)
            assert float(off.max()) < 5.0, (name, level)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "stan"}, "unknown engine 'stan'"),
        ({"method": "map"}, "unknown method 'map'"),
    ],
)
def test_unknown_choices_are_refused(
    runs: xr.Dataset, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(FitError, match=message):
        bc.fit(runs, LAW, progress=False, **options)


def test_a_posterior_gives_its_programs_and_other_engines_start_from_none(
    runs: xr.Dataset, ours: Posterior
) -> None:
    model = ours.to_pymc()
    blocks = {block.name for block in ours.hierarchy.blocks()}
    free = {variable.name for variable in model.free_RVs}
    assert free == blocks | {"E", "A", "size_effect", "log_run_noise"}
    drawn = seed(ours.to_numpyro(), 0)
    sites = {n for n, site in trace(drawn).get_trace().items() if site["type"] == "sample"}
    assert sites == free | {"loss"}
    with pytest.raises(FitError, match="leave warm_start out"):
        bc.fit(runs, LAW, engine="nutpie", warm_start=ours, progress=False)
