"""What the law misses of its runs, and what predictions and decisions make of it."""

from dataclasses import replace

import numpy as np
import pytest

from bayescamel.decisions import rank_mixtures
from bayescamel.decisions.ensemble import Ensemble
from bayescamel.draws.persistence import TYPICAL_CORRELATION
from bayescamel.draws.residuals import Residuals
from bayescamel.draws.scatter import correlated, curve_distribution
from bayescamel.posterior import Posterior
from bayescamel.runs.sizes import Sizes
from bayescamel.targets import Target
from tests.known import REFERENCE_LOSS, SIGMA, known_posterior

TARGET = Target(1e9, 2e10)
NAMES = ["d0", "d1", "d2"]


@pytest.fixture(scope="module")
def posterior() -> Posterior:
    return known_posterior(np.linspace(0.2, 0.6, 200))


def test_residuals_that_persist_decide_between_measured_mixtures(posterior: Posterior) -> None:
    """One mixture does better than the law says at every size, by five times a run's noise."""
    runs = posterior.runs
    six = runs["mixture"][-6:].to_numpy()
    runs = runs.assign(mixture=(runs["mixture"].dims, np.tile(six, (3, 1))))
    curve = curve_distribution(replace(posterior, runs=runs), runs)[0].mean(axis=0)
    luck = -5 * SIGMA * REFERENCE_LOSS
    lucky = (np.arange(18) % 6 == 2)[:, None]
    informed = replace(posterior, runs=runs.assign(loss=(runs["loss"].dims, curve + luck * lucky)))
    target = Target(9e7, 1.8e9)
    residuals = Residuals.of((informed,))
    assert residuals.persistence.share > 0.5
    mean = residuals.at(Sizes.of_target(target, NAMES, 6), six).mean.mean(axis=(0, 2))
    assert mean.argmin() == 2
    assert mean[2] == pytest.approx(-5, rel=0.2)
    alone, informed_too = (
        rank_mixtures(informed, target, six, residuals=used)["expected"].sel(mixture=2)
        for used in (False, True)
    )
    assert float(informed_too - alone) == pytest.approx(luck, rel=0.25)


def test_residuals_that_are_noise_change_little(posterior: Posterior) -> None:
    runs = posterior.runs
    rng = np.random.default_rng(0)
    noise = SIGMA * REFERENCE_LOSS * rng.normal(size=runs["loss"].shape)
    noisy = replace(posterior, runs=runs.assign(loss=runs["loss"] + noise))
    models, six = Sizes.of_target(TARGET, NAMES, 6), runs["mixture"].to_numpy()[:6]
    effects = Residuals.of((noisy,)).at(models, six)
    assert np.abs(effects.mean).mean() < 0.5


def test_missing_losses_are_no_residuals(posterior: Posterior) -> None:
    runs = posterior.runs
    loss = runs["loss"].to_numpy().copy()
    loss[::2, 1] = np.nan
    holes = replace(posterior, runs=runs.assign(loss=(runs["loss"].dims, loss)))
    some = Ensemble.of(holes, 20)
    effects = some.residuals.at(Sizes.of_target(TARGET, NAMES, 4), runs["mixture"].to_numpy()[:4])
    assert effects.mean.shape == (20, 4, 3)
    assert np.isfinite(effects.draw(np.random.default_rng(0), np.ones((20, 4)))).all()


def noisy(posterior: Posterior, correlation: float, times: int, wild: bool = False) -> Posterior:
    """The posterior of so many times its runs, whose losses scatter together."""
    runs = posterior.runs.isel(run=np.tile(np.arange(posterior.runs.sizes["run"]), times))
    curve = curve_distribution(replace(posterior, runs=runs), runs)[0].mean(axis=0)
    rng = np.random.default_rng(0)
    noise = SIGMA * REFERENCE_LOSS * correlated(rng, curve.shape, correlation)
    loss = curve + noise * (3.0 if wild else 1.0)
    return replace(posterior, runs=runs.assign(loss=(runs["loss"].dims, loss)))


@pytest.mark.parametrize("wild", [False, True])
@pytest.mark.parametrize("correlation", [0.1, 0.5, 0.8])
def test_correlation_between_validation_domains_is_found(
    posterior: Posterior, correlation: float, wild: bool
) -> None:
    """Whatever the noise's variance: of 180 runs an intraclass correlation is known to 0.05."""
    found = Residuals.of((noisy(posterior, correlation, 10, wild),)).persistence.correlation
    assert found == pytest.approx(correlation, abs=0.12)


def test_losses_scatter_together_and_each_as_before(posterior: Posterior) -> None:
    """A mean of V losses has variance (1 + (V - 1) rho) / V of one's; runs of a size share its
    effect, so differences between equal mixtures show the noise alone."""
    together = noisy(posterior, 0.6, 10)
    twice = posterior.runs["mixture"].to_numpy()[[0, 0]]
    loss = together.predict(TARGET, twice, kind="run")["loss"].to_numpy().reshape(-1, 2, 3)
    apart = loss[:, 0] - loss[:, 1]
    kept = Residuals.of((together,)).persistence
    rho = kept.correlation
    expected = (1 + 2 * rho) / 3 * apart.var(axis=0).mean()
    # Of 200 draws a variance is known to 10 %.
    assert apart.mean(axis=1).var() == pytest.approx(expected, rel=0.3)
    # One effect of each mixture persists, so the rest is two runs' fresh noise.
    fresh = 2 * (1 - kept.share) * (SIGMA * REFERENCE_LOSS) ** 2
    np.testing.assert_allclose(apart.var(axis=0), fresh, rtol=0.4)


def test_a_single_validation_domain_has_the_priors_correlation(posterior: Posterior) -> None:
    """There is nothing to correlate with, and nothing fails."""
    runs = posterior.runs
    loss = runs["loss"].to_numpy().copy()
    loss[:, 1:] = np.nan
    alone = replace(posterior, runs=runs.assign(loss=(runs["loss"].dims, loss)))
    found = Residuals.of((alone,)).persistence.correlation
    assert found == pytest.approx(TYPICAL_CORRELATION, abs=1e-3)
