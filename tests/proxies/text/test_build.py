import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from proxies import corpora
from proxies.text import recipe
from proxies.text.build import LONGEST_DOCUMENT, CorpusError, Limits, is_held_out, pieces
from proxies.text.readers import Document
from proxies.text.tokenisers import ByteTokeniser
from tests.proxies.tiny import documents

WIDE = Limits(10**6, 10**6, 0.2)


def texts(tokens: np.ndarray) -> list[str]:
    return [part.decode() for part in tokens.tobytes().split(b"\0") if part]


def build(tmp_path: Path, limits: Limits = WIDE, **domains: list[Document]) -> corpora.Corpora:
    read: dict[str, Callable[[], list[Document]]] = {
        name: partial(list, pairs) for name, pairs in domains.items()
    }
    return corpora.load(corpora.build(read, tmp_path, limits))


def known(built: corpora.Corpora) -> dict[str, Any]:
    assert built.folder is not None
    entries: dict[str, Any] = corpora.manifest(built.folder)["domains"]
    return entries


def test_split_is_disjoint_whole_and_by_label(tmp_path: Path) -> None:
    pairs = documents(100)
    domain = build(tmp_path, a=pairs, b=documents(20, 1)).domains["a"]
    train, validation = texts(domain.train), texts(domain.validation)
    assert sorted(train + validation) == sorted(text for _, text in pairs)
    assert domain.n_documents == (len(train), len(validation))
    assert set(validation) == {text for label, text in pairs if is_held_out(label, WIDE)}
    # 100 draws of 0.2: 20 +- 4 standard deviations of 4.
    assert 4 <= len(validation) <= 36
    other = Limits(10**6, 10**6, 0.2, seed=1)
    assert texts(build(tmp_path, other, a=pairs, b=documents(20, 1)).domains["a"].train) != train


def test_copies_are_dropped_within_and_across_domains(tmp_path: Path) -> None:
    pairs = documents(60)
    near = [(f"copy {label}", text[:-2] + "!\n") for label, text in pairs]
    built = build(tmp_path, a=pairs + near, b=[*documents(60, 1), *near])
    assert sum(built.domains["a"].n_documents) == 60
    assert sum(built.domains["b"].n_documents) == 60
    entry = known(built)
    assert sum(entry["a"]["near_duplicates"]) == 60
    assert sum(entry["b"]["near_duplicates"]) == 60


def test_what_validation_has_is_cut_out_of_training_text(tmp_path: Path) -> None:
    pairs = documents(80)
    held_out = next(text for label, text in pairs if is_held_out(label, WIDE))
    quote = held_out[20:120]
    quoting = [("quoting" + "x" * i, f"{'before ' * 30}{quote}{' after' * 30}") for i in range(9)]
    quoting = [pair for pair in quoting if not is_held_out(pair[0], WIDE)][:1]
    built = build(tmp_path, a=pairs, b=[*documents(60, 1), *quoting])
    train = built.domains["b"].train.tobytes()
    assert quote.encode() not in train
    assert b"before before" in train
    assert known(built)["b"]["cut_bytes"] >= len(quote)
    for name, domain in built.domains.items():
        assert known(built)[name]["leakage"] == 0
        for text in texts(domain.validation):
            assert text.encode() not in train


def test_caps_hold_exactly_and_endless_documents_end(tmp_path: Path) -> None:
    def endless() -> Iterator[Document]:
        number = 0
        while True:
            yield from ((f"{number} {label}", text) for label, text in documents(50, number))
            number += 1

    limits = Limits(20_000, 4_000, 0.2)
    folder = corpora.build({"a": endless, "b": lambda: documents(300)}, tmp_path, limits)
    entry = corpora.manifest(folder)["domains"]["a"]
    assert entry["bytes"] == [20_000, 4_000]
    # A separator after every document.
    assert entry["tokens"] == [
        n + b for n, b in zip(entry["documents"], entry["bytes"], strict=True)
    ]


def test_same_documents_same_fingerprint_same_folder(tmp_path: Path) -> None:
    first = build(tmp_path / "one", a=documents(60), b=documents(60, 1))
    second = build(tmp_path / "two", a=documents(60), b=documents(60, 1))
    again = build(tmp_path / "two", a=documents(60), b=documents(60, 1))
    assert first.fingerprint == second.fingerprint
    assert second.folder == again.folder
    changed = build(tmp_path / "one", a=documents(61), b=documents(60, 1))
    assert changed.fingerprint != first.fingerprint
    assert len(list((tmp_path / "one" / "corpora").iterdir())) == 2  # no draft is left


def test_the_built_in_text_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def read(name: str, _packages: Path) -> list[Document]:
        asked.append(name)
        return documents(60, list(recipe.DOMAINS).index(name))

    monkeypatch.setattr(recipe, "documents", read)
    made = corpora.build_builtin(tmp_path, WIDE)
    assert set(asked) == set(recipe.DOMAINS)
    asked.clear()
    assert corpora.build_builtin(tmp_path, WIDE) == made
    assert not asked
    # Other limits, or corpora that were kept before it was known how they are made, are read.
    assert corpora.build_builtin(tmp_path, Limits(10**6, 10**6, 0.3)) != made
    noted = json.loads((made / corpora.MANIFEST).read_text())
    del noted["made_by"]
    (made / corpora.MANIFEST).write_text(json.dumps(noted))
    asked.clear()
    assert corpora.build_builtin(tmp_path, WIDE) == made
    assert asked
    asked.clear()
    assert corpora.build_builtin(tmp_path, WIDE) == made
    assert not asked


def test_a_side_without_documents_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"'a' has no validation documents"):
        build(tmp_path, Limits(validation_share=0.0), a=documents(5), b=documents(5))
    assert list((tmp_path / "corpora").iterdir()) == []


def test_long_documents_are_cut_at_line_ends_and_within_no_character() -> None:
    lines = "".join(f"line {i} 中文\n" for i in range(9_000))
    parts = list(pieces(lines))
    assert b"".join(part.tobytes() for part in parts).decode() == lines
    assert all(part.size <= LONGEST_DOCUMENT for part in parts)
    assert all(part.tobytes().endswith(b"\n") for part in parts)
    characters = list(pieces("中" * 20_000))
    assert "".join(part.tobytes().decode() for part in characters) == "中" * 20_000


def test_changed_and_missing_corpora_are_noticed(tmp_path: Path) -> None:
    built = build(tmp_path, a=documents(60), b=documents(60, 1))
    assert built.folder is not None
    corpora.verify(built.folder)
    path = built.folder / "a.train.bin"
    content = bytearray(path.read_bytes())
    content[5] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=r"'a' .* was changed"):
        corpora.verify(built.folder)
    path.write_bytes(content[:-3])
    with pytest.raises(CorpusError, match=r"'a' .* was changed"):
        corpora.load(built.folder)
    with pytest.raises(CorpusError, match="no saved corpora"):
        corpora.load(tmp_path / "missing")


def test_bytes_without_the_separator() -> None:
    assert ByteTokeniser().encode(b"a\0b").tolist() == [97, 98]
