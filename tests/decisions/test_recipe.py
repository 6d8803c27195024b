"""Recipes: exact sums, no dust, and files that others' training code reads as was meant."""

import json
import math
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bayescamel._version import __version__
from bayescamel.decisions.recipe import basis_of, exact_weights, recipe, share_out, write_recipe
from bayescamel.decisions.recipe_formats import Layout
from bayescamel.exceptions import MixtureError, StorageError
from bayescamel.targets import Target

SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=40).filter(lambda w: sum(w) > 0.01)


def mixture(weights: list[float]) -> xr.DataArray:
    names = [f"d{i}" for i in range(len(weights))]
    return xr.DataArray(np.array(weights) / sum(weights), {"domain": names}, ("domain",))


def _named(given: xr.DataArray) -> dict[str, float]:
    return {str(name): float(given.sel(domain=name)) for name in given["domain"].to_numpy()}


@given(shares=SHARES, dust=st.floats(0, 9e-7))
def test_weights_sum_to_one_exactly_and_have_no_dust(shares: list[float], dust: float) -> None:
    given = _named(mixture(shares)) | {"dust": dust}
    weights = exact_weights(given)
    assert math.fsum(weights.values()) == 1.0
    assert sum(weights.values()) == 1.0
    assert weights["dust"] == 0.0
    assert all(w == 0 or w >= 1e-6 for w in weights.values())
    moved = max(abs(weights[name] - given[name]) for name in given)
    assert moved <= 1e-6 * len(given)


@given(shares=SHARES)
def test_weights_of_a_recipe_are_short_and_sum_to_one_exactly(shares: list[float]) -> None:
    given = _named(mixture(shares))
    weights = recipe(mixture(shares), Target(1e9))["weights"]
    assert math.fsum(weights.values()) == sum(weights.values()) == 1.0
    # Many weights may have no such decimals: then the largest alone is a unit of rounding off.
    long = [name for name, weight in weights.items() if len(repr(weight)) > len("0.123456789")]
    assert len(long) <= 1
    for name, weight in weights.items():
        # A part, and on the largest the dust of all others.
        dust = len(given) if weight == max(weights.values()) else 1
        assert abs(weight - given[name]) <= 1e-6 * (1 + dust)


@pytest.mark.parametrize(
    ("given", "short"),
    [
        ([0.49909448710013665, 0.50090551289986335], [0.499094, 0.500906]),
        ([0.7, 0.3], [0.7, 0.3]),  # 1 - 0.7 is 0.30000000000000004
        ([1 / 3, 1 / 3, 1 / 3], [0.333334, 0.333333, 0.333333]),
    ],
)
def test_weights_are_written_in_few_digits(given: list[float], short: list[float]) -> None:
    assert list(recipe(mixture(given), Target(1e9))["weights"].values()) == short


def test_epochs_of_nothing_are_left_out() -> None:
    assert "epochs" not in recipe(mixture([0.5, 0.5]), Target(1e9, 1e10))
    known = recipe(mixture([0.5, 0.5]), Target(1e9, 1e10), available={"d0": 1e9})
    assert known["epochs"] == {"d0": 5.0}


@pytest.mark.parametrize("layout", sorted(Layout))
def test_a_recipe_carries_what_it_rests_on(layout: str, tmp_path: Path) -> None:
    """Where the format has a place for it: a field of ours, comments in others' YAML."""
    bounds = xr.DataArray(
        [[0.1, 0.4], [0.6, 0.9]],
        {"domain": ["d0", "d1"], "bound": ["lower90", "upper90"]},
        ("domain", "bound"),
    )
    best: Any = SimpleNamespace(
        regret=0.0123461, unit="nats", optimum_interval=bounds, optimum=mixture([0.3, 0.7])
    )
    basis = basis_of(best, "post\nerior.nc", converged=False)
    assert basis["optimum_interval"] == {"d0": [0.1, 0.4], "d1": [0.6, 0.9]}
    assert (basis["expected_regret"], basis["bayescamel"]) == (0.01235, __version__)
    plan = recipe(mixture([0.3, 0.7]), Target(1e9), basis=basis)
    bare = recipe(mixture([0.3, 0.7]), Target(1e9))
    out = tmp_path / ("a.txt" if layout == "megatron" else "a.yaml")
    write_recipe(plan, out, layout=layout)
    if layout == "plain":
        assert yaml.safe_load(out.read_text()) == bare | {"basis": basis}
        return
    if layout != "megatron":
        assert "# converged: false\n" in out.read_text()
        assert "# expected_regret: 0.01235\n" in out.read_text()
    with_it = out.read_text()
    write_recipe(bare, out, force=True, layout=layout)
    assert "#" not in out.read_text()
    # Who reads it reads the same.
    assert with_it.endswith(out.read_text())
    assert yaml.safe_load(with_it) == yaml.safe_load(out.read_text())


@given(shares=SHARES, n=st.integers(0, 10**22))
def test_tokens_are_shared_out_to_the_last(shares: list[float], n: int) -> None:
    weights = exact_weights(_named(mixture(shares)))
    tokens = share_out(weights, n)
    assert sum(tokens.values()) == n
    assert all(tokens[name] == 0 for name, weight in weights.items() if weight == 0)
    for name, weight in weights.items():
        assert abs(tokens[name] - weight * n) <= 1 + 1e-15 * n


@given(shares=SHARES, lattice=st.integers(1, 1000))
def test_a_lattice_of_integers(shares: list[float], lattice: int) -> None:
    plan = recipe(mixture(shares), Target(1e9, 1e12), lattice=lattice)
    assert sum(plan["parts"].values()) == lattice
    for name, part in plan["parts"].items():
        assert plan["weights"][name] * lattice == pytest.approx(part, abs=1e-9 * lattice)


def test_a_lattice_of_nothing_is_refused() -> None:
    with pytest.raises(MixtureError, match=r"a lattice of 0 parts .--lattice.: give 1 or more"):
        recipe(mixture([1.0]), Target(1e9), lattice=0)


# ---- others' training code

WEIGHTS = {"code": 0.3, "web": 0.7, "law": 0.0}
PLACES = {"code": "/data/the code", "web": "/data/web"}


@pytest.fixture
def plan() -> dict[str, Any]:
    given = xr.DataArray(list(WEIGHTS.values()), {"domain": list(WEIGHTS)}, ("domain",))
    return recipe(given, Target(1e9, 1e12), available={"code": 1e11})


def written(plan: dict[str, Any], path: Path, layout: str) -> Any:
    write_recipe(plan, path, layout=layout, places=PLACES)
    text = path.read_text()
    return text if path.suffix == ".txt" else yaml.safe_load(text)


def test_megatron_reads_the_blend(plan: dict[str, Any], tmp_path: Path) -> None:
    """Weights and prefixes by turns, an even number of words: get_blend_from_list reads that."""
    blend = shlex.split(written(plan, tmp_path / "blend.txt", "megatron"))
    assert len(blend) % 2 == 0
    weights, prefixes = [float(word) for word in blend[::2]], blend[1::2]
    assert dict(zip(prefixes, weights, strict=True)) == {"/data/the code": 0.3, "/data/web": 0.7}
    nemo = written(plan, tmp_path / "nemo.yaml", "nemo")["data_prefix"]
    assert nemo == [0.3, "/data/the code", 0.7, "/data/web"]


def test_olmo_core_accepts_the_sources(plan: dict[str, Any], tmp_path: Path) -> None:
    """By the checks of its SourceMixtureConfig and SourceMixtureList."""
    made = written(plan, tmp_path / "mix.yaml", "olmo-core")
    sources = made["source_list"]["sources"]
    assert math.fsum(source["target_ratio"] for source in sources) == 1.0
    for source in sources:
        assert set(source) <= {
            *("source_name", "target_ratio", "paths"),
            *("max_repetition_ratio", "max_source_fraction"),
        }
        assert 0 < source["target_ratio"] <= 1
        assert source["max_repetition_ratio"] >= 1
        assert source["paths"]
    assert {s["source_name"]: s["max_repetition_ratio"] for s in sources} == {
        "code": pytest.approx(3.0),
        "web": 1.0,
    }
    assert made["requested_tokens"] == 10**12


def test_streaming_and_litgpt(plan: dict[str, Any], tmp_path: Path) -> None:
    streams = written(plan, tmp_path / "streams.yaml", "streaming")["streams"]
    assert {s["local"]: s["proportion"] for s in streams.values()} == {
        "/data/the code": 0.3,
        "/data/web": 0.7,
    }
    litgpt = written(plan, tmp_path / "litgpt.json", "litgpt")
    assert litgpt == {"input_dirs": ["/data/the code", "/data/web"], "weights": [0.3, 0.7]}


@pytest.mark.slow
def test_hugging_face_interleaves_as_is_written(plan: dict[str, Any], tmp_path: Path) -> None:
    """Of the dev extra: `interleave_datasets` takes the arguments, and draws by them."""
    import datasets

    read = json.loads(json.dumps(written(plan, tmp_path / "mix.json", "datasets")))
    parts = [datasets.Dataset.from_dict({"from": [place] * 4000}) for place in read.pop("datasets")]
    drawn = datasets.interleave_datasets(parts, seed=0, **read)["from"][:4000]
    # Four standard errors of a share of 0.3 among 4,000.
    assert np.mean([place == "/data/the code" for place in drawn]) == pytest.approx(0.3, abs=0.03)


def test_layouts_and_places_that_there_are_not(plan: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="unknown layout of a recipe 'olmo'; there are: plain"):
        write_recipe(plan, tmp_path / "a.yaml", layout="olmo")
    with pytest.raises(StorageError, match="a place of 'cod', which is no domain"):
        write_recipe(plan, tmp_path / "a.yaml", layout="nemo", places={"cod": "x"})
    with pytest.raises(StorageError, match=r"a recipe is written as .txt"):
        write_recipe(plan, tmp_path / "a.yaml", layout="megatron")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("layout", sorted(set(Layout) - {"megatron"}))
def test_every_layout_is_written_as_yaml_and_as_json(
    layout: str, plan: dict[str, Any], tmp_path: Path
) -> None:
    assert written(plan, tmp_path / "a.yaml", layout) == written(plan, tmp_path / "a.json", layout)
