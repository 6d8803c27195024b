"""What a notebook shows of a value: a few lines and a small table, as text in its own colours."""

from collections.abc import Iterable, Sequence
from html import escape

from bayescamel.input import shown

MAX_ROWS = 20
"""Rows of a table; how many more there are is said."""

WARNING = "border-left:4px solid #d55e00;padding-left:.6em;margin:.2em 0"


def as_html(
    title: str,
    lines: Iterable[str] = (),
    warnings: Iterable[str] = (),
    header: Sequence[str] = (),
    rows: Sequence[Sequence[object]] = (),
) -> str:
    """A fragment of HTML: no colours but an orange bar, so that it is read on light and dark.

    Parameters
    ----------
    warnings
        Marked, before the other lines.
    header, rows
        Of the table; the first column names the rows.
    """
    parts = [f"<b>{escape(title)}</b>"]
    parts += [f'<div style="{WARNING}">{escape(text)}</div>' for text in warnings]
    parts += [f"<div>{escape(text)}</div>" for text in lines]
    if rows:
        head = "".join(f"<th>{escape(shown(name))}</th>" for name in header)
        body = "".join(f"<tr>{_cells(row)}</tr>" for row in rows[:MAX_ROWS])
        parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
        if len(rows) > MAX_ROWS:
            parts.append(f"<div>and {len(rows) - MAX_ROWS} more</div>")
    return f"<div>{''.join(parts)}</div>"


def _cells(row: Sequence[object]) -> str:
    first, *others = (escape(shown(cell)) for cell in row)
    return f'<th style="text-align:left">{first}</th>' + "".join(f"<td>{c}</td>" for c in others)
