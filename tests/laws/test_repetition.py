"""What repeated tokens are worth, and the run without repeats that a law sees in their place."""

from typing import Any

import jax
import numpy as np
import pytest

from bayescamel.exceptions import TargetError
from bayescamel.laws import LAWS, Law
from bayescamel.laws.base import Inputs
from bayescamel.laws.repetition import REPETITION, Repetition, as_fresh, worth_of_a_token
from bayescamel.models.hierarchy import Hierarchy, Pooling
from tests.laws.cases import DOMAINS, VALIDATIONS, inputs, prior_draw, typical_coefficients

R_STAR = 15.387756
every_law = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())


def effective_tokens(tokens: Any, unique: Any, r_star: float = R_STAR) -> np.ndarray:
    tokens = np.asarray(tokens)
    return np.asarray(tokens * worth_of_a_token(np, tokens, unique, r_star))


def loss(law: Law, where: Inputs, r_star: np.ndarray, seed: int = 2, xp: Any = np) -> Any:
    """The law's value at a draw of its prior, with the same coefficients in every domain."""
    hierarchy = Hierarchy(law, VALIDATIONS, DOMAINS, sparse=True, repeated=True)
    parameters = prior_draw(law, np.random.default_rng(seed)) | {REPETITION.name: r_star}
    rows = [np.full(VALIDATIONS, value) for value in typical_coefficients(law).values()]
    return hierarchy.curve(xp, parameters, np.stack(rows, axis=-1), where)


def test_fresh_tokens_are_worth_themselves() -> None:
    tokens = np.array([0.0, 1e9, 5e9])
    np.testing.assert_array_equal(effective_tokens(tokens, np.inf), tokens)
    np.testing.assert_array_equal(effective_tokens(tokens, 5e9), tokens)


def test_four_epochs_are_worth_nearly_four_and_forty_far_less() -> None:
    """Muennighoff et al. find up to four epochs almost as good as new data, and decay after."""
    four, forty = effective_tokens([4.0, 40.0], 1.0)
    assert 3.7 < four < 4  # 1 + 15.39 (1 − exp(−3 / 15.39)) = 3.72
    assert four == pytest.approx(1 + R_STAR * (1 - np.exp(-3 / R_STAR)))
    assert 14 < forty < 16.4


def test_worth_grows_and_has_a_ceiling() -> None:
    worth = effective_tokens(np.linspace(0.01, 1000, 5000), 1.0, 15.0)
    assert (np.diff(worth) >= -1e-12).all()  # rounding, at the ceiling
    assert worth[-1] == pytest.approx(16.0)
    assert effective_tokens(1.0, 0.0, 15.0) < 1e-6


def test_the_prior_is_around_its_median_and_the_same_for_all_who_ask() -> None:
    draws = Repetition(10.0, 0.4).draws(4000, 2)
    assert np.median(draws[:, 0]) == pytest.approx(10.0, rel=0.05)  # standard error 0.8 %
    np.testing.assert_allclose(np.log(draws).std(axis=0), 0.4, rtol=0.05)
    # Domains share 0.64 of the variance; the standard error of a correlation is 0.009.
    assert np.corrcoef(np.log(draws).T)[0, 1] == pytest.approx(0.64, abs=0.04)
    np.testing.assert_array_equal(draws, Repetition(10.0, 0.4).draws(4000, 2))
    with pytest.raises(TargetError, match="r_star = -1 must be positive"):
        Repetition(-1.0)


@every_law
def test_tokens_without_end_or_enough_of_them_change_nothing(law: Law) -> None:
    where, r_star = inputs(), np.full(DOMAINS, R_STAR)
    expected = loss(law, where, r_star)
    for unique in (np.full_like(where.mixture, np.inf), where.mixture + 1e-12):
        np.testing.assert_allclose(
            loss(law, where._replace(unique=unique), r_star), expected, rtol=1e-12
        )
    # Nor do repeats that are worth as much as new tokens.
    some = where._replace(unique=where.mixture / 7 + 1e-12)
    np.testing.assert_allclose(loss(law, some, np.full(DOMAINS, 1e9)), expected, rtol=1e-6)


@every_law
def test_domains_repeated_alike_are_a_shorter_run_on_that_mixture(law: Law) -> None:
    """The published equation for a single corpus, whatever the mixture."""
    where, epochs, r_star = inputs(), 12.0, 9.0
    # A domain without weight is not repeated.
    where = where._replace(mixture=np.maximum(where.mixture, 1e-3))
    repeated = where._replace(unique=where.mixture / epochs)
    shorter = np.log((1 + r_star * (1 - np.exp(-(epochs - 1) / r_star))) / epochs)
    np.testing.assert_allclose(
        loss(law, repeated, np.full(DOMAINS, r_star)),
        loss(law, where._replace(log_tokens=where.log_tokens + shorter), np.full(DOMAINS, r_star)),
        rtol=1e-9,
    )


def test_a_law_is_told_of_the_tokens_that_each_domain_is_worth() -> None:
    where = inputs()
    r_star = np.array([5.0, 10.0, 15.0, 20.0])
    where = where._replace(unique=np.full_like(where.mixture, 0.05))
    fresh = as_fresh(np, where, r_star)
    told = fresh.mixture * np.exp(fresh.log_tokens - where.log_tokens)[..., None]
    expected = where.mixture * worth_of_a_token(np, where.mixture, 0.05, r_star)
    np.testing.assert_allclose(told, expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["camel", "bimix"])
def test_tokens_burned_on_repeats_that_are_worth_nothing_gain_nothing(name: str) -> None:
    """Some thousand epochs of the first domain: what is moved there from the others is lost."""
    burned = np.array([0.5, 0.6, 0.7, 0.8, 0.9])
    mixture = np.stack([burned, *[(1 - burned) / 3] * 3], axis=-1)[None]
    where = inputs(n=1)._replace(
        **dict.fromkeys(("log_total", "log_active", "log_capacity", "log_tokens"), np.zeros(5)),
        mixture=mixture,
        unique=np.array([1e-4, np.inf, np.inf, np.inf]),
    )
    rising = np.diff(loss(LAWS[name], where, np.full(DOMAINS, R_STAR)), axis=1)
    assert (rising > -1e-9).all()
    told = as_fresh(np, where, np.full((1, 1, DOMAINS), R_STAR)).mixture[0]
    np.testing.assert_allclose(told[:, 0], told[0, 0], rtol=1e-9)


@every_law
def test_finite_with_finite_gradients_at_the_corners(law: Law) -> None:
    import jax.numpy as jnp

    where = inputs()
    unique = np.resize([1e-7, 0.0, 0.3, np.inf], where.mixture.shape)

    def total(mixture: Any, r_star: Any) -> Any:
        return jnp.sum(loss(law, where._replace(mixture=mixture, unique=unique), r_star, xp=jnp))

    with jax.enable_x64(True):
        value, slopes = jax.value_and_grad(total, argnums=(0, 1))(
            jnp.asarray(where.mixture), jnp.full(DOMAINS, R_STAR)
        )
    assert np.isfinite(value)
    assert all(np.isfinite(slope).all() for slope in slopes)


def test_domains_differ_less_than_their_prior_is_wide() -> None:
    """One location for all domains and one deviation each, however validation is pooled."""
    law = LAWS["camel"]
    poolings: tuple[Pooling, ...] = ("partial", "full")
    for pooling in poolings:
        blocks = Hierarchy(law, VALIDATIONS, DOMAINS, pooling=pooling, repeated=True).blocks()
        named = {block.name: block for block in blocks}
        assert named["log_r_star"].location == "r_star_location"
        assert named["r_star_location"].location == pytest.approx(np.log(R_STAR))
    apart = Hierarchy(law, VALIDATIONS, DOMAINS, pooling="none", repeated=True).blocks()
    alone = {block.name: block for block in apart}["log_r_star"]
    assert alone.log_scale == pytest.approx(np.log(Repetition().log_sd))
