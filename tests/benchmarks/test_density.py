"""The log density against SciPy's own distributions."""

import jax
import numpy as np
import pytest
from scipy.special import betaln
from scipy.stats import betabinom, norm

from bayescamel.benchmarks.density import log_density, log_ratio_of_betas
from bayescamel.benchmarks.engine import prior_typical
from bayescamel.benchmarks.hierarchy import BenchmarkHierarchy, run_scatter
from bayescamel.benchmarks.laws import BENCHMARK_LAWS, BenchmarkLaw
from bayescamel.benchmarks.problem import Measures, build_problem, reference_loss
from bayescamel.benchmarks.table import benchmark_facts
from tests.benchmarks.known_benchmarks import as_runs, known_table


def test_the_ratio_of_betas_and_its_gradient_are_exact() -> None:
    rng = np.random.default_rng(0)
    questions = np.round(10 ** rng.uniform(1, 4.6, 500))
    correct = np.round(questions * rng.beta(0.3, 1.0, 500))
    share, concentration = 10 ** rng.uniform(-4, -0.01, 500), 10 ** rng.uniform(0, 6, 500)
    a, b = share * concentration, (1 - share) * concentration
    wrong = questions - correct
    with jax.enable_x64(True):
        ours = log_ratio_of_betas(a, b, correct, wrong)
        slope = jax.grad(lambda a: log_ratio_of_betas(a, b, correct, wrong).sum())(a)
    # Differences of numbers near 1e6: nine digits are left of sixteen.
    np.testing.assert_allclose(ours, betaln(correct + a, wrong + b) - betaln(a, b), atol=1e-5)
    step = 1e-4 * a
    up, down = (betaln(correct + x, wrong + b) - betaln(x, b) for x in (a + step, a - step))
    np.testing.assert_allclose(slope, (up - down) / (2 * step), rtol=1e-3, atol=0.3)


@pytest.mark.parametrize("measures", ["accuracy", "score", "both"])
@pytest.mark.parametrize("law", BENCHMARK_LAWS.values(), ids=BENCHMARK_LAWS)
def test_density_is_prior_times_likelihood(law: BenchmarkLaw, measures: Measures) -> None:
    runs = as_runs(known_table(score_noise=0.01))
    reference = reference_loss(runs)
    facts = benchmark_facts(runs["benchmark"].to_numpy())
    listens = np.eye(2)[[0, 1, 1, 0]]
    problem = build_problem(runs, facts, reference, measures, listens)
    hierarchy = BenchmarkHierarchy(law, 4, 2, measures)
    centre, scale = prior_typical(hierarchy)
    rng = np.random.default_rng(3)
    flats = [centre + 0.3 * scale * rng.normal(size=hierarchy.dimension) for _ in range(2)]

    def directly(flat: np.ndarray) -> float:
        values, volume = hierarchy.natural(np, hierarchy.unflatten(flat))
        parameters = hierarchy.constrained(np, values)
        if law.listening == "single":
            parameters["listening"] = listens
        total = float(volume)
        for block in hierarchy.blocks():
            location, sd = block.prior(np, values, np.zeros(()))
            total += norm.logpdf(values[block.name], location, sd).sum()
        if measures != "score":
            expected = hierarchy.curve(np, parameters, problem.loss, problem.chance)
            p, icc = run_scatter(np, expected, problem.chance, parameters)
            a, b = p * (1 / icc - 1), (1 - p) * (1 / icc - 1)
            total += betabinom.logpmf(problem.correct.round(), problem.questions, a, b).sum()
        if measures != "accuracy":
            prefix = "score_" if measures == "both" else ""
            expected = hierarchy.curve(np, parameters, problem.loss, problem.score_chance, prefix)
            total += norm.logpdf(problem.score, expected, parameters["score_noise"]).sum()
        return total

    with jax.enable_x64(True):
        ours = [float(log_density(hierarchy, flat, problem)) for flat in flats]
    # Both up to a constant, so the difference of two points is compared.
    assert ours[0] - ours[1] == pytest.approx(directly(flats[0]) - directly(flats[1]), rel=1e-5)


def test_missing_values_say_nothing() -> None:
    table = known_table()
    runs = as_runs(table)
    facts = benchmark_facts(runs["benchmark"].to_numpy())
    reference = reference_loss(runs)
    hierarchy = BenchmarkHierarchy(BENCHMARK_LAWS["simplex"], 4, 2)
    centre, _ = prior_typical(hierarchy)
    gone = runs.copy(deep=True)
    gone["accuracy"][3:5, 1] = np.nan
    with jax.enable_x64(True):
        whole = build_problem(runs, facts, reference, "accuracy")
        holed = build_problem(gone, facts, reference, "accuracy")
        masked = whole._replace(measured=holed.measured)
        assert np.isfinite(log_density(hierarchy, centre, holed))
        assert log_density(hierarchy, centre, holed) == log_density(hierarchy, centre, masked)
