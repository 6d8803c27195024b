"""What a page is made of: sections of texts, tables and pictures, rendered by one template."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bayescamel.input import shown
from bayescamel.plots.files import as_svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_ROWS = 200
"""Rows of a table; what is left out is said and is in the data."""


@dataclass(frozen=True)
class Text:
    """A paragraph, a caveat, or code."""

    text: str
    kind: Literal["text", "caveat", "code"] = "text"


@dataclass(frozen=True)
class Table:
    """A table whose first column names the rows."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    kind: str = "table"


@dataclass(frozen=True)
class Picture:
    """A picture; what it shows in words."""

    svg: object
    caption: str
    kind: str = "picture"


@dataclass(frozen=True)
class Download:
    """A file within the page."""

    name: str
    content: str
    text: str
    kind: str = "download"


type Block = Text | Table | Picture | Download


@dataclass(frozen=True)
class Section:
    """A section of the page."""

    anchor: str
    title: str
    blocks: Sequence[Block]


def picture(figure: "Figure", caption: str) -> Picture:
    """A figure as a block; `as_svg` holds no text of the reader's but in its escaped label."""
    from markupsafe import Markup

    return Picture(Markup(as_svg(figure, caption)), caption)


def table(caption: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table of names, cut, and of numbers that are written already."""
    kept = [[shown(cell, 200) for cell in row] for row in rows]
    more = f" (the first {MAX_ROWS} of {len(kept)})" if len(kept) > MAX_ROWS else ""
    return Table(caption + more, [shown(name) for name in header], kept[:MAX_ROWS])


def download(name: str, content: str, text: str) -> Download:
    """A CSV file within the page."""
    return Download(name, base64.b64encode(content.encode()).decode(), text)


def sentence(note: str) -> str:
    """A note of a decision as a sentence."""
    return shown(note[:1].upper() + note[1:] + ".", 1000)


def render(title: str, lead: str, sections: Sequence[Section], footer: str) -> str:
    """The page: whatever comes from runs is text there, never markup."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("bayescamel.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("page.html.j2")
    return page.render(title=title, lead=lead, sections=sections, footer=footer)
