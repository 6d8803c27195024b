from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from bayescamel.exceptions import MixtureError
from bayescamel.mixtures import (
    Polytope,
    as_mixtures,
    centroid,
    corners,
    dirichlet,
    from_ilr,
    ilr,
    kl_divergence,
    softmax,
    space_filling,
    to_logits,
    total_variation,
)

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
def test_every_form_means_the_same(given_as: Any) -> None:
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
def test_one_mixture_is_a_row(given_as: Any) -> None:
    np.testing.assert_array_equal(as_mixtures(given_as, DOMAINS), WEIGHTS[:1])


def test_names_of_mixtures_are_kept() -> None:
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
def test_bad_mixtures_are_refused(given_as: Any, message: str) -> None:
    with pytest.raises(MixtureError, match=message):
        as_mixtures(given_as, DOMAINS)


@given(n=st.integers(1, 20), size=st.integers(1, 8), seed=st.integers(0, 2**32 - 1))
def test_made_mixtures_lie_on_the_simplex(n: int, size: int, seed: int) -> None:
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


def test_transforms_are_inverted() -> None:
    mixtures = dirichlet(20, DOMAINS, 0)
    xr.testing.assert_allclose(softmax(to_logits(mixtures)), mixtures)
    coordinates = ilr(mixtures)
    assert coordinates.sizes["coordinate"] == len(DOMAINS) - 1
    xr.testing.assert_allclose(from_ilr(coordinates, DOMAINS), mixtures)


def test_ilr_keeps_aitchison_distance() -> None:
    a, b = dirichlet(2, DOMAINS, 0)
    aitchison = np.sqrt(((to_logits(a) - to_logits(b)) ** 2).sum("domain"))
    np.testing.assert_allclose(np.sqrt(((ilr(a) - ilr(b)) ** 2).sum("coordinate")), aitchison)


def test_distances() -> None:
    a, b = as_mixtures([{"code": 0.5, "math": 0.5}, {"math": 0.5, "prose": 0.5}], DOMAINS)
    mixed = as_mixtures({"code": 0.5, "math": 0.25, "prose": 0.25}, DOMAINS)[0]
    assert float(total_variation(a, b)) == pytest.approx(0.5)
    assert float(kl_divergence(a, mixed)) == pytest.approx(0.5 * np.log(2))
    assert float(kl_divergence(a, b)) == np.inf
    assert float(kl_divergence(a, a)) == 0


def test_transforms_refuse_what_has_no_logarithm() -> None:
    with pytest.raises(MixtureError, match="prose has a weight that is not positive"):
        ilr(as_mixtures({"code": 0.5, "math": 0.5}, DOMAINS))
    with pytest.raises(MixtureError, match="3 coordinates are no mixture of 3 domains"):
        from_ilr(xr.DataArray(np.zeros(3), dims="coordinate"), DOMAINS)


def test_maximin_keeps_apart_and_coverage_leaves_no_gap() -> None:
    """Each criterion beats the other, and chance, at what it is for."""
    pool = dirichlet(3000, DOMAINS, 7).to_numpy()
    sets = {
        "chance": dirichlet(12, DOMAINS, 3).to_numpy(),
        "coverage": space_filling(12, DOMAINS, 3).to_numpy(),
        "maximin": space_filling(12, DOMAINS, 3, criterion="maximin").to_numpy(),
    }
    apart, gap = {}, {}
    for name, spread in sets.items():
        between = np.linalg.norm(spread[:, None] - spread, axis=2)
        apart[name] = between[~np.eye(12, dtype=bool)].min()
        gap[name] = np.linalg.norm(pool[:, None] - spread, axis=2).min(axis=1).mean()
    assert max(apart, key=lambda name: apart[name]) == "maximin"
    assert min(gap, key=lambda name: gap[name]) == "coverage"


def test_designs_refuse_what_they_cannot_do() -> None:
    with pytest.raises(MixtureError, match="unknown criterion 'even'"):
        space_filling(3, DOMAINS, 0, criterion="even")  # type: ignore[arg-type] # what users write
    with pytest.raises(MixtureError, match="concentration = -1"):
        dirichlet(3, DOMAINS, 0, concentration=-1.0)
    with pytest.raises(MixtureError, match="about the domains a, b"):
        dirichlet(3, DOMAINS, 0, within=Polytope(("a", "b")))
