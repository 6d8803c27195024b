"""What each picture of runs, posteriors, decisions and backtests says."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from bayescamel import Target, plots
from bayescamel.comparison.backtest import horizons, judge
from bayescamel.comparison.scores import pit
from bayescamel.decisions import OptimalMixture, optimal_path, pareto_front
from bayescamel.exceptions import PlotError
from bayescamel.plots.files import as_svg
from bayescamel.plots.response import elasticity, with_weight
from bayescamel.plots.size import over_size, token_anchors, tokens_along
from bayescamel.posterior import Posterior
from tests.plots.conftest import TARGET, renamed
from tests.prior_posterior import DOMAINS, example_runs, prior_posterior

EVEN = {"even": dict.fromkeys(DOMAINS, 1 / 3)}


def drawn(posterior: Posterior) -> dict[str, Callable[[], Any]]:
    """Every picture of runs and of a posterior."""
    runs = posterior.runs
    three = [str(name) for name in runs["domain"].to_numpy()]
    return {
        "training_grid": lambda: plots.training_grid(runs),
        "weight_pairs": lambda: plots.weight_pairs(runs),
        "loss_over_weight": lambda: plots.loss_over_weight(runs),
        "loss_over_size": lambda: plots.loss_over_size(posterior, target=TARGET),
        "response_slices": lambda: plots.response_slices(posterior, TARGET),
        "elasticities": lambda: plots.elasticities(posterior, TARGET),
        "ternary": lambda: plots.ternary(posterior, TARGET, three),
        "residuals": lambda: plots.residuals(posterior),
        "priors": lambda: plots.priors(posterior),
        "prior_predictive": lambda: plots.prior_predictive(posterior),
    }


@pytest.fixture(scope="module")
def hostile(posterior: Posterior) -> Posterior:
    tree = posterior.tree.map_over_datasets(renamed)
    return replace(posterior, runs=renamed(posterior.runs), tree=tree)


NAMES = (
    *("training_grid", "weight_pairs", "loss_over_weight", "loss_over_size", "response_slices"),
    *("elasticities", "ternary", "residuals", "priors", "prior_predictive"),
)


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_are_text(name: str, hostile: Posterior) -> None:
    svg = as_svg(drawn(hostile)[name]())  # a formula or a missing glyph would warn, so fail
    assert "script" not in svg


@pytest.mark.parametrize("name", [name for name in NAMES if name != "ternary"])
def test_axes_say_what_they_are_and_there_is_one_legend(name: str, posterior: Posterior) -> None:
    figure = drawn(posterior)[name]()
    shown = [axis for axis in figure.axes if axis.axison]
    assert any(axis.get_ylabel() for axis in shown)
    assert all(axis.get_xlabel() or axis.get_ylabel() for axis in shown)
    legends = [*figure.legends, *(axis.get_legend() for axis in shown)]
    assert sum(legend is not None for legend in legends) <= 1


def test_tokens_go_along_with_size_as_in_the_runs(posterior: Posterior) -> None:
    anchors = token_anchors([posterior.runs], TARGET)
    assert anchors == {1e7: 2e8, 3e7: 6e8, 9e7: 1.8e9, 2.7e8: 5.4e9}
    assert tokens_along(np.array([1e7, 2e7, 9e7]), anchors) == pytest.approx([2e8, 4e8, 1.8e9])
    assert tokens_along(np.array([1e6, 1e9]), anchors) == pytest.approx([2e8, 5.4e9])
    assert tokens_along(np.array([1e7]), {}) == [None]


def test_a_curve_is_what_predict_says_at_the_tokens_of_its_size(posterior: Posterior) -> None:
    mixtures = posterior.mixtures(None)
    curve = over_size(posterior, mixtures, TARGET)
    assert curve.attrs["tokens"] == "200M to 5.4B tokens"
    size = float(curve["size"][20])
    (tokens,) = tokens_along(np.array([size]), token_anchors([posterior.runs], TARGET))
    loss = posterior.predict(Target(size, tokens), mixtures)["loss"]
    np.testing.assert_allclose(curve["mean"][20], loss.mean(("chain", "draw")))
    np.testing.assert_allclose(curve["upper90"][20], np.quantile(loss, 0.95, axis=(0, 1)))
    far = curve["extrapolation"].to_numpy()
    assert far[0] == pytest.approx(far[10])  # inside the sizes the mixture's distance alone
    assert (np.diff(far[20:]) >= 0).all()
    # Beyond them, how far on the log scale in units of the fitted range, a factor of nine.
    assert far[-1] == pytest.approx(np.log(float(curve["size"][-1]) / 9e7) / np.log(9))


def test_a_sparse_target_is_said_on_the_axis() -> None:
    sparse = prior_posterior(example_runs(sparse=True))
    curve = over_size(sparse, sparse.mixtures(None), Target(9e8, 5.4e9, 9e7))
    assert curve.attrs["tokens"] == "10 times as many in all, 200M to 5.4B tokens"
    assert curve.attrs["size"] == "active parameters"
    at_target = sparse.predict(
        Target(10 * float(curve["size"][-1]), 5.4e9, float(curve["size"][-1]))
    )
    np.testing.assert_allclose(
        curve["mean"][-1], at_target["loss"].mean(("chain", "draw")), rtol=1e-6
    )


def test_named_mixtures_are_in_the_legend(posterior: Posterior) -> None:
    figure = plots.loss_over_size(posterior, EVEN, target=TARGET)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {"even, 90 % band", "target", "fitted run"} <= set(labels)


@pytest.mark.parametrize("weight", [0.0, 0.2, 1.0])
def test_a_weight_is_set_and_the_others_keep_their_proportions(weight: float) -> None:
    moved = with_weight(np.array([0.1, 0.6, 0.3]), 0, weight)
    np.testing.assert_allclose(moved, [weight, (1 - weight) * 2 / 3, (1 - weight) / 3])
    np.testing.assert_allclose(with_weight(np.array([1.0, 0, 0]), 0, weight)[1:], (1 - weight) / 2)


def test_elasticities_are_changes_of_the_predicted_curve(posterior: Posterior) -> None:
    mean, low, high = elasticity(posterior, TARGET)
    start = posterior.centre.mixture
    grown = with_weight(start, 1, 1.1 * start[1])
    before, after = (
        posterior.predict(TARGET, m, kind="curve")["loss"].isel(mixture=0) for m in (start, grown)
    )
    change = (100 * (after / before - 1)).mean(("chain", "draw"))
    np.testing.assert_allclose(mean.sel(domain="math"), change)
    assert ((low <= mean) & (mean <= high)).all()


def test_a_ternary_picture_has_three_domains(posterior: Posterior) -> None:
    with pytest.raises(PlotError, match="3 training domains, not 2"):
        plots.ternary(posterior, TARGET, DOMAINS[:2])


def test_priors_are_held_against_posteriors(posterior: Posterior) -> None:
    figure = plots.priors(posterior)
    names = [p.name for p in posterior.hierarchy.parameters()]
    names += [c.name for c in posterior.law.coefficients]
    assert [axis.get_xlabel() for axis in figure.axes if axis.axison] == names


def test_a_decision_is_drawn_at_its_weights(best: OptimalMixture) -> None:
    figure = plots.optimum(best)
    assert [axis.get_xlabel() for axis in figure.axes[:3]] == [f"weight of {n}" for n in DOMAINS]
    for axis, name in zip(figure.axes, DOMAINS, strict=False):
        places = [np.asarray(line.get_xdata())[0] for line in axis.lines]
        assert places[0] == float(best.recommended.sel(domain=name))
        # The optimum where another is recommended, and the mixture that this is near to.
        near = float(best.against_near.mixture.sel(domain=name))
        optimum = [float(best.optimum.sel(domain=name))] if best.tied else []
        assert places[1:] == [*optimum, near]
    left, right = plots.gain_and_regret(best).axes[:2]
    assert f"{best.against_near.probability:.0%}" in left.get_legend_handles_labels()[1][0]
    assert np.asarray(right.lines[1].get_xdata())[0] == best.regret


def test_a_path_and_a_front_are_drawn_as_they_are(posterior: Posterior) -> None:
    path = optimal_path(posterior, [1e7, 9e7], tokens_per_param=20, max_draws=20)
    (axis,) = plots.path(path, np.array([1e7, 9e7])).axes
    np.testing.assert_array_equal(axis.lines[0].get_ydata(), path["optimum"].sel(domain="code"))
    front = pareto_front(posterior, TARGET, {"code": 1.0}, {"web": 1.0}, points=3, max_draws=20)
    (axis,) = plots.front(front, ("code", "web")).axes
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("code", "web")


def test_the_transform_of_a_normal_is_uniform() -> None:
    rng = np.random.default_rng(0)
    mean, sd = np.zeros((3, 2000, 1)), np.ones((3, 2000, 1))
    u = pit(rng.normal(size=(2000, 1)), mean, sd)
    # The largest gap of 2000 uniform values to the diagonal exceeds 0.043 once in 1,000 times.
    assert np.abs(np.sort(u[:, 0]) - np.linspace(0, 1, 2000)).max() < 0.043
    assert np.isnan(pit(np.full((1, 1), np.nan), mean[:, :1], sd[:, :1])).all()


def test_calibration_lies_on_the_diagonal_or_below_it(runs: xr.Dataset) -> None:
    horizon = horizons(runs)[0]

    class Sure:
        def __init__(self, sd: float) -> None:
            self.sd = sd

        def run_distribution(self, test: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
            from scipy.special import ndtri

            loss = test["loss"].to_numpy()
            grid = ndtri((np.arange(loss.size) + 0.5) / loss.size).reshape(loss.shape)
            return np.stack([loss - grid] * 2), np.full((2, *loss.shape), self.sd)

    results = [judge(Sure(sd), "x", str(sd), horizon, 0.0, "") for sd in (1.0, 0.5)]
    left, right = plots.calibration(results).axes[:2]
    levels = np.asarray(left.lines[1].get_xdata())
    right_one, too_sure = (np.asarray(line.get_ydata()) for line in left.lines[1:3])
    # Eighteen losses: a share is a multiple of 1/18.
    assert np.abs(right_one - levels).max() < 1 / 18
    assert (too_sure < levels).all()
    assert len(right.patches) >= 2
    left, right = plots.horizons(results).axes[:2]
    assert np.asarray(left.lines[0].get_xdata())[0] == pytest.approx(3.0)
    # A single distance is under a decade, where a logarithmic axis has no tick of its own.
    assert [label.get_text() for label in left.get_xticklabels()] == ["3×"]
    with pytest.raises(PlotError, match="no backtest"):
        plots.horizons([])


def test_learning_shows_what_flops_bought(best: OptimalMixture) -> None:
    left, right = plots.learning([(1e15, best), (2e15, best)]).axes[:2]
    np.testing.assert_array_equal(left.lines[0].get_xdata(), [1e15, 2e15])
    np.testing.assert_array_equal(right.lines[0].get_ydata(), [best.regret] * 2)


def test_the_prior_is_wider_than_the_posterior_and_around_the_runs(posterior: Posterior) -> None:
    from bayescamel.plots.learned import prior_bands

    bands = prior_bands(posterior)
    assert bands.shape == (5, 3, 3)  # quantiles, sizes, validation domains
    assert (np.diff(bands, axis=0) > 0).all()
    # The law is written around the runs' mean loss, 2 nats, at their middle size.
    assert (bands[0, 1] < 2).all()
    assert (bands[4, 1] > 2).all()
    # Draws of the prior that give plausible losses are a part of the prior.
    plausible = over_size(posterior, posterior.mixtures(None))
    assert (bands[4, 2] > plausible["mean"].isel(mixture=0).to_numpy()[-1]).all()


def test_benchmark_curves_listen_and_begin_at_chance() -> None:
    from bayescamel.plots.benchmarks import listening_weights

    weights = xr.DataArray(
        np.random.default_rng(0).dirichlet([1, 1], size=(2, 50, 3)),
        {"benchmark": ["a", "b", "c"], "validation": ["x", "y"]},
        ("chain", "draw", "benchmark", "validation"),
    )
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset({"listening": weights})})
    fitted: Any = SimpleNamespace(tree=tree)
    mean, half = listening_weights(fitted)
    np.testing.assert_allclose(mean.sum("validation"), 1)
    assert (half > 0).all()
    (axis, _) = plots.listening(fitted).axes
    assert len(axis.texts) == 6


@pytest.mark.parametrize("n", [1, 30, 31, 41, 400])
def test_the_training_grid_fits_a_screen(n: int) -> None:
    """Rows need height for their labels alone."""
    weights = np.linspace(0, 1, n)
    runs = xr.Dataset(
        {
            "n_params": ("run", np.full(n, 1e6)),
            "mixture": (("run", "domain"), np.stack([weights, 1 - weights], axis=1)),
        },
        {"run": [f"r{i}" for i in range(n)], "domain": ["code", "web"]},
    )
    figure: Any = plots.training_grid(runs)
    assert figure.get_figheight() < 6.6
    labels = figure.axes[0].get_yticklabels()
    assert len(labels) == (n if n <= 30 else 0)
