"""The same pictures by plotly: marks where they were, and words under the mouse."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from bayescamel import plots
from bayescamel.exceptions import PlotError
from bayescamel.plots.files import save
from bayescamel.posterior import Posterior
from tests.plots.conftest import TARGET, renamed

Draw = Callable[[xr.Dataset, Posterior, Any], Any]
PICTURES: dict[str, Draw] = {
    "training_grid": lambda runs, _, by: plots.training_grid(runs, backend=by),
    "weight_pairs": lambda runs, _, by: plots.weight_pairs(runs, backend=by),
    "loss_over_weight": lambda runs, _, by: plots.loss_over_weight(runs, backend=by),
    "loss_over_size": lambda _, p, by: plots.loss_over_size(p, target=TARGET, backend=by),
    "residuals": lambda _, p, by: plots.residuals(p, backend=by),
}


@pytest.mark.parametrize("name", PICTURES)
def test_both_backends_show_the_same_marks(
    name: str, runs: xr.Dataset, posterior: Posterior
) -> None:
    flat = PICTURES[name](runs, posterior, "matplotlib")
    drawn = PICTURES[name](runs, posterior, "plotly")
    shown = [axis for axis in flat.axes if axis.axison]
    offsets = [np.asarray(one.get_offsets()) for axis in shown for one in axis.collections]
    points = sorted(float(x) for part in offsets for x in part[:, 0] if len(part) > 1)
    marks = [t for t in drawn.data if t.mode == "markers"]
    assert sorted(x for t in marks if len(t.x) > 1 for x in t.x) == pytest.approx(points)
    assert all(np.ndim(t.marker.size) == 0 or len(t.marker.size) == len(t.x) for t in marks)
    titles = [axis.xaxis.get_label_text() for axis in shown]
    labels = [drawn.layout[f"xaxis{'' if i == 0 else i + 1}"].title.text for i in range(len(shown))]
    assert labels == titles
    told = {words for t in marks for words in t.text or ()}
    assert {word for words in told for word in words.split(", ")} <= set(runs["run"].to_numpy())
    assert told
    assert sum(bool(t.showlegend) for t in drawn.data) == len(
        {t.name for t in drawn.data if t.name}
    )


def test_a_logarithmic_axis_stays_one(posterior: Posterior) -> None:
    drawn: Any = plots.loss_over_size(posterior, target=TARGET, backend="plotly")
    flat = plots.loss_over_size(posterior, target=TARGET)
    axis = drawn.layout.xaxis
    assert axis.type == "log"
    assert axis.range == pytest.approx(np.log10(flat.axes[0].get_xlim()))
    assert list(axis.ticktext) == [t.get_text() for t in flat.axes[0].get_xticklabels()]


def test_hostile_names_are_text_and_nothing_is_fetched(
    posterior: Posterior, tmp_path: Path
) -> None:
    tree = posterior.tree.map_over_datasets(renamed)
    hostile = replace(posterior, runs=renamed(posterior.runs), tree=tree)
    out = tmp_path / "picture.html"
    drawn: Any = plots.loss_over_weight(hostile.runs, backend="plotly")
    assert any("&lt;script&gt;" in note.text for note in drawn.layout.annotations)
    save(drawn, out)
    page = out.read_text()
    assert "<script>alert(1)" not in page
    assert 'src="http' not in page
    with pytest.raises(PlotError, match=r"ends in \.html"):
        save(drawn, tmp_path / "picture.png")


def test_what_plotly_cannot_do_is_said(runs: xr.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    backend: Any = "bokeh"
    with pytest.raises(PlotError, match="unknown backend 'bokeh'"):
        plots.training_grid(runs, backend=backend)
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(PlotError, match=r"bayescamel\[plotly\]"):
        plots.training_grid(runs, backend="plotly")
