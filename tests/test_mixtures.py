import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from bayescamel.exceptions import MixtureError
from bayescamel.mixtures import as_mixtures, centroid, corners, dirichlet

DOMAINS = ["code", "math", "prose"]
WEIGHTS = np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])


@pytest.mark.parametrize(
    "given_as",
    [
        [{"code": 0.2, "prose": 0.5, "math": 0.3}, {"code": 1.0}],
        pd.DataFrame(WEIGHTS[:, ::-1], columns=["prose", "math", "code"]),
        pd.DataFrame(WEIGHTS, columns=["w_code", "w_math", "w_prose"]),
        WEIGHTS,
        xr.DataArray(WEIGHTS, {"domain": DOMAINS}, ("mixture", "domain")),
        xr.DataArray(WEIGHTS.T, {"domain": DOMAINS}, ("domain", "mixture")),
        xr.DataArray(WEIGHTS, {"domain": DOMAINS, "run": ["a", "b"]}, ("run", "domain")),
    ],
    ids=["dicts", "frame", "prefixed frame", "array", "labelled", "transposed", "of runs"],
)
def test_every_form_means_the_same(given_as):
    mixtures = as_mixtures(given_as, DOMAINS)
    assert mixtures.dims == ("mixture", "domain")
    assert list(mixtures["domain"].values) == DOMAINS
    np.testing.assert_array_equal(mixtures, WEIGHTS)


@pytest.mark.parametrize(
    "given_as",
    [
        {"code": 0.2, "prose": 0.5, "math": 0.3},
        WEIGHTS[0],
        xr.DataArray(WEIGHTS[0], {"domain": DOMAINS}, ("domain",)),
    ],
    ids=["dict", "array", "labelled"],
)
def test_one_mixture_is_a_row(given_as):
    np.testing.assert_array_equal(as_mixtures(given_as, DOMAINS), WEIGHTS[:1])


def test_names_of_mixtures_are_kept():
    frame = pd.DataFrame(WEIGHTS, columns=DOMAINS, index=["base", "code only"])
    frame.index.name = "recipe"
    assert list(as_mixtures(frame, DOMAINS)["mixture"].values) == ["base", "code only"]


@pytest.mark.parametrize(
    ("given_as", "message"),
    [
        ({"law": 1.0}, "unknown domain 'law'; there are: code, math, prose"),
        ({"code": 0.5}, "mixture: the weights sum to 0.5, off by -0.5"),
        ({"code": 1.5, "math": -0.5}, "math = -0.5 is no weight"),
        ({"code": np.nan, "math": 1.0}, "code = nan is no weight"),
        ([{"code": 1.0}, {"code": 0.7}], "mixture 1: the weights sum to 0.7, off by -0.3"),
        ([], "no mixture was given"),
        (np.ones((1, 2)) / 2, r"shape \(1, 2\) is not \(mixtures, 3 domains\)"),
        (np.ones((1, 1, 3)) / 3, r"shape \(1, 1, 3\)"),
        (pd.DataFrame([[0.5, 0.5]], columns=["code", "w_code"]), "'code' is given twice"),
        (xr.DataArray(WEIGHTS, {"domain": DOMAINS}, ("chain", "domain")), "is no mixture"),
        (xr.DataArray(WEIGHTS, dims=("mixture", "domain")), "is no mixture"),
    ],
)
def test_bad_mixtures_are_refused(given_as, message):
    with pytest.raises(MixtureError, match=message):
        as_mixtures(given_as, DOMAINS)


@given(n=st.integers(1, 20), size=st.integers(1, 8), seed=st.integers(0, 2**32 - 1))
def test_made_mixtures_lie_on_the_simplex(n, size, seed):
    domains = [f"d{k}" for k in range(size)]
    for mixtures, count in (
        (dirichlet(n, domains, seed), n),
        (corners(domains), size),
        (centroid(domains), 1),
    ):
        assert mixtures.shape == (count, size)
        assert (mixtures >= 0).all()
        np.testing.assert_allclose(mixtures.sum("domain"), 1, atol=1e-12)
    xr.testing.assert_identical(dirichlet(n, domains, seed), dirichlet(n, domains, seed))
