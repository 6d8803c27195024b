import numpy as np
import pytest

import bayescamel as bc
from bayescamel.runs.bundled import HELD_OUT_PARAMS


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
