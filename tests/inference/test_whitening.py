"""The whitening of chains: what it learns of a posterior that is known."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from bayescamel.inference import stages
from bayescamel.inference.nuts import Chains, DivergedError, Geometry, placed
from bayescamel.inference.sampler import Sampler
from bayescamel.inference.whitening import DRAWS_PER_NUMBER, Whitening
from bayescamel.models.blocks import Arrow, apart_root, arrow_root

PARTS = [np.arange(4), np.arange(4, 8), np.arange(8, 10)]
N = 10


def arrow(rng: np.random.Generator) -> np.ndarray:
    """A precision under which the first two parts are independent given the last."""
    factor = np.tril(0.3 * rng.normal(size=(N, N)))
    factor[4:8, :4] = 0.0
    factor[np.diag_indices(N)] = np.exp(rng.normal(size=N))
    return factor @ factor.T


def test_an_arrow_root_is_a_root_and_keeps_parts_apart() -> None:
    precision = arrow(np.random.default_rng(0))
    root = arrow_root(precision, PARTS)
    np.testing.assert_allclose(root @ root.T, np.linalg.inv(precision), rtol=1e-8)
    for apart in (root[:4, 4:8], root[4:8, :4], root[8:, :8]):  # nor does the last move with a part
        np.testing.assert_allclose(apart, 0.0, atol=1e-12)


def test_the_width_is_learned_from_draws_that_have_not_seen_it() -> None:
    rng = np.random.default_rng(1)
    scales = np.geomspace(0.02, 50, N + 3)[rng.permutation(N + 3)]
    # Chains that went as far in every direction as the narrowest allows.
    draws = scales.min() * rng.normal(size=(2, 30, N + 3))
    slopes = -draws / scales**2
    whitening = Whitening.learn(draws, slopes, np.eye(N), PARTS)
    geometry = whitening.geometry()
    relative = np.linalg.solve(whitening.root, np.diag(scales[:N]))
    white = np.linalg.svd(relative, compute_uv=False) ** 2
    # 60 draws of 10 numbers: eigenvalues of their sample covariances lie within (1 ± √(10/60))²,
    # 0.35 to 2, and what is learned within the ratio of two of them.
    assert white.max() / white.min() < 2 / 0.35
    np.testing.assert_allclose(geometry.inverse_mass[N:], scales[N:] ** 2, rtol=1e-8)


def test_a_covariance_of_many_draws_is_believed() -> None:
    rng = np.random.default_rng(2)
    precision = arrow(rng)
    draws = rng.multivariate_normal(np.zeros(N), np.linalg.inv(precision), size=(4, 500))
    assert DRAWS_PER_NUMBER * N < 4 * 500
    # Gradients that would say otherwise.
    whitening = Whitening.learn(draws, rng.normal(size=draws.shape), np.eye(N), PARTS)
    white = np.linalg.eigvalsh(whitening.root.T @ precision @ whitening.root)
    # Its 45 correlations, believed to 2000 / 2050, are told to 2 % each.
    assert white.min() > 0.8
    assert white.max() < 1.25


def test_a_diverged_run_is_made_again_with_half_its_step(monkeypatch: pytest.MonkeyPatch) -> None:
    steps, drawn = [], Chains(np.zeros((2, 50, 1)), {})
    shown: list[int] = []

    def run_chains(
        _hierarchy: object,
        _problem: object,
        geometry: Any,
        _starts: object,
        *,
        tune: int,
        until_divergence: bool,
        on_progress: Any,
        **_options: object,
    ) -> Any:
        steps.append((geometry.step_size, tune))
        on_progress(25, 0)
        on_progress(25, len(steps))
        if until_divergence and len(steps) < 3:
            raise DivergedError(0.2 if len(steps) == 1 else geometry.step_size)
        return drawn, np.zeros((2, 50, 1))

    monkeypatch.setattr(stages, "run_chains", run_chains)
    whitening = Whitening(np.zeros(1), np.eye(1), np.ones(0), np.zeros((2, 1)))
    sampler = Sampler(chains=2, draws=50, tune=70, seed=0, target_accept=0.9)

    def progress(_iterations: int, divergences: int) -> None:
        shown.append(divergences)

    assert stages.keep(0, 0, sampler, whitening, lambda *_: 0.0, progress) is drawn
    # Those of chains that were given up are taken back: what is shown is what the status counts.
    assert shown == [0, 1, -1, 0, 2, -2, 0, 3]
    # Half of the step that diverged, each time, and the warm-up is not made again.
    assert [step for step, _ in steps] == [1.0, 0.2 / 2, 0.2 / 4]
    assert [tune > 0 for _, tune in steps] == [True, False, False]


def test_pilots_go_on_while_chains_disagree(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def run_chains(
        _hierarchy: object,
        _problem: object,
        _geometry: Any,
        _starts: object,
        *,
        draws: int,
        **_options: object,
    ) -> Any:
        calls.append(draws)
        rng = np.random.default_rng(len(calls))
        apart = 20.0 if len(calls) < 6 else 0.0
        values = rng.normal(size=(2, draws, 1)) + apart * np.arange(2)[:, None, None]
        return Chains(values, {}), -values

    monkeypatch.setattr(stages, "run_chains", run_chains)
    sampler = Sampler(chains=2, draws=50, tune=700, seed=0, target_accept=0.9)
    at_mode = Geometry(np.zeros(1), np.eye(1), 0.1, np.ones(1))
    parts = [np.zeros(0, int), np.arange(1)]
    whitening = stages.explore(0, 0, sampler, at_mode, parts, lambda *_: 0.0, lambda *_: None)
    assert len(calls) == 6  # no pilot after the chains agreed
    assert calls == sorted(calls)  # later ones are no shorter
    assert calls[0] < calls[-1]
    assert whitening.root[0, 0] == pytest.approx(1.0, rel=0.3)


def test_draws_go_on_while_chains_disagree_and_as_many_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Chains that begin far apart, and come together after two thousand iterations."""
    made, rng = [0], np.random.default_rng(0)

    def run_chains(
        _hierarchy: object,
        _problem: object,
        _geometry: Any,
        starts: np.ndarray,
        *,
        tune: int,
        draws: int,
        seed: int,
        **_options: object,
    ) -> Any:
        asked["tune"].append(tune)
        asked["draws"].append(draws)
        asked["seed"].append(seed)
        began.append(starts.copy())
        place = made[0] + np.arange(draws)
        made[0] += draws
        apart = 20.0 * (place < 2000)[None, :, None] * np.arange(2)[:, None, None]
        values = rng.normal(size=(2, draws, 1)) + apart
        ended.append(values[:, -1])
        stats = {
            "diverging": np.broadcast_to(place == 3001, (2, draws)),
            "n_steps": np.full((2, draws), 7),
            "lp": values[..., 0],
            "step_size": np.full((2, draws), 0.3),
        }
        return Chains(values, stats), values

    monkeypatch.setattr(stages, "run_chains", run_chains)
    asked: dict[str, list[int]] = {"tune": [], "draws": [], "seed": []}
    began: list[np.ndarray] = []
    ended: list[np.ndarray] = []
    whitening = Whitening(np.zeros(1), np.eye(1), np.ones(0), np.zeros((2, 1)))
    sampler = Sampler(chains=2, draws=1000, tune=700, seed=5, target_accept=0.9)
    chains = stages.keep(0, 0, sampler, whitening, lambda *_: 0.0, lambda *_: None)
    # 4,000 iterations, one warm-up, seeds of their own, each from where the last ones ended.
    assert sum(asked["draws"]) == 4 * sampler.draws
    assert [tune > 0 for tune in asked["tune"]] == [True] + [False] * (len(began) - 1)
    assert len(set(asked["seed"])) == len(began) > 1
    for end, begin in zip(ended, began[1:], strict=False):
        np.testing.assert_allclose(begin, end)
    assert chains.unconstrained.shape == (2, 1000, 1)
    np.testing.assert_array_equal(chains.stats["lp"], chains.unconstrained[..., 0])
    assert (chains.stats["n_steps"] == 4 * 7).all()
    # A divergence between two kept draws is not lost.
    np.testing.assert_array_equal(np.flatnonzero(chains.stats["diverging"][0]), [3001 // 4])


def test_chains_that_agree_or_are_too_short_to_tell_are_left() -> None:
    rng = np.random.default_rng(0)
    assert stages.agreed(rng.normal(size=(4, 1000, 3)))
    slow = np.cumsum(rng.normal(size=(4, 1000, 1)), axis=1)
    assert not stages.agreed(slow)
    assert stages.agreed(slow[:, :100])


def test_parts_that_are_apart_are_learned_from_few_draws_and_moved_alike() -> None:
    rng = np.random.default_rng(3)
    covariance = np.linalg.inv(arrow(rng))
    draws = rng.multivariate_normal(np.zeros(N), covariance, size=(4, 400))
    slopes = -draws @ np.linalg.inv(covariance)
    whitening = Whitening.learn(draws, slopes, np.eye(N), PARTS, apart=True)
    np.testing.assert_array_equal(whitening.root[:4, 4:8], 0.0)
    np.testing.assert_array_equal(whitening.root[8:, :8], 0.0)
    # 1,600 draws tell the covariance of a part with the last, 6 numbers, to a few hundredths.
    white = np.linalg.eigvalsh(whitening.root.T @ np.linalg.inv(covariance) @ whitening.root)
    assert white.min() > 0.75
    assert white.max() < 1.3
    # Chains move by the same root.
    z = rng.normal(size=N)
    assert whitening.apart is not None
    geometry = whitening.geometry()
    by_parts = geometry._replace(root=Arrow.of(whitening.root, whitening.apart))
    moved = placed(jnp, by_parts, jnp.asarray(z))
    np.testing.assert_allclose(moved, placed(np, geometry, z), rtol=1e-5)


def test_the_apart_root_keeps_each_parts_covariance() -> None:
    rng = np.random.default_rng(4)
    factor = rng.normal(size=(N, N))
    root = apart_root(covariance := factor @ factor.T, PARTS)
    kept = root @ root.T
    for part in PARTS:
        both = np.union1d(part, PARTS[-1])
        clique = np.ix_(both, both)
        np.testing.assert_allclose(kept[clique], covariance[clique], rtol=1e-8)
    # Given the last, parts are independent.
    np.testing.assert_allclose(np.linalg.inv(kept)[:4, 4:8], 0.0, atol=1e-6)
