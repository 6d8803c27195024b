"""Documents to tokens on disk: near-duplicates out, split by document, nothing in common.

Validation text is taken first. Training documents that are nearly one of it are dropped, and
stretches of `duplicates.MATCH` bytes or more that stand in it, in whichever domain, are cut out of
the others (as Lee et al. 2022, arXiv:2107.06499, cut out what is repeated).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bayescamel.exceptions import BayesCamelError
from proxies.text.duplicates import Leakage, Matches, Seen
from proxies.text.readers import Document
from proxies.text.tokenisers import Tokeniser

Bytes = npt.NDArray[np.uint8]
SHORTEST_DOCUMENT = 64
LONGEST_DOCUMENT = 32_000
MOST_CUT = 0.5
"""Share of a training document's bytes from which cutting leaves nothing worth reading."""


class CorpusError(BayesCamelError):
    """A corpus is missing, unreadable or too small."""


@dataclass(frozen=True)
class Limits:
    """How much of every domain is kept, in bytes, and the seed of the split."""

    train_bytes: int = 50_000_000
    validation_bytes: int = 1_000_000
    validation_share: float = 0.06
    seed: int = 0


@dataclass
class Kept:
    """What became of the documents of one side of a domain."""

    cap: int
    n_documents: int = 0
    n_bytes: int = 0
    n_tokens: int = 0
    near_duplicates: int = 0
    cut_bytes: int = 0

    @property
    def full(self) -> bool:
        """Whether the cap is reached."""
        return self.n_bytes >= self.cap

    def take(self, text: Bytes) -> Bytes:
        """Count a document, as far as the cap allows, and give back that much of it."""
        kept = text[: self.cap - self.n_bytes]
        self.n_documents += 1
        self.n_bytes += kept.size
        return kept


def pieces(text: str) -> Iterator[Bytes]:
    """A document in UTF-8, cut at line ends into pieces of at most ``LONGEST_DOCUMENT`` bytes."""
    raw = text.encode("utf-8", "ignore")
    while len(raw) > LONGEST_DOCUMENT:
        end = raw.rfind(b"\n", LONGEST_DOCUMENT // 2, LONGEST_DOCUMENT) + 1
        if not end:
            end = LONGEST_DOCUMENT
            while raw[end] & 0xC0 == 0x80:  # within a character
                end -= 1
        yield np.frombuffer(raw[:end], np.uint8)
        raw = raw[end:]
    yield np.frombuffer(raw, np.uint8)


def is_held_out(label: str, limits: Limits) -> bool:
    """Whether documents of a label are validation text; the same in every domain."""
    digest = hashlib.sha256(f"{limits.seed}:split:{label}".encode()).digest()
    return int.from_bytes(digest[:4]) < limits.validation_share * 2**32


def held_out_texts(
    documents: Iterable[Document], limits: Limits, seen: Seen, kept: Kept
) -> Iterator[Bytes]:
    """Validation text of a domain."""
    for label, text in documents:
        if kept.full:
            return
        if is_held_out(label, limits):
            for piece in pieces(text):
                if piece.size < SHORTEST_DOCUMENT or kept.full:
                    continue
                if seen.keeps(piece):
                    yield kept.take(piece)
                else:
                    kept.near_duplicates += 1


def training_texts(
    documents: Iterable[Document], limits: Limits, seen: Seen, kept: Kept, known: Matches
) -> Iterator[Bytes]:
    """Training text of a domain, without what validation text has (``known``)."""
    for label, text in documents:
        if kept.full:
            return
        if is_held_out(label, limits):
            continue
        for piece in pieces(text):
            if piece.size < SHORTEST_DOCUMENT or kept.full:
                continue
            if not seen.keeps(piece):
                kept.near_duplicates += 1
                continue
            common = known.covered(piece)
            n_common = int(common.sum())
            kept.cut_bytes += n_common
            rest = piece[~common] if n_common else piece
            if n_common <= MOST_CUT * piece.size and rest.size >= SHORTEST_DOCUMENT:
                yield kept.take(rest)


def write_tokens(texts: Iterable[Bytes], tokeniser: Tokeniser, path: Path, kept: Kept) -> None:
    """Write the tokens of documents one after another, each ended by the separator."""
    with path.open("wb") as file:
        for text in texts:
            tokens = tokeniser.encode(text.tobytes())
            ended = np.append(tokens, np.array(tokeniser.separator, tokens.dtype))
            ended.tofile(file)
            kept.n_tokens += ended.size


def write_domains(
    documents: Mapping[str, Callable[[], Iterable[Document]]],
    folder: Path,
    limits: Limits,
    tokeniser: Tokeniser,
) -> dict[str, dict[str, Any]]:
    """Write ``<domain>.<side>.bin`` for every domain; returns what is known of each.

    Parameters
    ----------
    documents
        By domain, what yields its documents; it is called twice.

    Raises
    ------
    CorpusError
        When either side of a domain stays empty.
    """
    seen = Seen()
    held_out: dict[str, list[Bytes]] = {}
    validation = {name: Kept(limits.validation_bytes) for name in documents}
    train = {name: Kept(limits.train_bytes) for name in documents}
    for name, read in documents.items():
        held_out[name] = list(held_out_texts(read(), limits, seen, validation[name]))
        _refuse_empty(name, "validation", validation[name])
        path = folder / f"{name}.validation.bin"
        write_tokens(held_out[name], tokeniser, path, validation[name])
    known = Matches.of([text for texts in held_out.values() for text in texts])
    entries: dict[str, dict[str, Any]] = {}
    for name, read in documents.items():
        leakage = Leakage(held_out[name])
        texts = training_texts(read(), limits, seen, train[name], known)
        write_tokens(
            map(leakage.watch, texts), tokeniser, folder / f"{name}.train.bin", train[name]
        )
        _refuse_empty(name, "training", train[name])
        sides = (train[name], validation[name])
        entries[name] = {
            "documents": [side.n_documents for side in sides],
            "bytes": [side.n_bytes for side in sides],
            "tokens": [side.n_tokens for side in sides],
            "near_duplicates": [side.near_duplicates for side in sides],
            "cut_bytes": train[name].cut_bytes,
            "leakage": leakage.share,
        }
    return entries


def _refuse_empty(name: str, which: str, kept: Kept) -> None:
    if not kept.n_documents:
        raise CorpusError(
            f"domain {name!r} has no {which} documents: give it more, or more separate, documents "
            f"of at least {SHORTEST_DOCUMENT} bytes"
        )
