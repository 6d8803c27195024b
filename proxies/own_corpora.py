"""A user's own corpora: a folder or a JSONL file per training domain."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from proxies import sources
from proxies.corpora import Corpora, CorpusError, Limits, build_domain


def folder_documents(folder: Path) -> Iterator[tuple[str, str]]:
    """Every UTF-8 file below a folder."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        text = sources.read_text(path)
        if text is not None:
            yield path.relative_to(folder).as_posix(), text


def jsonl_documents(path: Path) -> Iterator[tuple[str, str]]:
    """One document a line, in the field ``text``."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                text = json.loads(line)["text"]
            except (ValueError, KeyError, TypeError) as error:
                raise CorpusError(
                    f"{path.name} line {number}: expected a JSON object with a field 'text'"
                ) from error
            if not isinstance(text, str):
                raise CorpusError(f"{path.name} line {number}: the field 'text' is not a string")
            yield f"line {number}", text


def build_user(root: Path, limits: Limits | None = None) -> Corpora:
    """A user's own corpora: ``root/<domain>/`` folders or ``root/<domain>.jsonl`` files.

    Raises
    ------
    CorpusError
        When the folder is missing, holds fewer than two domains, or a line cannot be read.
    """
    limits = limits or Limits()
    if not root.is_dir():
        raise CorpusError(f"no such folder of corpora: {root}")
    documents: dict[str, list[tuple[str, str]]] = {}
    for entry in sorted(root.iterdir()):
        if entry.is_dir() and not entry.name.startswith("."):
            name, found = entry.name, folder_documents(entry)
        elif entry.suffix == ".jsonl":
            name, found = entry.stem, jsonl_documents(entry)
        else:
            continue
        if name in documents:
            raise CorpusError(f"domain {name!r} is given twice, as a folder and as JSONL")
        documents[name] = sorted(
            found, key=lambda item: sources.seeded_hash(limits.seed, f"{item[0]}:{item[1]}")
        )
    if len(documents) < 2:
        raise CorpusError(
            f"{root} holds {len(documents)} domain(s): a mixture needs at least two "
            "<domain> folders or <domain>.jsonl files"
        )
    return Corpora({name: build_domain(name, docs, limits) for name, docs in documents.items()})
