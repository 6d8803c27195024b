import numpy as np
import pytest

from bayescamel.exceptions import BayesCamelError
from proxies.corpora import Corpora, Domain
from proxies.sampling import Stream, Windows, allocate, check_mixture, schedule


def constant_corpora() -> Corpora:
    """Domain k is the byte k + 1 throughout, so that a batch shows whose it is."""
    sides = [np.full(5_000, k + 1, np.uint8) for k in range(3)]
    return Corpora({f"d{k}": Domain(side, side) for k, side in enumerate(sides)})


@pytest.mark.parametrize("weights", [(1, 0, 0), (1 / 3, 1 / 3, 1 / 3), (0.0007, 0.4993, 0.5)])
def test_realised_shares_are_within_a_thousandth(weights: tuple[float, ...]) -> None:
    mixture = {f"d{k}": float(w) for k, w in enumerate(weights)}
    stream = Stream(constant_corpora(), mixture, n_steps=500, batch=4, context=16, seed=0)
    run = np.concatenate([stream.rows(step) for step in range(500)])
    counts = np.bincount(run.ravel(), minlength=4)[1:]
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
    text = np.arange(1000, dtype=np.uint16)
    windows = Windows(text, 10, (0,))
    starts = [int(windows[number][0]) for number in range(3 * windows.per_epoch)]
    epochs = np.array(starts).reshape(3, -1)
    for epoch in epochs:
        assert np.diff(np.sort(epoch)).min() == 10
    assert max(starts) + 10 < 1000
    assert len({tuple(epoch) for epoch in epochs}) == 3
    # Any window can be asked for without those before.
    assert int(Windows(text, 10, (0,))[150][0]) == starts[150]


def test_steps_are_decided_by_the_seed_and_come_in_any_order(tiny_corpora: Corpora) -> None:
    def stream(seed: int) -> Stream:
        mixture = {"letters": 0.5, "math": 0.5}
        return Stream(tiny_corpora, mixture, n_steps=9, batch=4, context=32, seed=seed)

    first = [stream(0).rows(step) for step in range(9)]
    backwards = stream(0)
    again = [backwards.rows(step) for step in reversed(range(9))][::-1]
    assert np.array_equal(first, again)
    assert not np.array_equal(first[0], stream(1).rows(0))
    assert first[0].shape == (4, 33)


def test_epochs_are_counted_and_text_can_be_limited() -> None:
    mixture = {"d0": 0.5, "d1": 0.5, "d2": 0.0}
    limits = {"d0": 1_600}
    stream = Stream(
        constant_corpora(), mixture, n_steps=50, batch=4, context=16, seed=0, text_tokens=limits
    )
    # 100 windows of each; 1,600 tokens hold 98 and 5,000 hold 311.
    assert stream.epochs(50) == pytest.approx({"d0": 100 / 98, "d1": 100 / 311, "d2": 0})
    assert stream.epochs(25)["d0"] == pytest.approx(50 / 98, abs=0.011)


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
        Stream(constant_corpora(), mixture, n_steps=1, batch=1, context=4000, seed=0)
