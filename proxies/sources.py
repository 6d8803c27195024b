"""Documents that installing the project already brings: code, headers, documentation.

Each source is an iterator of ``(label, text)``. Labels are relative to the folder searched, so
that nothing depends on where the machine keeps its packages; files come in an order given by a
hash of the label and the seed, so that a cap on size does not favour one package.
"""

from __future__ import annotations

import ast
import hashlib
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

PYTHON_SUFFIXES = (".py",)
CPP_SUFFIXES = (".h", ".hpp", ".cuh", ".hh")
PROSE_SUFFIXES = (".rst", ".md")
PROSE_NAMES = ("METADATA",)
# Texts repeated from package to package, or written by a generator rather than by people.
SKIPPED_PARTS = ("__pycache__", "licenses", "LICENSES", "ops")
SKIPPED_WORDS = ("license", "licence", "copying", "notice")


def seeded_hash(seed: int, label: str) -> str:
    """Hex digest that orders and splits documents; independent of the process and the platform."""
    return hashlib.sha256(f"{seed}:{label}".encode()).hexdigest()


def package_files(suffixes: tuple[str, ...], names: tuple[str, ...] = ()) -> list[tuple[str, Path]]:
    """Files of the standard library and of the installed packages, as (label, path)."""
    stdlib = Path(sysconfig.get_paths()["stdlib"])
    packages = {Path(sysconfig.get_paths()[key]) for key in ("purelib", "platlib")}
    found: dict[str, Path] = {}
    for prefix, root in (("stdlib", stdlib), *(("packages", p) for p in sorted(packages))):
        skipped = {*SKIPPED_PARTS, "site-packages"} if prefix == "stdlib" else {*SKIPPED_PARTS}
        for folder, below, files in root.walk():
            below[:] = [name for name in below if name not in skipped]
            for name in files:
                path = folder / name
                wanted = path.suffix in suffixes or name in names
                if wanted and not any(word in name.lower() for word in SKIPPED_WORDS):
                    found[f"{prefix}/{path.relative_to(root).as_posix()}"] = path
    return sorted(found.items())


def shuffled(files: list[tuple[str, Path]], seed: int) -> list[tuple[str, Path]]:
    """Files in the order of ``seeded_hash``."""
    return sorted(files, key=lambda item: seeded_hash(seed, item[0]))


def read_text(path: Path) -> str | None:
    """UTF-8 text, or None for a file in another encoding, which a corpus leaves out."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def docstring_nodes(source: str) -> list[ast.Expr] | None:
    """Docstrings of a module in order of appearance; None where it does not parse."""
    try:
        with warnings.catch_warnings():
            # Installed packages hold invalid escapes; the parser's warning is not about our code.
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return None
    found: list[ast.Expr] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = node.body[0] if node.body else None
        if (
            isinstance(first, ast.Expr)
            and isinstance(first.value, ast.Constant)
            and isinstance(first.value.value, str)
        ):
            found.append(first)
    return sorted(found, key=lambda node: node.lineno)


def without_docstrings(source: str) -> str | None:
    """The code alone: docstrings belong to the prose domain, so no text is in both."""
    nodes = docstring_nodes(source)
    if nodes is None:
        return None
    lines = source.splitlines(keepends=True)
    for node in reversed(nodes):
        del lines[node.lineno - 1 : node.end_lineno]
    return "".join(lines)


def docstrings(source: str, seen: set[str]) -> str | None:
    """The docstrings not met before (``seen`` is updated), one paragraph block each."""
    blocks = []
    for node in docstring_nodes(source) or []:
        assert isinstance(node.value, ast.Constant)
        text = "\n".join(line.strip() for line in str(node.value.value).strip().splitlines())
        digest = hashlib.sha256(text.encode("utf-8", "ignore")).hexdigest()
        if len(text) >= 80 and digest not in seen:
            seen.add(digest)
            blocks.append(text)
    return "\n\n".join(blocks) + "\n" if blocks else None


def python_documents(seed: int) -> Iterator[tuple[str, str]]:
    """Python source without its docstrings."""
    for label, path in shuffled(package_files(PYTHON_SUFFIXES), seed):
        source = read_text(path)
        code = without_docstrings(source) if source is not None else None
        if code is not None:
            yield label, code


def cpp_documents(seed: int) -> Iterator[tuple[str, str]]:
    """C and C++ headers; most of them come with PyTorch."""
    for label, path in shuffled(package_files(CPP_SUFFIXES), seed):
        source = read_text(path)
        if source is not None:
            yield label, source


def topic_documents() -> Iterator[tuple[str, str]]:
    """The language reference that ``help()`` shows."""
    from pydoc_data import topics

    for name, text in sorted(topics.topics.items()):
        yield f"topics/{name}", text


def description(metadata: str) -> str:
    """The long description of a package's METADATA, without the header fields."""
    return metadata.partition("\n\n")[2]


def prose_documents(seed: int) -> Iterator[tuple[str, str]]:
    """English documentation: the language reference, READMEs and docstrings."""
    yield from topic_documents()
    seen: set[str] = set()
    files = package_files((*PYTHON_SUFFIXES, *PROSE_SUFFIXES), PROSE_NAMES)
    for label, path in shuffled(files, seed):
        source = read_text(path)
        if source is None:
            continue
        if path.suffix in PYTHON_SUFFIXES:
            text = docstrings(source, seen)
            if text is not None:
                yield label, text
        else:
            yield label, description(source) if path.name in PROSE_NAMES else source
