"""Training and validation text of every domain as byte tokens.

Documents are deduplicated by content, split by document (never within one) and capped in bytes.
A byte 0 ends every document, so the vocabulary is the 256 byte values.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import platformdirs

from bayescamel.exceptions import BayesCamelError
from proxies import mathematics, sources

Tokens = npt.NDArray[np.uint8]
VOCABULARY = 256
SEPARATOR = 0
SHORTEST_DOCUMENT = 64
LONGEST_DOCUMENT = 100_000
MANIFEST = "manifest.json"


class CorpusError(BayesCamelError):
    """A corpus is missing, unreadable or too small."""


@dataclass(frozen=True)
class Limits:
    """How much of every domain is kept, in bytes, and the seed of order and split."""

    train_bytes: int = 20_000_000
    validation_bytes: int = 1_000_000
    validation_share: float = 0.06
    seed: int = 0


@dataclass(frozen=True)
class Domain:
    """Byte tokens of one training domain; ``n_documents`` counts train and validation."""

    train: Tokens
    validation: Tokens
    n_documents: tuple[int, int]

    @property
    def fingerprint(self) -> str:
        """sha256 over all tokens in order."""
        digest = hashlib.sha256(str(self.train.size).encode())
        digest.update(self.train.tobytes())
        digest.update(self.validation.tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Corpora:
    """The domains by name; names are the ``w_*`` and ``loss_*`` suffixes of the run table."""

    domains: Mapping[str, Domain]

    @property
    def names(self) -> tuple[str, ...]:
        """Names in the order of the table."""
        return tuple(self.domains)

    @property
    def fingerprint(self) -> str:
        """sha256 over the names and fingerprints of the domains."""
        parts = sorted(f"{name}:{domain.fingerprint}" for name, domain in self.domains.items())
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def tokenise(text: str) -> bytes:
    """UTF-8 bytes of at most ``LONGEST_DOCUMENT`` bytes, ended by the separator."""
    raw = text.encode("utf-8", "ignore").replace(b"\0", b"")
    return raw[:LONGEST_DOCUMENT] + bytes([SEPARATOR])


def build_domain(name: str, documents: Iterable[tuple[str, str]], limits: Limits) -> Domain:
    """Deduplicate, split and cap one domain's documents.

    Parameters
    ----------
    documents
        (label, text) pairs; the label decides the side of the split, so that two documents with
        one label, even in two domains, land on the same side.

    Raises
    ------
    CorpusError
        When either side of the split stays empty.
    """
    parts: dict[bool, list[bytes]] = {False: [], True: []}
    sizes = {False: 0, True: 0}
    caps = {False: limits.train_bytes, True: limits.validation_bytes}
    seen: set[bytes] = set()
    threshold = int(limits.validation_share * 2**32)
    for label, text in documents:
        held_out = int(sources.seeded_hash(limits.seed, f"split:{label}")[:8], 16) < threshold
        if sizes[held_out] >= caps[held_out]:
            if sizes[not held_out] >= caps[not held_out]:
                break
            continue
        tokens = tokenise(text)
        digest = hashlib.sha256(tokens).digest()
        if len(tokens) < SHORTEST_DOCUMENT or digest in seen:
            continue
        seen.add(digest)
        tokens = tokens[: caps[held_out] - sizes[held_out]]
        parts[held_out].append(tokens)
        sizes[held_out] += len(tokens)
    for held_out, side in ((False, "training"), (True, "validation")):
        if not parts[held_out]:
            raise CorpusError(
                f"domain {name!r} has no {side} documents: give it more, or more separate, "
                f"documents of at least {SHORTEST_DOCUMENT} bytes"
            )
    train, validation = (np.frombuffer(b"".join(parts[side]), np.uint8) for side in (False, True))
    return Domain(train, validation, (len(parts[False]), len(parts[True])))


def build_builtin(limits: Limits | None = None) -> Corpora:
    """The four domains that installing the project brings: python, cpp, prose, math."""
    limits = limits or Limits()
    documents: dict[str, Iterator[tuple[str, str]]] = {
        "python": sources.python_documents(limits.seed),
        "cpp": sources.cpp_documents(limits.seed),
        "prose": sources.prose_documents(limits.seed),
        "math": mathematics.pages(limits.seed),
    }
    return Corpora({name: build_domain(name, docs, limits) for name, docs in documents.items()})


def default_cache() -> Path:
    """The user's cache folder, outside any repository."""
    return Path(platformdirs.user_cache_dir("bayescamel")) / "corpora"


def save(corpora: Corpora, cache: Path) -> Path:
    """Write the tokens to ``cache/<fingerprint>``; an existing folder is left as it is."""
    target = cache / corpora.fingerprint[:16]
    if (target / MANIFEST).exists():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=cache, prefix=".draft-"))
    manifest = {}
    for name, domain in corpora.domains.items():
        np.save(draft / f"{name}.train.npy", domain.train)
        np.save(draft / f"{name}.validation.npy", domain.validation)
        manifest[name] = {
            "documents": domain.n_documents,
            "train_bytes": int(domain.train.size),
            "validation_bytes": int(domain.validation.size),
            "fingerprint": domain.fingerprint,
        }
    (draft / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    os.replace(draft, target)
    return target


def load(folder: Path) -> Corpora:
    """Read corpora that ``save`` wrote; the tokens are mapped, not copied.

    Raises
    ------
    CorpusError
        When the folder is no saved corpus or its content does not match its fingerprint.
    """
    path = folder / MANIFEST
    if not path.exists():
        raise CorpusError(f"no saved corpora at {folder}: build them again without --corpora")
    domains = {}
    for name, entry in json.loads(path.read_text(encoding="utf-8")).items():
        train, validation = (
            np.load(folder / f"{name}.{side}.npy", mmap_mode="r")
            for side in ("train", "validation")
        )
        documents = entry["documents"]
        domains[name] = Domain(train, validation, (documents[0], documents[1]))
        if domains[name].fingerprint != entry["fingerprint"]:
            raise CorpusError(f"saved corpus {name!r} in {folder} was changed: delete the folder")
    return Corpora(domains)
