"""What every picture has in common: looks, names, axes, files."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from bayescamel import plots
from bayescamel.exceptions import ConvergenceWarning, PlotError, StorageError
from bayescamel.plots.axes import crop, panels, plain_log
from bayescamel.plots.files import as_svg, save
from bayescamel.plots.style import COLOURS, chosen, look, named, styled
from bayescamel.runs.sizes import count


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2."""
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def test_lines_are_told_apart_without_colour() -> None:
    looks = [look(i) for i in range(len(COLOURS))]
    for one in ("color", "linestyle", "marker"):
        assert len({str(getattr(style, one)) for style in looks}) == len(COLOURS)
    # Against white paper: 2:1 is seen, though not read, which the marks are for.
    assert max(luminance(colour) for colour in COLOURS) < 1.05 / 2 - 0.05


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("web", "web"),
        ("$x_{", r"\$x_{"),
        ("_hidden", " _hidden"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("日本", "□□"),
        ("x" * 50, "x" * 21 + "…"),
    ],
)
def test_a_name_is_shown_as_text_and_cut(name: str, shown: str) -> None:
    assert named(name) == shown


@pytest.mark.parametrize(
    ("value", "words"),
    [(16_000, "16k"), (1.3e6, "1.3M"), (7e9, "7B"), (2e12, "2T"), (6e21, "6e+21")],
)
def test_counts_read_well(value: float, words: str) -> None:
    assert count(value) == words


def test_what_many_predictions_warn_of_is_said_once() -> None:
    @styled
    def picture() -> int:
        for _ in range(3):
            warnings.warn("the draws did not converge", ConvergenceWarning, stacklevel=1)
        warnings.warn("far out", ConvergenceWarning, stacklevel=1)
        return 7

    with pytest.warns(ConvergenceWarning) as found:
        assert picture() == 7
    assert [str(one.message) for one in found] == ["the draws did not converge", "far out"]


def test_axes_that_are_given_are_drawn_in_and_must_suffice(runs: xr.Dataset) -> None:
    figure = Figure()
    axis = figure.subplots()
    assert plots.training_grid(runs, ax=axis) is figure
    assert axis.collections
    with pytest.raises(PlotError, match="3 panels and 1 axes"):
        plots.loss_over_weight(runs, axes=axis)
    with pytest.raises(PlotError, match="nothing to draw"):
        panels(0)


def test_an_unknown_panel_is_named(runs: xr.Dataset) -> None:
    with pytest.raises(PlotError, match="unknown validation domain 'c'; there are: code"):
        chosen(runs["validation"].to_numpy(), ["c"], "validation domain")


def test_what_lies_beyond_a_cropped_axis_is_counted() -> None:
    _, (axis,) = panels(1)
    losses = np.concatenate([np.linspace(2, 3, 50), [9.0, np.nan]])
    crop(axis, np.array([1.9, 3.1]), losses)
    low, high = axis.get_ylim()
    assert low < 1.9 < 3.1 < high < 9.0
    assert [text.get_text() for text in axis.texts] == ["beyond: 1"]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (1.0, 2.0, ["1", "1.2", "1.4", "1.6", "1.8", "2"]),
        (1.0, 8.0, ["1", "1.5", "2", "3", "5"]),
        (0.2, 9.0, ["0.3", "1", "3"]),
        (2e-4, 0.5, ["0.001", "0.01", "0.1"]),
    ],
)
def test_a_logarithmic_axis_has_a_few_plain_ticks(
    low: float, high: float, ticks: list[str]
) -> None:
    figure, (axis,) = panels(1)
    axis.set(yscale="log", ylim=(low, high))
    plain_log(axis)
    figure.draw_without_rendering()
    places = zip(axis.get_yticks(), axis.get_yticklabels(), strict=True)
    assert [label.get_text() for y, label in places if low <= y <= high] == ticks


def test_a_picture_is_written_whole_and_the_same_twice(runs: xr.Dataset, tmp_path: Path) -> None:
    for kind in ("png", "svg", "pdf", "html"):
        written = []
        for name in ("one", "two"):
            path = tmp_path / f"{name}.{kind}"
            save(plots.training_grid(runs), path)
            written.append(path.read_bytes())
        assert written[0] == written[1]
    page = (tmp_path / "one.html").read_text()
    assert page.count("http") == page.count("http://www.w3.org/")  # names of XML, never fetched
    with pytest.raises(PlotError, match=r"one.gif: a picture ends in .png"):
        save(plots.training_grid(runs), tmp_path / "one.gif")
    with pytest.raises(StorageError):
        save(plots.training_grid(runs), tmp_path / "missing" / "one.png")


def test_a_notebook_shows_a_figure_by_itself(runs: xr.Dataset) -> None:
    figure: Any = plots.training_grid(runs)
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_letters_of_a_page_are_shapes_in_the_colour_of_its_text(runs: xr.Dataset) -> None:
    svg = as_svg(plots.training_grid(runs))
    assert "<text" not in svg
    assert "currentColor" in svg
