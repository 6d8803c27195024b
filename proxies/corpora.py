"""Training and validation text of every domain as tokens, mapped from disk."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from proxies.files import write_atomically
from proxies.text import own, recipe
from proxies.text.build import CorpusError, Limits, write_domains
from proxies.text.readers import Document
from proxies.text.tokenisers import ByteTokeniser, Tokeniser, Tokens

MANIFEST = "manifest.json"
SIDES = ("train", "validation")
EVERYTHING = 2**62


@dataclass(frozen=True)
class Domain:
    """Tokens of one training domain; ``n_documents`` counts train and validation."""

    train: Tokens
    validation: Tokens
    n_documents: tuple[int, int] = (1, 1)
    bytes_per_token: float = 1.0

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over all tokens in order."""
        digest = hashlib.sha256(str(self.train.size).encode())
        digest.update(np.ascontiguousarray(self.train))
        digest.update(np.ascontiguousarray(self.validation))
        return digest.hexdigest()


@dataclass(frozen=True)
class Corpora:
    """The domains by name; names are the ``w_*`` and ``loss_*`` suffixes of the run table.

    Parameters
    ----------
    separator, vocabulary
        The token that ends a document, and how many values a token has.
    folder
        Where they were saved, if they were.
    """

    domains: Mapping[str, Domain]
    separator: int = ByteTokeniser.separator
    vocabulary: int = ByteTokeniser.vocabulary
    folder: Path | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names in the order of the table."""
        return tuple(self.domains)

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over the names and fingerprints of the domains."""
        parts = sorted(f"{name}:{domain.fingerprint}" for name, domain in self.domains.items())
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def default_cache() -> Path:
    """The user's cache folder, outside any repository."""
    return Path(platformdirs.user_cache_dir("bayescamel"))


def build(
    documents: Mapping[str, Callable[[], Iterable[Document]]],
    cache: Path,
    limits: Limits | None = None,
    tokeniser: Tokeniser | None = None,
    made_by: str | None = None,
) -> Path:
    """Build corpora and keep them as ``cache/corpora/<fingerprint>``; returns that folder.

    The same documents give the same fingerprint everywhere; a folder that is there stays. With
    ``made_by``, which says how they are made, corpora that were made so are found without reading.
    """
    limits, tokeniser = limits or Limits(), tokeniser or ByteTokeniser()
    shelf = cache / "corpora"
    shelf.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=shelf, prefix=".draft-"))
    draft.chmod(0o755)
    try:
        entries = write_domains(documents, draft, limits, tokeniser)
        manifest = {
            "limits": asdict(limits),
            "tokeniser": tokeniser.name,
            "vocabulary": tokeniser.vocabulary,
            "separator": tokeniser.separator,
            "dtype": tokeniser.encode(b"a").dtype.name,
            "domains": entries,
            **({} if made_by is None else {"made_by": made_by}),
        }
        found = _read(draft, manifest)
        for name, domain in found.domains.items():
            entries[name]["fingerprint"] = domain.fingerprint
        write_atomically(
            draft / MANIFEST, lambda file: file.write(json.dumps(manifest, indent=1).encode())
        )
        target = shelf / found.fingerprint[:16]
        if not (target / MANIFEST).exists():
            draft.rename(target)
        elif made_by is not None:
            (draft / MANIFEST).replace(target / MANIFEST)
        return target
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def build_builtin(cache: Path, limits: Limits | None = None) -> Path:
    """The five domains of the bundled runs, see `proxies.text.recipe`; minutes, once."""
    made_by = _recipe(limits or Limits())
    for known in (cache / "corpora").glob(f"[!.]*/{MANIFEST}"):  # no drafts
        if manifest(known.parent).get("made_by") == made_by:
            return known.parent

    def read(name: str) -> Callable[[], list[Document]]:
        # Reading takes minutes and is asked for twice; the text itself is some 300 MB.
        return lru_cache(lambda: list(recipe.documents(name, cache / "packages")))

    documents = {name: read(name) for name in recipe.DOMAINS}
    return build(documents, cache, limits, made_by=made_by)


def _recipe(limits: Limits) -> str:
    """sha256 of all that decides what `build_builtin` makes: pins, readers, limits."""
    sources = sorted(Path(recipe.__file__).parent.iterdir())
    texts = [p.read_text(encoding="utf-8") for p in sources if p.suffix in (".py", ".tsv")]
    parts = [json.dumps(asdict(limits)), *texts]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def build_user(
    root: Path, cache: Path, limits: Limits | None = None, tokeniser: Tokeniser | None = None
) -> Path:
    """A user's own corpora, see `proxies.text.own`; without limits all of the text is kept."""
    limits = limits or Limits(train_bytes=EVERYTHING)
    return build(own.domains(root), cache, limits, tokeniser)


def load(folder: Path) -> Corpora:
    """Open corpora that `build` kept; the tokens are mapped, not read.

    Raises
    ------
    CorpusError
        When the folder holds none, or its files are not as long as they were.
    """
    path = folder / MANIFEST
    if not path.exists():
        raise CorpusError(f"no saved corpora at {folder}: build them again")
    return _read(folder, json.loads(path.read_text(encoding="utf-8")))


def verify(folder: Path) -> None:
    """Compare the content of corpora with their fingerprints.

    Raises
    ------
    CorpusError
        When a domain was changed.
    """
    entries = manifest(folder)["domains"]
    for name, domain in load(folder).domains.items():
        if Domain(domain.train, domain.validation).fingerprint != entries[name]["fingerprint"]:
            raise CorpusError(f"saved corpus {name!r} in {folder} was changed: delete the folder")


def manifest(folder: Path) -> dict[str, Any]:
    """What is known of saved corpora: sizes, duplicates, leakage, fingerprints."""
    found: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return found


def _read(folder: Path, known: dict[str, Any]) -> Corpora:
    domains = {}
    for name, entry in known["domains"].items():
        sides = []
        for side, n_tokens in zip(SIDES, entry["tokens"], strict=True):
            path = folder / f"{name}.{side}.bin"
            size = path.stat().st_size if path.exists() else 0
            if size != n_tokens * np.dtype(known["dtype"]).itemsize:
                raise CorpusError(
                    f"saved corpus {name!r} in {folder} was changed: delete the folder"
                )
            sides.append(np.memmap(path, known["dtype"], "r"))
        n_documents = (int(entry["documents"][0]), int(entry["documents"][1]))
        # As tokeniser bytes give 1 but for the separators, which count as a byte each.
        n_bytes = sum(entry["bytes"]) + sum(n_documents)
        domain = Domain(sides[0], sides[1], n_documents, n_bytes / sum(entry["tokens"]))
        if "fingerprint" in entry:  # kept, so that a run need not read all the text
            domain.__dict__["fingerprint"] = entry["fingerprint"]
        domains[name] = domain
    return Corpora(domains, known["separator"], known["vocabulary"], folder)
