import numpy as np
import pytest

import bayescamel as bc
from bayescamel.demo import hold_out_above
from bayescamel.runs.bundled import FITTED_PARAMS
from bayescamel.runs.sizes import Sizes, active_params, sparse_runs


def test_bundled_runs_span_what_the_card_says() -> None:
    runs = bc.load_proxies()
    assert runs.sizes["run"] == 131
    assert set(runs["domain"].to_numpy()) == set(runs["validation"].to_numpy())
    fitted, held_out = hold_out_above(runs, FITTED_PARAMS)
    assert len(np.unique(fitted["n_params"][sparse_runs(fitted)])) == 6
    assert sparse_runs(held_out).sum() == 3
    assert held_out.sizes["run"] == 15
    ratios = np.unique(active_params(held_out)) / active_params(fitted).max()
    assert ratios == pytest.approx([2.7, 2.8, 7.5], abs=0.05)
    assert (runs["n_tokens"] / active_params(runs) >= 9.9).all()
    assert not runs["loss"].isnull().any()
    assert not runs["accuracy"].isnull().any()


def test_two_of_the_runs_repeat_their_text() -> None:
    runs = bc.load_proxies()
    epochs = Sizes.of(runs).epochs(runs["mixture"].to_numpy())
    repeated = [str(name) for name in runs["run"].to_numpy()[epochs > 1]]
    assert [name[-3:] for name in sorted(repeated)] == ["e16", "-e4"]
    assert sorted(epochs)[-2:] == pytest.approx([4, 16], rel=0.01)


@pytest.mark.parametrize("sparse", [False, True])
def test_loss_falls_with_active_size_sparse_or_not(sparse: bool) -> None:
    runs = bc.load_proxies()
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


def test_loss_falls_with_own_weight_at_every_size() -> None:
    runs = bc.load_proxies()
    for name in runs["validation"].to_numpy():
        for _, group in runs.groupby("n_params"):
            own = group["mixture"].sel(domain=name)
            loss = group["loss"].sel(validation=name)
            assert np.corrcoef(own, np.log(loss))[0, 1] < -0.3
