import numpy as np
import pytest

from bayescamel.exceptions import MixtureError, TargetError
from bayescamel.mixtures import dirichlet, space_filling
from bayescamel.mixtures.constraints import Constraints, Group, Near
from bayescamel.targets import Target

DOMAINS = ["code", "math", "prose", "web"]
TARGET = Target(1e9, 1e11)
MEASURED = np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 0.7]])

EVERYTHING = Constraints(
    lower={"code": 0.1},
    upper={"math": 0.3},
    groups=(Group(("code", "math"), 0.2, 0.5), Group(("math", "prose"), 0.25, 0.25)),
    available={"prose": 2e9, "web": 1e12},
    max_epochs=4,
    near=Near(0.4, {"code": 0.3, "math": 0.2, "prose": 0.05, "web": 0.45}),
)

CASES = {
    "all kinds": EVERYTHING,
    "nothing": Constraints(),
    "one point": Constraints(lower={"code": 0.5, "web": 0.5}),
    "fixed weight": Constraints(lower={"code": 0.3}, upper={"code": 0.3}),
    "thin": Constraints(lower={"code": 0.3}, upper={"code": 0.3 + 1e-6}),
    "around the measured": Constraints(upper={"web": 0.65}, near=Near(0.1)),
}


@pytest.mark.parametrize("constraints", CASES.values(), ids=CASES.keys())
def test_designs_satisfy_the_constraints_to_rounding(constraints: Constraints) -> None:
    allowed = constraints.polytope(DOMAINS, TARGET, MEASURED)
    for spread in (
        dirichlet(60, DOMAINS, 0, within=allowed),
        dirichlet(30, DOMAINS, 0, within=allowed, concentration=0.4),
        space_filling(6, DOMAINS, 0, within=allowed),
        space_filling(6, DOMAINS, 0, within=allowed, criterion="maximin"),
    ):
        assert allowed.violation(spread.to_numpy()).max() <= 1e-9


@pytest.mark.parametrize("constraints", CASES.values(), ids=CASES.keys())
def test_repair_leads_back_inside_and_leaves_what_is_inside(constraints: Constraints) -> None:
    allowed = constraints.polytope(DOMAINS, TARGET, MEASURED)
    anywhere = dirichlet(200, DOMAINS, 1).to_numpy()
    repaired = allowed.repair(anywhere)
    assert allowed.violation(repaired).max() <= 1e-9
    np.testing.assert_allclose(allowed.repair(repaired), repaired, atol=1e-9)
    inside = dirichlet(50, DOMAINS, 2, within=allowed).to_numpy()
    near = allowed.repair(inside + 1e-7 * (anywhere[:50] - 0.25))
    assert np.abs(near - inside).max() < 1e-4  # a small error costs a small step back


def test_a_walk_within_constraints_has_the_distribution_of_draws_thrown_away() -> None:
    """Means and deviations as those of rejection; 4,000 points: 4 standard errors are 0.02."""
    allowed = Constraints(upper={"code": 0.3}).polytope(DOMAINS)
    for concentration in (0.5, 1.0, 3.0):
        walked = dirichlet(4000, DOMAINS, 0, within=allowed, concentration=concentration)
        drawn = dirichlet(40_000, DOMAINS, 1, concentration=concentration)
        kept = drawn[(drawn.sel(domain="code") <= 0.3).to_numpy()]
        for moment in ("mean", "std"):
            expected = getattr(kept, moment)("mixture")
            np.testing.assert_allclose(getattr(walked, moment)("mixture"), expected, atol=0.02)


def test_caps_count_the_tokens_of_the_target() -> None:
    constraints = Constraints(available={"math": 1e9}, max_epochs=4)
    proxy, target = (constraints.polytope(DOMAINS, Target(1e9, d)) for d in (1e9, 1e11))
    only_math = np.array([[0.0, 1.0, 0.0, 0.0]])
    assert proxy.violation(only_math) <= 0
    assert target.violation(only_math) == pytest.approx(1 - 0.04)
    assert target.box[1][1] == pytest.approx(0.04)


@pytest.mark.parametrize(
    ("constraints", "named", "not_named"),
    [
        (
            Constraints({"code": 0.6}, {"web": 0.2}, (Group(("code", "math"), 0, 0.5),)),
            ["code ≥ 0.6", "code + math ≤ 0.5"],
            ["web"],
        ),
        (
            Constraints({"code": 0.6, "math": 0.3, "web": 0.2}),
            ["code ≥ 0.6", "math ≥ 0.3", "web ≥ 0.2"],
            ["reference"],
        ),
        (
            Constraints({"code": 0.6}, near=Near(0.2, {"web": 1.0})),
            ["code ≥ 0.6", "within 0.2 of the reference"],
            ["math"],
        ),
        (
            Constraints({"math": 0.1}, {"code": 0.8}, available={"math": 2e9}, max_epochs=4),
            ["math ≥ 0.1", "math ≤ 0.08 (4 epochs of 2e+09 tokens in 1e+11)"],
            ["code"],
        ),
        (
            Constraints({"prose": 0.5}, {"code": 0.9}, near=Near(0.1)),
            ["prose ≥ 0.5", "within 0.1 of a measured mixture"],
            ["code"],
        ),
    ],
    ids=["group", "floors", "reference", "tokens", "measured"],
)
def test_a_conflict_names_what_conflicts_and_nothing_else(
    constraints: Constraints, named: list[str], not_named: list[str]
) -> None:
    allowed = constraints.polytope(DOMAINS, TARGET, MEASURED)
    with pytest.raises(MixtureError) as caught:
        dirichlet(1, DOMAINS, 0, within=allowed)
    message = str(caught.value)
    assert message.startswith("no mixture satisfies all constraints")
    for words in named:
        assert words in message
    for words in not_named:
        assert words not in message


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        (Constraints(lower={"law": 0.1}), "constraint on unknown domain 'law'; there are: code"),
        (Constraints(upper={"code": 1.2}), "code: the bound 1.2 is no weight"),
        (Constraints(groups=(Group(()),)), "a group has no domains"),
        (Constraints(groups=(Group(("code", "law"), 0.1),)), "unknown domain 'law'"),
        (Constraints(available={"code": -1.0}, max_epochs=4), "available tokens of code = -1"),
        (Constraints(max_epochs=4), "none were given"),
        (Constraints(available={"code": 1e9}, max_epochs=0), "max_epochs = 0"),
        (Constraints(near=Near(2.0, {"code": 1.0})), "the radius 2 is no total variation"),
        (Constraints(near=Near(0.2)), "name a reference"),
    ],
)
def test_impossible_constraints_are_refused(constraints: Constraints, message: str) -> None:
    with pytest.raises(MixtureError, match=message):
        constraints.polytope(DOMAINS, TARGET)


def test_tokens_without_a_number_of_tokens_are_refused() -> None:
    constraints = Constraints(available={"code": 1e9}, max_epochs=4)
    with pytest.raises(TargetError, match="the target needs n_tokens"):
        constraints.polytope(DOMAINS, Target(1e9))


def test_binding_constraints_are_told() -> None:
    allowed = EVERYTHING.polytope(DOMAINS, TARGET)
    labels = allowed.binding(np.array([0.1, 0.17, 0.08, 0.65]))
    assert labels == (
        "code ≥ 0.1",
        "math + prose ≥ 0.25",
        "math + prose ≤ 0.25",
        "prose ≤ 0.08 (4 epochs of 2e+09 tokens in 1e+11)",
    )
