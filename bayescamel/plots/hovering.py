"""Pictures that answer the mouse: what matplotlib drew, as a plotly figure.

Both backends show the same marks at the same places; plotly's can be zoomed into, and its points
say which run they are. It is the extra ``plotly``.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from bayescamel.exceptions import PlotError
from bayescamel.input import shown
from bayescamel.plots.style import MARKERS

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

type Backend = Literal["matplotlib", "plotly"]
"""What draws: "plotly" where a reader wants to hover."""

PIXELS = 110.0
"""An inch on the screen."""

BAR = 26
"""Pixels above the picture for plotly's buttons."""

HOVER = "bayescamel_hover"
"""Attribute of an artist: what its points say."""

SYMBOLS = dict(
    zip(
        MARKERS,
        ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x"),
        strict=True,
    )
)
DASHES = {"-": "solid", "--": "dash", "-.": "dashdot", ":": "dot"}


def tell(artist: "Artist", words: Iterable[object]) -> None:
    """Let each point of a scatter say something under the mouse; it is text, whatever it holds."""
    setattr(artist, HOVER, [escape(shown(word, 80)) for word in words])


def finished(figure: "Figure", backend: Backend) -> Any:
    """The figure as the backend has it.

    Raises
    ------
    PlotError
        When the backend is unknown, or plotly is not installed.
    """
    if backend == "matplotlib":
        return figure
    if backend != "plotly":
        raise PlotError(f"unknown backend {shown(backend)!r}; there are: matplotlib, plotly")
    try:
        from plotly.graph_objects import Figure as PlotlyFigure
    except ImportError as error:
        raise PlotError(
            "the backend plotly is an extra: pip install 'bayescamel[plotly]'"
        ) from error

    figure.draw_without_rendering()  # it is now known where everything lies
    width, height = PIXELS * figure.get_size_inches()
    made = PlotlyFigure(
        layout={
            "width": width,
            "height": height + BAR,
            "margin": {"l": 0, "r": 0, "t": BAR, "b": 0},
            "plot_bgcolor": "white",
            "font": {"size": 11, "family": "sans-serif"},
            "hovermode": "closest",
            "legend": {
                **{"orientation": "h", "x": 0.5, "xanchor": "center", "y": 0, "yanchor": "bottom"}
            },
        }
    )
    named: set[str] = set()
    for i, axis in enumerate((a for a in figure.axes if a.axison), start=1):
        box, number = axis.get_position(), "" if i == 1 else str(i)
        across = _scale(axis, "x", (box.x0, box.x1)) | {"anchor": f"y{number}"}
        up = _scale(axis, "y", (box.y0, box.y1)) | {"anchor": f"x{number}"}
        made.update_layout({f"xaxis{number}": across, f"yaxis{number}": up})
        for trace in _traces(axis):
            name = trace.setdefault("name", "")
            trace |= {"showlegend": bool(name) and name not in named, "legendgroup": name}
            named.add(name)
            made.add_trace(trace | {"xaxis": f"x{number}", "yaxis": f"y{number}"})
        for note in _notes(axis):
            made.add_annotation(note)
    return made


def _traces(axis: "Axes") -> Iterator[dict[str, Any]]:
    """Everything drawn in the axes, in data coordinates, the lowest first."""
    artists = [*axis.collections, *axis.lines, *axis.patches]
    for artist in sorted(artists, key=lambda one: one.get_zorder()):
        words = _words(artist.get_label())
        for trace in _trace(cast(Any, artist), axis):
            yield {"type": "scatter", "name": words, "hoverinfo": "name+x+y"} | trace


def _trace(artist: Any, axis: "Axes") -> Iterator[dict[str, Any]]:
    from matplotlib.collections import LineCollection, PathCollection
    from matplotlib.lines import Line2D

    if isinstance(artist, PathCollection):
        yield _points(artist)
        return
    to_data = artist.get_transform() - axis.transData
    if isinstance(artist, Line2D):
        x, y = to_data.transform(artist.get_xydata()).T
        marks = artist.get_marker() in SYMBOLS
        lines = artist.get_linestyle() in DASHES
        yield {
            "x": x,
            "y": y,
            "mode": "+".join(["lines"] * lines + ["markers"] * (marks or not lines)),
            "line": {
                "color": _colour(artist.get_color()),
                "width": PIXELS / 72 * artist.get_linewidth(),
                "dash": DASHES.get(str(artist.get_linestyle()), "solid"),
            },
            "marker": {
                "symbol": SYMBOLS.get(str(artist.get_marker()), "line-ns-open"),
                "size": PIXELS / 72 * artist.get_markersize(),
                "color": _colour(artist.get_color()),
            },
        }
        return
    filled = not isinstance(artist, LineCollection)
    paths = artist.get_paths() if hasattr(artist, "get_paths") else [artist.get_path()]
    colour = artist.get_facecolor() if filled else artist.get_color()
    for path in paths:
        for polygon in to_data.transform_path(path).to_polygons(closed_only=filled):
            x, y = polygon.T
            yield {
                "x": x,
                "y": y,
                "mode": "lines",
                "line": {"color": _colour(colour), "width": 0 if filled else 1},
                "hoverinfo": "skip" if artist.get_label().startswith("_") else "name",
            } | ({"fill": "toself", "fillcolor": _colour(colour)} if filled else {})


def _points(artist: Any) -> dict[str, Any]:
    """A scatter: its points with what they say."""
    from matplotlib.markers import MarkerStyle

    x, y = np.ma.getdata(artist.get_offsets()).T
    drawn = artist.get_paths()[0].vertices
    shapes = {
        mark: MarkerStyle(mark).get_path().transformed(MarkerStyle(mark).get_transform()).vertices
        for mark in SYMBOLS
    }
    symbol = next((SYMBOLS[m] for m, one in shapes.items() if np.array_equal(one, drawn)), "circle")
    faces, edges = artist.get_facecolor(), artist.get_edgecolor()
    areas = np.broadcast_to(artist.get_sizes(), len(x))  # plotly draws no more points than sizes
    is_open = len(faces) == 0
    trace: dict[str, Any] = {
        "x": x,
        "y": y,
        "mode": "markers",
        "marker": {
            "symbol": symbol + "-open" * is_open,
            "size": PIXELS / 72 * np.sqrt(areas),
            "color": _colour(edges if is_open else faces),
            "line": {"color": _colour(edges if len(edges) else faces), "width": 1},
        },
    }
    if (words := getattr(artist, HOVER, None)) is not None:
        trace |= {"text": words, "hoverinfo": "text+x+y+name"}
    return trace


def _scale(axis: "Axes", which: Literal["x", "y"], domain: tuple[float, float]) -> dict[str, Any]:
    """An axis of plotly's: limits, label, and the ticks where they were set by hand."""
    from matplotlib.ticker import FixedLocator

    scale = axis.xaxis if which == "x" else axis.yaxis
    low, high = scale.get_view_interval()
    logarithmic = scale.get_scale() == "log"
    ends = np.log10([low, high]) if logarithmic else [low, high]
    made: dict[str, Any] = {
        "domain": domain,
        "type": "log" if logarithmic else "linear",
        "range": list(ends),
        "title": {"text": _words(scale.get_label_text()), "standoff": 4},
        "linecolor": "black",
        "ticks": "outside",
        "ticklen": 3,
    }
    if logarithmic or isinstance(scale.get_major_locator(), FixedLocator):
        labels = scale.get_ticklabels()
        words = [_words(label.get_text()) for label in labels]
        made |= {"tickvals": list(scale.get_majorticklocs()), "ticktext": words}
        if labels:
            made["tickangle"] = -labels[0].get_rotation()
    return made


def _notes(axis: "Axes") -> Iterator[dict[str, Any]]:
    """Titles and words beside marks, where they lie on the page."""
    to_page = cast(Any, axis.get_figure(root=True)).transFigure.inverted()
    for text in (axis.title, *axis.texts):
        if words := _words(text.get_text()):
            box = to_page.transform_bbox(text.get_window_extent())
            x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
            yield {
                "text": words,
                "x": x,
                "y": y,
                "xref": "paper",
                "yref": "paper",
                "xanchor": "center",
                "yanchor": "middle",
                "showarrow": False,
                "font": {
                    "color": _colour(text.get_color()),
                    "size": PIXELS / 72 * float(text.get_fontsize()),
                },
            }


def _words(text: object) -> str:
    """A label of matplotlib's as text for plotly, which reads tags; private ones are none."""
    words = str(text)
    if words.startswith("_"):
        return ""
    return escape(words.strip().replace(r"\$", "$")).replace("\n", "<br>")


def _colour(colour: Any) -> str:
    from matplotlib.colors import to_rgba, to_rgba_array

    several = isinstance(colour, Sequence | np.ndarray) and np.ndim(colour) == 2
    red, green, blue, opacity = to_rgba_array(colour)[0] if several else to_rgba(colour)
    return f"rgba({255 * red:.0f},{255 * green:.0f},{255 * blue:.0f},{opacity:.3g})"
