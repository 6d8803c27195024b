"""What a notebook shows: status and caveats first, names as text."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from bayescamel.comparison.compare import Comparison
from bayescamel.notebook import MAX_ROWS, as_html
from bayescamel.posterior import Posterior
from bayescamel.study import Study
from bayescamel.study.status import Status
from tests.plots.conftest import TARGET, renamed
from tests.prior_posterior import example_runs, prior_posterior
from tests.study.examples import QUICK, SPACE
from tests.study.examples import TARGET as STUDY_TARGET


def hostile() -> Posterior:
    posterior = prior_posterior(example_runs())
    tree = posterior.tree.map_over_datasets(renamed)
    return replace(posterior, runs=renamed(posterior.runs), tree=tree)


def test_text_is_escaped_and_a_long_table_is_cut() -> None:
    rows = [["<b>", i] for i in range(MAX_ROWS + 3)]
    html = as_html("<i>", ["a & b"], ["<script>"], ["<th>"], rows)
    assert "<i>" not in html
    assert "<script>" not in html
    assert "a &amp; b" in html
    assert html.count("<tr>") == MAX_ROWS + 1
    assert "and 3 more" in html


def test_a_posterior_tells_its_doubts_first() -> None:
    posterior = hostile()
    html = posterior._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert posterior.caveats
    assert html.index("far off the curve") < html.index("18 runs")
    failed = replace(posterior, status=replace(posterior.status, rhat_max=1.2))
    html = failed._repr_html_()
    assert html.index("not converged") < html.index("far off the curve")


def test_a_decision_lists_every_weight() -> None:
    best = hostile().optimal_mixture(TARGET, max_draws=20)
    html = best._repr_html_()
    assert "<script>" not in html
    for name in best.recommended["domain"].to_numpy():
        assert f"{float(best.recommended.sel(domain=name)):.3f}" in html


def test_a_comparison_has_a_row_a_law() -> None:
    loo = pd.DataFrame(
        {"elpd": [10.0, 8.0], "elpd_diff": [0.0, 2.0], "dse": [0.0, 1.0], "weight": [0.9, 0.1]},
        index=["camel", "joint"],
    )
    horizons = pd.DataFrame({"law": ["camel"], "mre": [0.01], "coverage90": [0.9], "crps": [0.1]})
    nothing = pd.DataFrame()
    inside = Comparison({}, loo, {}, nothing, nothing)._repr_html_()
    assert inside.count("<tr>") == 3
    assert "Outside" not in inside
    assert "1.00%" in Comparison({}, loo, {}, horizons, nothing)._repr_html_()


def test_a_status_of_a_study(tmp_path: Path) -> None:
    study = Study.create(tmp_path / "study.db", SPACE, STUDY_TARGET, budget=1e17, fit=QUICK)
    assert "too few runs" in study.status()._repr_html_()
    near, best = {"<code>": 0.4, "web": 0.6}, {"<code>": 0.9, "web": 0.1}
    bounds = {"<code>": (0.85, 1.0), "web": (0.0, 0.15)}
    counts = (4, 1, 0, 1e15, 2e15, 0.01)
    status = Status(*counts, near, "for being near", best, bounds, True, ("look at <b>",))
    html = status._repr_html_()
    assert "&lt;code&gt;" in html
    assert "look at &lt;b&gt;" in html
    # The recommendation lies outside of the interval, which is the optimum's: both are shown.
    for words in ("recommended", "0.400", "optimum", "0.900", "0.850 to 1.000", "for being near"):
        assert words in html
        assert words in str(status)
    alone = Status(*counts, best, "the optimum is recommended", best, bounds, True)
    assert "0.400" not in str(alone)
    assert str(alone).count("0.900") == 1
