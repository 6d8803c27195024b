"""Values and files that users hold come back as they were, whatever the numbers and names."""

import copy
import json
import pickle
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
import xarray as xr
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescamel import Constraints, Group, Near, Posterior, Risk, Size, Space, Target
from bayescamel.cli.limits import read_reference
from bayescamel.decisions.recipe import recipe, write_recipe
from bayescamel.designs import ACQUISITIONS
from bayescamel.laws import LAWS
from bayescamel.study.candidate import Candidate
from bayescamel.study.records import Record, as_record
from bayescamel.study.settings import FitOptions, Settings
from tests.prior_posterior import example_runs, prior_posterior

POSITIVE = st.floats(1e-6, 1e30, allow_subnormal=False)
SHARE = st.floats(0, 1, allow_subnormal=False)
# Names that files take for something else: numbers, dates, booleans, comments, other alphabets.
NAMES = st.sampled_from(
    ["1e3", "null", "yes", "#x", "2026-01-01", "a: b", "é", "web[en]", "'", "0"]
)
DOMAINS = st.lists(NAMES, min_size=2, max_size=4, unique=True)


@st.composite
def named(draw: st.DrawFn, values: st.SearchStrategy[float], least: int = 1) -> dict[str, float]:
    return draw(st.dictionaries(NAMES, values, min_size=least, max_size=4))


@st.composite
def mixtures(draw: st.DrawFn, domains: list[str] | None = None) -> dict[str, float]:
    names = draw(DOMAINS) if domains is None else domains
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return dict(zip(names, map(float, rng.dirichlet(np.ones(len(names)))), strict=True))


@st.composite
def with_active(draw: st.DrawFn, of: Any, more: dict[str, st.SearchStrategy[Any]]) -> Any:
    """A size or a target: no more parameters are active than there are."""
    n = draw(POSITIVE)
    active = draw(st.none() | st.floats(0.01, 1.0).map(lambda share: share * n))
    return of(
        n_params=n, n_active_params=active, **{name: draw(value) for name, value in more.items()}
    )


TARGETS = with_active(Target, {"n_tokens": st.floats(1, 1e15)})
SIZES = with_active(Size, {"flops_per_token": st.none() | POSITIVE})
GROUPS = st.builds(Group, DOMAINS.map(tuple), SHARE, SHARE)
RISKS = st.builds(Risk, st.sampled_from(["mean", "quantile", "cvar"]), st.floats(0.01, 0.99))
RECORDS = st.builds(
    Record,
    loss=named(st.floats(0.01, 20)),
    accuracy=named(SHARE, 0),
    score=named(SHARE, 0),
    n_params=st.none() | POSITIVE,
    n_tokens=st.none() | POSITIVE,
    flops=st.none() | POSITIVE,
    mixture=st.none() | mixtures(),
    seconds=st.none() | POSITIVE,
    device=st.none() | st.sampled_from(["cpu", "cuda"]),
    run_id=st.none() | NAMES,
)
CANDIDATES = st.builds(
    Candidate,
    run_id=NAMES,
    n_params=POSITIVE,
    n_active_params=st.none() | POSITIVE,
    n_tokens=POSITIVE,
    mixture=mixtures(),
    seed=st.integers(0, 2**31),
    flops=POSITIVE,
)
CONSTRAINTS = st.builds(
    Constraints,
    lower=named(SHARE, 0),
    upper=named(SHARE, 0),
    groups=st.lists(GROUPS, max_size=2).map(tuple),
    available=named(POSITIVE, 0),
    max_epochs=st.none() | POSITIVE,
    near=st.none() | st.builds(Near, SHARE, st.none() | mixtures()),
)


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    domains = draw(DOMAINS)
    sizes = draw(
        st.lists(SIZES, min_size=2, max_size=3, unique_by=lambda s: (s.n_params, s.active))
    )
    tokens = tuple(draw(st.lists(POSITIVE, min_size=1, max_size=2)))
    given_as = draw(st.sampled_from(["n_tokens", "tokens_per_param"]))
    low, high = sorted((draw(SHARE), draw(SHARE)))
    bounds = {domains[0]: (low, high)}
    return Space(
        tuple(domains),
        tuple(sizes),
        bounds=bounds,
        seeds=draw(st.integers(1, 9)),
        **{given_as: tokens},
    )


@st.composite
def studies(draw: st.DrawFn) -> Settings:
    space = draw(spaces())
    return Settings(
        space=space,
        target=draw(TARGETS),
        budget=space.cheapest() * draw(st.floats(1, 1e6)),
        objective=draw(st.none() | named(st.floats(0.1, 10))),
        acquisition=draw(st.sampled_from(sorted(ACQUISITIONS))),
        start=draw(st.none() | st.integers(1, 99)),
        fit=draw(st.builds(FitOptions, law=st.sampled_from(sorted(LAWS)), seed=st.integers(0, 99))),
    )


@pytest.mark.parametrize(
    "values",
    [TARGETS, SIZES, GROUPS, RISKS, RECORDS, CANDIDATES, CONSTRAINTS, spaces(), studies()],
    ids=[
        "target",
        "size",
        "group",
        "risk",
        "record",
        "candidate",
        "constraints",
        "space",
        "settings",
    ],
)
@given(data=st.data())
def test_values_are_copied_and_pickled_whole(
    values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    value = data.draw(values)
    for again in (copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert type(again) is type(value)
        assert asdict(again) == asdict(value)


@given(study=studies())
def test_a_study_is_stored_as_json(study: Settings) -> None:
    stored = json.loads(json.dumps(study.to_dict(), allow_nan=False))
    assert Settings.from_dict(stored) == study
    assert Space.from_dict(stored["space"]) == study.space


@given(candidate=CANDIDATES)
def test_a_candidate_goes_to_the_trainer_as_json(candidate: Candidate) -> None:
    assert Candidate(**json.loads(json.dumps(candidate.to_dict(), allow_nan=False))) == candidate


@given(record=RECORDS)
def test_a_record_comes_back_from_its_file(
    record: Record, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("record") / "record.json"
    told = {key: value for key, value in asdict(record).items() if value is not None}
    path.write_text(json.dumps(told, allow_nan=False), encoding="utf-8")
    assert as_record(path) == as_record(told) == record


@given(attitude=st.sampled_from(["mean", "quantile", "cvar"]), thousandths=st.integers(1, 999))
def test_a_risk_is_read_as_it_is_shown(attitude: Any, thousandths: int) -> None:
    risk = Risk(attitude, thousandths / 1000)
    again = Risk.parse(str(risk))
    assert again.attitude == risk.attitude
    np.testing.assert_array_equal(again.weights(40), risk.weights(40))


@pytest.mark.parametrize("ending", ["yaml", "json"])
@given(weights=mixtures(), target=TARGETS)
def test_a_recipe_says_in_its_file_what_was_decided(
    ending: str, weights: dict[str, float], target: Target, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("recipe") / f"mix.{ending}"
    mixture = xr.DataArray(list(weights.values()), {"domain": list(weights)}, ("domain",))
    made = recipe(mixture, target, available=dict.fromkeys(weights, 1e9))
    write_recipe(made, path)
    text = path.read_text(encoding="utf-8")
    assert (json.loads(text) if ending == "json" else yaml.safe_load(text)) == made
    assert sum(made["tokens"].values()) == round(target.n_tokens or 0)
    # And it serves as the reference of the next decision, to the last bit.
    if ending == "json":
        assert read_reference(path) == made["weights"] == pytest.approx(weights, abs=1e-5)


@settings(max_examples=5)
@given(
    values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3),
    name=NAMES,
    sparse=st.booleans(),
)
def test_a_posterior_comes_back_from_its_file(
    values: list[float], name: str, sparse: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("posterior") / "posterior.nc"
    runs = example_runs(sparse=sparse)
    posterior = prior_posterior(runs.assign_coords(run=[f"{name}{i}" for i in range(18)]))
    draws = posterior.tree["posterior"].to_dataset()
    draws["alpha"] = draws["alpha"].copy(data=np.broadcast_to(values, draws["alpha"].shape))
    posterior.tree["posterior"] = xr.DataTree(draws)
    posterior.save(path)
    again = Posterior.load(path)
    assert again.tree.identical(posterior.tree)
    assert again.runs.identical(posterior.runs)
    assert (again.hierarchy, again.status) == (posterior.hierarchy, posterior.status)
