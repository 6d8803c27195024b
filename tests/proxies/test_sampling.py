import numpy as np
import pytest

from bayescamel.exceptions import BayesCamelError
from proxies.corpora import Corpora, Domain
from proxies.sampling import allocate, batches, check_mixture, schedule, window_starts


def constant_corpora() -> Corpora:
    """Domain k is the byte k + 1 throughout, so that a batch shows whose it is."""
    sides = [np.full(5_000, k + 1, np.uint8) for k in range(3)]
    return Corpora({f"d{k}": Domain(side, side, (1, 1)) for k, side in enumerate(sides)})


@pytest.mark.parametrize("weights", [(1, 0, 0), (1 / 3, 1 / 3, 1 / 3), (0.0007, 0.4993, 0.5)])
def test_realised_shares_are_within_a_thousandth(weights: tuple[float, ...]) -> None:
    mixture = {f"d{k}": w for k, w in enumerate(weights)}
    run = list(batches(constant_corpora(), mixture, n_steps=500, batch=4, context=16, seed=0))
    counts = np.bincount(np.concatenate(run).ravel(), minlength=4)[1:]
    assert np.abs(counts / counts.sum() - weights).max() < 1e-3


def test_allocation_sums_and_is_within_one() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        weights = rng.dirichlet(np.full(5, 0.5))
        counts = allocate(weights, 997)
        assert counts.sum() == 997
        assert np.abs(counts - 997 * weights).max() < 1


def test_domains_are_spread_over_the_run() -> None:
    order = schedule(np.array([100, 300, 600]), np.random.default_rng(0))
    for part in np.split(order, 10):
        # Even spacing: every tenth of the run has its tenth of each domain, give or take one.
        assert np.abs(np.bincount(part, minlength=3) - [10, 30, 60]).max() <= 1


def test_windows_do_not_repeat_within_an_epoch() -> None:
    stream = window_starts(1000, 10, np.random.default_rng(0))
    epoch = [next(stream) for _ in range(98)]
    assert len(set(epoch)) == 98
    assert np.diff(sorted(epoch)).min() == 10
    assert max(epoch) + 10 < 1000


def test_batches_are_decided_by_the_seed(tiny_corpora: Corpora) -> None:
    def rows(seed: int) -> np.ndarray:
        mixture = {"letters": 0.5, "math": 0.5}
        return np.stack(
            list(batches(tiny_corpora, mixture, n_steps=3, batch=4, context=32, seed=seed))
        )

    assert np.array_equal(rows(0), rows(0))
    assert not np.array_equal(rows(0), rows(1))
    assert rows(0).shape == (3, 4, 33)


@pytest.mark.parametrize(
    ("mixture", "problem"),
    [
        ({"a": 0.5, "b": 0.4}, "sum to 0.9"),
        ({"a": 1.5, "b": -0.5}, "weight of 'b'"),
        ({"a": float("nan"), "b": 1.0}, "weight of 'a'"),
        ({"a": 1.0}, "differ from the domains"),
        ({"a": 0.5, "c": 0.5}, "differ from the domains"),
    ],
)
def test_bad_mixtures_are_refused(mixture: dict[str, float], problem: str) -> None:
    with pytest.raises(BayesCamelError, match=problem):
        check_mixture(mixture, ("a", "b"))


def test_too_small_a_domain_is_refused() -> None:
    mixture = {"d0": 1.0, "d1": 0.0, "d2": 0.0}
    with pytest.raises(BayesCamelError, match="'d0' has 5000 training tokens"):
        next(batches(constant_corpora(), mixture, n_steps=1, batch=1, context=4000, seed=0))
