"""A user's own corpora: text, JSONL, Parquet, or a data set that the library ``datasets`` saved."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from proxies.text.build import CorpusError
from proxies.text.readers import Document, decode

FIELD = "text"
SAVED_DATASET = "state.json"
"""What `datasets` writes beside the Arrow files of a data set."""


def text_documents(path: Path, label: str) -> Iterator[Document]:
    """A file of UTF-8 text; one in another encoding is left out."""
    text = decode(path.read_bytes())
    if text is not None:
        yield label, text


def jsonl_documents(path: Path, label: str) -> Iterator[Document]:
    """One document a line, in the field ``text``."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                text = json.loads(line)[FIELD]
            except (ValueError, KeyError, TypeError) as error:
                raise CorpusError(
                    f"{path.name} line {number}: expected a JSON object with a field {FIELD!r}"
                ) from error
            if not isinstance(text, str):
                raise CorpusError(f"{path.name} line {number}: the field {FIELD!r} is not a string")
            yield f"{label} line {number}", text


def parquet_documents(path: Path, label: str) -> Iterator[Document]:
    """One document a row, in the column ``text``."""
    from pyarrow import ArrowInvalid, parquet

    try:
        file = parquet.ParquetFile(path)
    except ArrowInvalid as error:
        raise CorpusError(f"{path.name} is no Parquet file: {error}") from error
    _check_columns(path, file.schema_arrow.names)
    first = 0
    for batch in file.iter_batches(columns=[FIELD]):
        yield from _rows(batch.column(0).to_pylist(), path, label, first)
        first += batch.num_rows


def arrow_documents(folder: Path, label: str) -> Iterator[Document]:
    """The rows of a data set that `datasets` saved (``save_to_disk``), in the column ``text``."""
    from pyarrow import ipc

    state = json.loads((folder / SAVED_DATASET).read_text(encoding="utf-8"))
    first = 0
    for entry in state["_data_files"]:
        path = folder / entry["filename"]
        with path.open("rb") as source, ipc.open_stream(source) as reader:
            _check_columns(path, reader.schema.names)
            for batch in reader:
                yield from _rows(batch.column(FIELD).to_pylist(), path, label, first)
                first += batch.num_rows


def _check_columns(path: Path, names: list[str]) -> None:
    if FIELD not in names:
        raise CorpusError(f"{path.name} has no column {FIELD!r}; there are: {', '.join(names)}")


def _rows(texts: list[object], path: Path, label: str, first: int) -> Iterator[Document]:
    for number, text in enumerate(texts, start=first):
        if not isinstance(text, str):
            raise CorpusError(f"{path.name} row {number}: the column {FIELD!r} is not a string")
        yield f"{label} row {number}", text


READERS: dict[str, Callable[[Path, str], Iterator[Document]]] = {
    ".jsonl": jsonl_documents,
    ".parquet": parquet_documents,
}


def folder_documents(folder: Path) -> Iterator[Document]:
    """Everything below a folder: saved data sets, JSONL, Parquet, and other files as text."""
    if (folder / SAVED_DATASET).exists():
        yield from arrow_documents(folder, "")
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            for label, text in folder_documents(path):
                yield f"{path.name}/{label}", text
        else:
            yield from READERS.get(path.suffix, text_documents)(path, path.name)


def domains(root: Path) -> dict[str, Callable[[], Iterator[Document]]]:
    """By domain what yields its documents: ``<domain>/``, ``<domain>.jsonl``, ``<domain>.parquet``.

    Raises
    ------
    CorpusError
        When the folder is missing, holds fewer than two domains, or one twice.
    """
    if not root.is_dir():
        raise CorpusError(f"no such folder of corpora: {root}")
    found: dict[str, Callable[[], Iterator[Document]]] = {}
    for entry in sorted(root.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            name, read = entry.name, partial(folder_documents, entry)
        elif entry.suffix in READERS:
            name, read = entry.stem, partial(READERS[entry.suffix], entry, "")
        else:
            continue
        if name in found:
            raise CorpusError(f"domain {name!r} is given twice below {root}")
        found[name] = read
    if len(found) < 2:
        raise CorpusError(
            f"{root} holds {len(found)} domain(s): a mixture needs at least two <domain> folders, "
            "<domain>.jsonl or <domain>.parquet files"
        )
    return found
