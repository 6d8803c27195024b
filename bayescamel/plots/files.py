"""Pictures as files, and as a part of a page."""

import re
from html import escape
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayescamel.exceptions import PlotError
from bayescamel.input import shown
from bayescamel.output import write_whole
from bayescamel.plots.style import INK, RESOLUTION, SETTINGS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf", "html")

HTML = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>bayescamel</title>'
    "<style>:root{{color-scheme:light dark}}svg{{max-width:100%;height:auto}}</style>{}</html>"
)


def check_name(path: Path) -> str:
    """The kind of picture that a file's name asks for.

    Raises
    ------
    PlotError
        When it is none of `FORMATS`.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise PlotError(f"{shown(path.name)}: a picture ends in .{', .'.join(FORMATS)}")
    return kind


def save(figure: "Figure | Any", path: Path) -> None:
    """Write a picture, as its name says: .png, .svg, .pdf, or .html with nothing else needed.

    A figure of plotly's is written as .html, with its program within.

    Raises
    ------
    PlotError
        When the name ends otherwise.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    kind = check_name(path)
    if not isinstance(figure, Figure):
        if kind != "html":
            raise PlotError(f"{shown(path.name)}: a picture of plotly's ends in .html")
        write_whole(path, figure.to_html(include_plotlyjs=True).encode())
        return
    if kind == "html":
        write_whole(path, HTML.format(as_svg(figure)).encode())
        return
    content = BytesIO()
    dateless = {"Date": None} if kind == "svg" else {"CreationDate": None} if kind == "pdf" else {}
    with rc_context(SETTINGS):
        figure.savefig(content, format=kind, dpi=RESOLUTION, metadata=dateless)
    write_whole(path, content.getvalue())


def as_svg(figure: "Figure", words: str = "Picture") -> str:
    """A picture as an SVG element for a page: no background, ink in the colour of the text.

    `words` are what a reader hears who does not see it.

    Letters are drawn as shapes, so that no name of the reader's is markup there.
    """
    from matplotlib import rc_context

    content = BytesIO()
    with rc_context(SETTINGS):
        figure.savefig(content, format="svg", transparent=True, metadata={"Date": None})
    text = content.getvalue().decode()
    text = re.sub(
        r"<!--.*?-->|<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.S
    )
    return text.replace(INK, "currentColor").replace(
        "<svg ", f'<svg role="img" aria-label="{escape(words)}" ', 1
    )
