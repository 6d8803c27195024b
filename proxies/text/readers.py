"""From the files of a package to documents of plain text."""

from __future__ import annotations

import gzip
import html
import json
import re
from collections.abc import Callable, Iterator

Document = tuple[str, str]
"""Label and text; documents of one label stay on one side of the split."""
Reader = Callable[[str, bytes], Iterator[Document]]

HIDDEN = re.compile(r"<(script|style|head|nav|svg)\b.*?</\1\s*>|<!--.*?-->", re.DOTALL | re.I)
BREAK = re.compile(r"</?(?:p|div|br|li|tr|h\d|dt|dd|pre|table|section|blockquote)\b[^>]*>", re.I)
TAG = re.compile(r"<[^>]*>")
SPACES = re.compile(r"[ \t\xa0]+")
LICENCE = re.compile(r"copyright|licen[cs]e|all rights reserved|spdx-license|warrant", re.I)
COMMENT = re.compile(
    r"\A\s*(?:(?s:/\*.*?\*/|\{.*?\}|\(\*.*?\*\))"
    r"|(?:[ \t]*(?://|\#(?![ \t]*(?:if|include|define|undef|pragma))|--).*(?:\n|\Z))+)",
)
PROOF = re.compile(r"\$=.*?\$\.", re.DOTALL)
STATEMENT = re.compile(r"\$\(.*?\$\)\s*\S+\s+\$[ap].*?\$\.", re.DOTALL)
ROFF = re.compile(r"^[.']\\\".*\n?|^[.'][A-Za-z]{1,3}\b ?|\\f[A-Z]|\\&|\\(?=-)", re.MULTILINE)
WORDNET_SENSE = re.compile(r"^\d{8} \d\d [nvasr] ([0-9a-f]{2}) ([^|]*)\| (.*)$")


def decode(content: bytes) -> str | None:
    """UTF-8 text, or None for another encoding."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None


def plain(name: str, content: bytes) -> Iterator[Document]:
    """A text file as it is."""
    text = decode(gzip.decompress(content) if name.endswith(".gz") else content)
    if text is not None:
        yield name, text


def code(name: str, content: bytes) -> Iterator[Document]:
    """A source file without the comments at its head that speak of a licence."""
    for label, text in plain(name, content):
        while (head := COMMENT.match(text)) and LICENCE.search(head[0]):
            text = text[head.end() :]
        yield label, text.strip("\n") + "\n"


def page(name: str, content: bytes) -> Iterator[Document]:
    """The visible text of an HTML (or Mallard) page, one line a block."""
    text = decode(content)
    if text is None:
        return
    text = BREAK.sub("\n", HIDDEN.sub(" ", text))
    lines = (SPACES.sub(" ", line).strip() for line in html.unescape(TAG.sub("", text)).split("\n"))
    kept = (line for line in lines if line and not LICENCE.search(line))
    yield name, "\n".join(kept) + "\n"


def manual(name: str, content: bytes) -> Iterator[Document]:
    """A manual page without its formatting requests."""
    for label, text in plain(name, content):
        yield label, ROFF.sub("", text).strip() + "\n"


def poems(name: str, content: bytes) -> Iterator[Document]:
    """chinese-poetry's files: an array of poems with title, author and lines."""
    for number, poem in enumerate(json.loads(content)):
        if not isinstance(poem, dict):
            continue
        lines = poem.get("paragraphs") or poem.get("content") or poem.get("para") or ()
        if isinstance(lines, list) and all(isinstance(line, str) for line in lines) and lines:
            title = poem.get("title") or poem.get("rhythmic") or poem.get("chapter") or ""
            head = f"{title} {poem.get('author') or ''}".strip()
            yield f"{name}#{number}", "\n".join([head, *lines]).strip() + "\n"


def theorems(name: str, content: bytes) -> Iterator[Document]:
    """Metamath's statements with their comments; the proofs, lists of labels, are left out."""
    text = PROOF.sub("$.", content.decode("utf-8"))
    for number, match in enumerate(STATEMENT.finditer(text)):
        yield f"{name}#{number}", match[0] + "\n"


def dictionary(name: str, content: bytes) -> Iterator[Document]:
    """A DICT file: an entry starts at the left margin, its definition is indented."""
    text = gzip.decompress(content).decode("utf-8", "replace")
    for number, entry in enumerate(re.split(r"\n\n(?=\S)", text)):
        if not entry.startswith("00-database"):
            yield f"{name}#{number}", entry.strip() + "\n"


def senses(name: str, content: bytes) -> Iterator[Document]:
    """WordNet's data files: the words of a sense and its gloss."""
    for number, line in enumerate(content.decode("utf-8").splitlines()):
        match = WORDNET_SENSE.match(line)
        if match:
            fields = match[2].split(" ")[: 2 * int(match[1], 16) : 2]
            words = ", ".join(field.replace("_", " ") for field in fields)
            yield f"{name}#{number}", f"{words}: {match[3].strip()}\n"


def entries(name: str, content: bytes) -> Iterator[Document]:
    """iso-codes' JSON: one document an entry, a line a field."""
    for items in json.loads(content).values():
        for number, item in enumerate(items):
            yield f"{name}#{number}", "".join(f"{key}: {value}\n" for key, value in item.items())
