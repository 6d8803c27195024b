"""Claims of the whole chain on runs simulated from the law at known parameters."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.stats import binom

import bayescamel as bc
from bayescamel.exceptions import ConvergenceError, FitError, RunTableError, TargetError
from bayescamel.posterior import Posterior
from tests.camel_runs import DOMAINS, SIZES, curve, simulated_runs, simulated_table, truth

SETTINGS: dict[str, Any] = {"draws": 1000, "tune": 1000, "progress": False}
LARGER = bc.Target(n_params=320e6, n_tokens=2e9)


@pytest.fixture(scope="module")
def runs() -> xr.Dataset:
    return simulated_runs()


@pytest.fixture(scope="module")
def posterior(simulated_posterior: Posterior) -> Posterior:
    return simulated_posterior


def test_chains_converge_and_say_so(posterior: Posterior) -> None:
    assert posterior.status.converged, str(posterior.status)
    assert "converged" in repr(posterior)


def test_parameters_are_recovered(posterior: Posterior) -> None:
    draws = posterior.tree["posterior"].to_dataset()
    inside, total = 0, 0
    known = truth()
    in_reference_losses = known.pop("unit") / posterior.centre.loss
    for name, value in known.items():
        relative = value
        if name in ("elasticity", "level", "size_slope", "crossing", "token_slope"):
            relative = (in_reference_losses * value.T).T
        low, high = np.quantile(draws[name], [0.05, 0.95], axis=(0, 1))
        inside += int(((low <= relative) & (relative <= high)).sum())
        total += relative.size
    # Independent 90 % intervals would leave this range once in a thousand; those of one
    # posterior are correlated, which the factor of two in the miss rate allows for.
    assert inside >= binom.ppf(0.001, total, 0.8)


def test_losses_of_a_larger_model_are_predicted(posterior: Posterior) -> None:
    table, centre = simulated_table()
    centre["mixture"] = posterior.centre.mixture
    table = table.assign(n_params=LARGER.n_params, n_tokens=LARGER.n_tokens)
    expected = curve(truth(), table, centre)
    weights = table[[f"w_{d}" for d in DOMAINS]].to_numpy()
    loss = posterior.predict(LARGER, weights)["loss"]
    z = (loss.mean(("chain", "draw")) - expected) / loss.std(("chain", "draw"))
    assert float(abs(z).mean()) < 2.0
    # The curve five times beyond the largest size is known to a percent.
    error = abs(loss.mean(("chain", "draw")) / expected - 1)
    assert float(error.mean()) < 0.01


def test_a_new_run_scatters_more_than_the_curve(posterior: Posterior) -> None:
    mean = posterior.predict(LARGER, kind="mean")["loss"]
    run = posterior.predict(LARGER, kind="run")["loss"]
    draws = posterior.tree["posterior"].to_dataset()
    own = draws["sigma"] ** 2 * np.exp(2 * posterior.hierarchy.noise.run_spread**2)
    noise = own + draws["size_effect_scale"] ** 2
    noise = noise.mean(("chain", "draw"))
    expected = mean.var(("chain", "draw")) + noise * posterior.centre.loss**2
    # 4,000 draws: a variance is known to 2 % (one sd) where all is normal, to 4 % with tails as
    # heavy as the runs' own noise (kurtosis 8); four of these, for two variances.
    np.testing.assert_allclose(run.var(("chain", "draw")) / expected, 1, atol=0.24)


def test_the_mean_holds_what_the_law_may_miss_beyond_the_runs(posterior: Posterior) -> None:
    curve_, mean = (
        posterior.predict(LARGER, np.eye(3), kind=kind)["loss"] for kind in ("curve", "mean")
    )
    sigma = posterior.tree["posterior"]["sigma"] * posterior.centre.loss
    distance = np.log(LARGER.n_params / SIZES[-1])
    missed = posterior.hierarchy.noise.beyond * distance * sigma
    added = (mean - curve_).var(("chain", "draw"))
    # Residuals add some of the noise's variance as well. 4,000 draws: a variance is known to 2 %.
    assert (added > 0.9 * (missed**2).mean(("chain", "draw"))).all()
    # The same for all mixtures, so that it cancels in what a decision compares; to first order, as
    # it acts on the logarithm of the loss.
    apart = (mean - curve_) - (mean - curve_).mean("mixture")
    assert float(apart.std() / (mean - curve_).std()) < 0.3
    inside = bc.Target(SIZES[0], LARGER.n_tokens)
    kinds = [posterior.predict(inside, np.eye(3), kind=kind)["loss"] for kind in ("curve", "mean")]
    assert float((kinds[1] - kinds[0]).std() / posterior.centre.loss.mean()) < 0.004


def test_loss_falls_with_size_and_with_tokens(posterior: Posterior) -> None:
    """In the mean at every corner, and in most draws: how effects fade is told by little here."""
    larger = [bc.Target(size, 1e9) for size in (1e6, 1e7, 1e8, 1e10)]
    longer = [bc.Target(1e7, tokens) for tokens in (1e8, 1e9, 1e10, 1e12)]
    for path in (larger, longer):
        losses = np.stack([posterior.predict(t, np.eye(3))["loss"].values for t in path])
        assert np.isfinite(losses).all()
        assert (np.diff(losses.mean(axis=(1, 2)), axis=0) < 0).all()
        assert (np.diff(losses, axis=0) < 0).mean() > 0.9


def test_permuted_domains_permute_the_answer(runs: xr.Dataset, posterior: Posterior) -> None:
    order = [2, 0, 1]
    other = bc.fit(runs.isel(domain=order, validation=order), seed=5, **SETTINGS)
    mixtures = bc.dirichlet(6, DOMAINS, seed=1)
    a, b = (
        p.predict(LARGER, mixtures)["loss"].sel(validation=list(DOMAINS))
        for p in (posterior, other)
    )
    difference = a.mean(("chain", "draw")) - b.mean(("chain", "draw"))
    # 400 effective draws at least in each: a mean is known to sd / 20; five of the difference's.
    sd = a.std(("chain", "draw"))
    assert float((abs(difference) / sd).max()) < 5 * np.sqrt(2) / 20


def test_saved_and_loaded_without_loss(posterior: Posterior, tmp_path: Path) -> None:
    path = tmp_path / "posterior.nc"
    posterior.save(path)
    back = Posterior.load(path)
    assert back.tree.identical(posterior.tree)
    assert back.runs.identical(posterior.runs)
    assert back.status == posterior.status
    assert back.hierarchy == posterior.hierarchy
    same = back.predict(LARGER, kind="run")["loss"]
    assert same.identical(posterior.predict(LARGER, kind="run")["loss"])


def test_an_existing_file_is_not_overwritten(posterior: Posterior, tmp_path: Path) -> None:
    path = tmp_path / "posterior.nc"
    path.write_text("mine")
    with pytest.raises(bc.BayesCamelError, match="exists already"):
        posterior.save(path)
    assert path.read_text() == "mine"
    with pytest.raises(bc.BayesCamelError, match="no posterior"):
        Posterior.load(path)


def test_a_refit_with_one_more_run_starts_from_the_last_posterior(posterior: Posterior) -> None:
    more = simulated_runs(n_runs=49)
    refit = bc.fit(more, warm_start=posterior, **SETTINGS)
    assert refit.status.converged, str(refit.status)
    a, b = (p.predict(LARGER)["loss"] for p in (posterior, refit))
    assert float((abs(a.mean() - b.mean())) / a.std()) < 1.0


def test_a_warm_start_of_another_kind_is_refused(posterior: Posterior) -> None:
    renamed = simulated_runs().assign_coords(domain=["x", "y", "z"])
    with pytest.raises(FitError, match="same law"):
        bc.fit(renamed, warm_start=posterior, progress=False)


def test_same_seed_same_draws(posterior: Posterior) -> None:
    one, two = (
        bc.fit(posterior.runs, warm_start=posterior, **SETTINGS | {"draws": 50}) for _ in range(2)
    )
    assert one.tree["posterior"].to_dataset().identical(two.tree["posterior"].to_dataset())


def test_strict_raises_what_the_status_says(posterior: Posterior) -> None:
    with pytest.raises(ConvergenceError, match="remedy"):
        bc.fit(posterior.runs, warm_start=posterior, strict=True, **SETTINGS | {"draws": 50})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"law": "chinchila"}, "unknown law 'chinchila'"),
        ({"pooling": "some"}, "unknown pooling 'some'"),
        ({"chains": 1}, "chains = 1"),
        ({"draws": 3}, "draws = 3"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    runs: xr.Dataset, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(FitError, match=message):
        bc.fit(runs, progress=False, **options)


def test_too_few_runs_or_a_single_size_without_priors_are_refused(runs: xr.Dataset) -> None:
    with pytest.raises(RunTableError, match="size"):
        bc.fit(runs.isel(run=(runs["n_params"] == 1e6).values), method="point", progress=False)
    with pytest.raises(RunTableError, match="at least"):
        bc.fit(runs.isel(run=slice(4)), progress=False)


def test_a_domain_that_no_run_uses_is_refused(runs: xr.Dataset) -> None:
    unused = runs.copy(deep=True)
    unused["mixture"][:, 0] = 0.0
    unused["mixture"] = unused["mixture"] / unused["mixture"].sum("domain")
    with pytest.raises(RunTableError, match=r"web.*drop the column w_web"):
        bc.fit(unused, progress=False)


def test_extrapolation_grows_with_distance(posterior: Posterior) -> None:
    inside = posterior.predict(bc.Target(4e6, 1e9))["extrapolation"].item()
    far = posterior.predict(bc.Target(1e12, 1e9))["extrapolation"].item()
    farther = posterior.predict(bc.Target(1e12, 1e14))["extrapolation"].item()
    assert inside == 0.0
    assert 0.0 < far < farther


def test_a_target_without_tokens_is_refused_where_runs_have_them(posterior: Posterior) -> None:
    with pytest.raises(TargetError, match="n_tokens"):
        posterior.predict(bc.Target(1e9))
