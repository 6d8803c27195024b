import numpy as np
import pytest

import bayescamel as bc
from bayescamel.demo import hold_out_largest, sparse_runs
from bayescamel.runs.bundled import HELD_OUT_PARAMS
from bayescamel.runs.sizes import Sizes, active_params


def test_bundled_runs_span_what_the_card_says() -> None:
    runs = bc.load_proxies()
    assert runs.sizes["run"] == 72
    assert set(runs["domain"].to_numpy()) == set(runs["validation"].to_numpy())
    sizes = np.unique(runs["n_params"])
    assert sizes[-1] == HELD_OUT_PARAMS
    # The dial is met within 1 %.
    assert sizes[-2] / sizes[0] == pytest.approx(27, rel=0.02)
    assert sizes[-1] / sizes[-2] == pytest.approx(3, rel=0.02)
    assert not runs["loss"].isnull().any()
    assert not runs["accuracy"].isnull().any()


def test_loss_falls_with_size_at_the_even_mixture() -> None:
    runs = bc.load_proxies()
    even = (abs(runs["mixture"] - 0.25) < 1e-9).all("domain")
    full = runs["n_tokens"] == runs["n_tokens"].max()
    losses = runs["loss"].where(even & full, drop=True)
    means = losses.groupby(runs["n_params"].where(even & full, drop=True)).mean("run")
    assert means.sizes["n_params"] == 5
    assert (means.diff("n_params") < 0).all()


def test_loss_falls_with_own_weight_at_every_size() -> None:
    runs = bc.load_proxies()
    for name in runs["validation"].to_numpy():
        for _, group in runs.groupby("n_params"):
            own = group["mixture"].sel(domain=name)
            loss = group["loss"].sel(validation=name)
            assert np.corrcoef(own, np.log(loss))[0, 1] < -0.3


def test_sparse_runs_span_what_the_card_says() -> None:
    runs = bc.load_sparse_proxies()
    assert runs.sizes["run"] == 131
    assert set(runs["domain"].to_numpy()) == set(runs["validation"].to_numpy())
    fitted, held_out = hold_out_largest(runs)
    assert len(np.unique(fitted["n_params"][sparse_runs(fitted)])) == 6
    assert sparse_runs(held_out).sum() == 3
    assert held_out.sizes["run"] == 7
    assert (runs["n_tokens"] / active_params(runs) >= 9.9).all()
    assert not runs["loss"].isnull().any()
    assert not runs["accuracy"].isnull().any()


def test_two_of_the_sparse_tables_runs_repeat_their_text() -> None:
    runs = bc.load_sparse_proxies()
    epochs = Sizes.of(runs).epochs(runs["mixture"].to_numpy())
    repeated = [str(name) for name in runs["run"].to_numpy()[epochs > 1]]
    assert [name[-3:] for name in sorted(repeated)] == ["e16", "-e4"]
    assert sorted(epochs)[-2:] == pytest.approx([4, 16], rel=0.01)


@pytest.mark.parametrize("sparse", [False, True])
def test_loss_falls_with_active_size_sparse_or_not(sparse: bool) -> None:
    runs = bc.load_sparse_proxies()
    active = active_params(runs)
    even = (abs(runs["mixture"] - 0.2) < 1e-9).all("domain").to_numpy()
    fewest = runs["n_tokens"].to_numpy() / active < 10.1
    # Of sparse models those of eight parameters for each active one.
    ratio = runs["n_params"].to_numpy() / active
    shape = ratio > 6 if sparse else ratio == 1
    runs = runs.isel(run=even & fewest & shape)
    means = runs["loss"].groupby(runs["n_params"]).mean("run")
    assert means.sizes["n_params"] == 4
    assert (means.diff("n_params") < 0).all()
