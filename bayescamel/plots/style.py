"""How every picture looks: colours, marks, names and figures, in one place.

The colours are those of Okabe and Ito (2008), told apart by colour-blind readers; each goes with
a line style and a marker of its own, so that a print in grey can be read too.
"""

import functools
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from bayescamel.exceptions import PlotError
from bayescamel.input import shown

if TYPE_CHECKING:
    pass

RESOLUTION = 130
"""Dots an inch of a picture made of dots."""

INK, GREY, PALE = "#1a1a1a", "#7a7a7a", "#c9c9c9"
BLUE, ORANGE = "#0072b2", "#d55e00"
COLOURS = (BLUE, ORANGE, "#009e73", "#cc79a7", "#e69f00", "#56b4e9", INK)
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

MAX_PANELS = 12
"""Panels of a picture: more cannot be read on one page."""

MAX_NAME = 22
"""Characters of a name in a picture."""

INTERVAL90 = (0.05, 0.95)

SETTINGS: dict[Any, Any] = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.labelsize": 8,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9,
    "figure.facecolor": "white",
    "font.family": ["DejaVu Sans"],
    "font.size": 8,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "svg.hashsalt": "bayescamel",  # the same picture is the same file
    "text.color": INK,
    "xtick.color": INK,
    "xtick.labelsize": 7,
    "ytick.color": INK,
    "ytick.labelsize": 7,
}


class Look(NamedTuple):
    """What tells one line from the others."""

    color: str
    linestyle: Any
    marker: str


def styled[**P, R](picture: Callable[P, R]) -> Callable[P, R]:
    """Draw a picture in this style, whatever the reader's own settings are."""

    @functools.wraps(picture)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> R:
        from matplotlib import rc_context

        with rc_context(SETTINGS), said_once():
            return picture(*args, **kwargs)

    return drawn


@contextmanager
def said_once() -> Iterator[None]:
    """Let each warning be said once, of however many predictions a picture or page is made."""
    with warnings.catch_warnings(record=True) as found:
        yield
    for one in {str(warning.message): warning for warning in found}.values():
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


def look(i: int) -> Look:
    """The look of the i-th line; they begin again after seven."""
    n = len(COLOURS)
    return Look(COLOURS[i % n], LINES[i % n], MARKERS[i % n])


def named(name: object, most: int = MAX_NAME) -> str:
    """A name as it may stand in a picture: printable, cut, no formula, no missing glyph."""
    text = "".join(c if ord(c) in _glyphs() else "□" for c in shown(name, most))
    # A legend leaves out what begins with an underscore; a dollar sign begins a formula.
    return (" " + text if text.startswith("_") else text).replace("$", r"\$")


@cache
def _glyphs() -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())


def chosen(names: Iterable[object], wanted: Sequence[str] | None, what: str) -> list[str]:
    """The panels to draw: those that are wanted, else the first `MAX_PANELS`.

    Raises
    ------
    PlotError
        When an unknown one is wanted.
    """
    known = [str(name) for name in names]
    if wanted is None:
        return known[:MAX_PANELS]
    for name in wanted:
        if name not in known:
            there = ", ".join(shown(one) for one in known)
            raise PlotError(f"unknown {what} {shown(name)!r}; there are: {there}")
    return list(wanted)
