"""Parts of the site that are made from the package, so that they cannot say anything else."""

import inspect
import sys
from pathlib import Path

from bayescamel import plots
from bayescamel.laws import LAWS
from bayescamel.laws.base import Law

GALLERY = Path(__file__).parent / "pages" / "gallery"


def on_page_markdown(markdown: str, **_: object) -> str:
    """Fill in the laws, the gallery and the changelog where a page asks for them."""
    if "{{ laws }}" in markdown:
        markdown = markdown.replace("{{ laws }}", "\n".join(map(card, LAWS.values())))
    if "{{ changelog }}" in markdown:
        written = (Path(__file__).parents[1] / "CHANGELOG.md").read_text()
        markdown = markdown.replace("{{ changelog }}", written)
    if "{{ gallery }}" in markdown:
        names = [name for name in plots.__all__ if (GALLERY / f"{name}.png").exists()]
        markdown = markdown.replace("{{ gallery }}", "\n".join(map(picture, names)))
    return markdown


def card(law: Law) -> str:
    """Name, equation, source and priors of a law, from its own module."""
    module = sys.modules[inspect.unwrap(law.terms).__module__]
    source = inspect.cleandoc(module.__doc__ or "")
    rows = [
        f"| `{p.name}` | {', '.join(p.dims) or 'one'} | {p.support} | {p.typical:.3g} "
        f"| {p.location_sd:.3g} | {p.spread:.3g} |"
        for p in law.parameters
    ]
    rows += [
        f"| `{c.name}` | validation | coefficient | {c.mean:.3g} | {c.location_sd:.3g} "
        f"| {c.spread:.3g} |"
        for c in law.coefficients
    ]
    return "\n".join(
        [
            f"## `{law.name}`\n",
            f"{law.title}\n",
            f"~~~text\n{source}\n~~~\n",
            "| parameter | by | support | typical | sd of the location | spread |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def picture(name: str) -> str:
    """A picture with what its function says of it."""
    words = inspect.cleandoc(getattr(plots, name).__doc__ or "").split("\n\n")[0]
    words = " ".join(words.split()).replace("`", "")
    title = name.replace("_", " ")
    return f"## {title}\n\n`bc.plots.{name}`: {words}\n\n![{words}](gallery/{name}.png)\n"
