"""Pictures of a study, before anything was fitted."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from bayescamel import plots
from bayescamel.exceptions import PlotError
from bayescamel.study import Study
from tests.study.examples import QUICK, SPACE, TARGET, measure


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Six runs asked for: four told, one failed, one pending."""
    made = Study.create(tmp_path / "study.db", SPACE, TARGET, budget=1e17, fit=QUICK)
    asked = made.ask(6)
    for candidate in asked[:4]:
        made.tell(candidate.run_id, {"loss": measure(candidate.mixture, candidate.n_params)})
    made.fail(asked[4].run_id, "out of memory")
    return made


def test_runs_are_counted_by_size_and_state(study: Study) -> None:
    (axis,) = plots.allocation(study).axes
    heights = {bar.get_label(): sum(p.get_height() for p in bar) for bar in axis.containers}
    assert heights == {"told": 4, "pending": 1, "failed": 1}


def test_spending_adds_up(study: Study) -> None:
    (axis,) = plots.spending(study).axes
    bars: list[Any] = list(axis.patches)
    top = max(bar.get_y() + bar.get_height() for bar in bars)
    seen = study.snapshot()
    assert top == pytest.approx(100 * (seen.spent() + seen.reserved()) / study.settings.budget)


def test_proposals_are_stacked_to_one(study: Study) -> None:
    lower = plots.proposals(study).axes[1]
    tops = [p.get_y() + p.get_height() for p in lower.containers[-1]]
    assert tops == pytest.approx([1.0] * 6)


def test_a_timeline_has_a_bar_for_each_run(study: Study) -> None:
    (axis,) = plots.timeline(study).axes
    assert [label.get_text() for label in axis.get_yticklabels()] == [
        run.run_id for run in study.snapshot().runs
    ]


def test_a_study_without_runs_has_no_picture(tmp_path: Path) -> None:
    empty = Study.create(tmp_path / "study.db", SPACE, TARGET, budget=1e17, fit=QUICK)
    for draw in (plots.allocation, plots.proposals, plots.timeline, plots.spending):
        with pytest.raises(PlotError, match="no run yet"):
            draw(empty)


def test_very_many_runs_are_one_surface(study: Study) -> None:
    seen = study.snapshot()
    many = replace(seen, runs=seen.runs * 40)
    long: Any = SimpleNamespace(settings=study.settings, snapshot=lambda: many)
    lower = plots.proposals(long).axes[1]
    assert len(lower.patches) == 0
    surfaces: list[Any] = list(lower.collections)
    tops = [surface.get_paths()[0].vertices[:, 1].max() for surface in surfaces]
    assert len(tops) == len(SPACE.domains)
    assert tops[-1] == pytest.approx(1.0)
    (axis,) = plots.spending(long).axes
    bars: list[Any] = list(axis.patches)
    top = max(bar.get_y() + bar.get_height() for bar in bars)
    assert top == pytest.approx(100 * (many.spent() + many.reserved()) / study.settings.budget)


def test_a_study_of_attached_runs_alone_has_a_page(tmp_path: Path) -> None:
    from bayescamel.reports.sections import next_runs

    made = Study.create(tmp_path / "study.db", SPACE, TARGET, budget=1e17, fit=QUICK, start=50)
    mixture = {"code": 0.3, "web": 0.7}
    row = {"run_id": "a", "n_params": 1e6, "n_tokens": 2e7}
    row |= {f"w_{name}": weight for name, weight in mixture.items()}
    row |= {f"loss_{name}": loss for name, loss in measure(mixture, 1e6).items()}
    made.attach(pd.DataFrame([row]))
    unread: Any = None
    blocks = next_runs(unread, TARGET, made).blocks
    assert [block.kind for block in blocks] == ["text", "text", "picture"]
