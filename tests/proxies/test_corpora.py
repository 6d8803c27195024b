import itertools
from pathlib import Path

import numpy as np
import pytest

from proxies import corpora
from proxies.corpora import Corpora, CorpusError, Limits
from tests.proxies.tiny import documents

LIMITS = Limits(train_bytes=20_000, validation_bytes=4_000, validation_share=0.2)


def pieces(tokens: np.ndarray) -> set[bytes]:
    return set(tokens.tobytes().split(bytes([corpora.SEPARATOR]))) - {b""}


def test_split_is_disjoint_whole_and_seeded() -> None:
    domain = corpora.build_domain("x", documents(100), Limits(10**6, 10**6, 0.2))
    train, validation = pieces(domain.train), pieces(domain.validation)
    assert not train & validation
    assert len(train | validation) == 100
    assert domain.n_documents == (len(train), len(validation))
    # 100 draws of 0.2: 20 +- 4 standard deviations of 4.
    assert 4 <= len(validation) <= 36
    again = corpora.build_domain("x", documents(100), Limits(10**6, 10**6, 0.2, seed=1))
    assert pieces(again.validation) != validation


def test_equal_labels_land_on_the_same_side() -> None:
    other = [(label, text.upper()) for label, text in documents(60)]
    wide = Limits(10**6, 10**6, 0.3)
    first = corpora.build_domain("x", documents(60), wide)
    second = corpora.build_domain("y", other, wide)
    assert {p.upper() for p in pieces(first.validation)} == pieces(second.validation)


def test_copies_are_dropped() -> None:
    twice = [*documents(50), *((f"copy {label}", text) for label, text in documents(50))]
    domain = corpora.build_domain("x", twice, Limits(10**6, 10**6, 0.2))
    assert sum(domain.n_documents) == 50


def test_caps_hold_exactly_and_endless_documents_end() -> None:
    endless = ((f"d{i}", f"text {i} " * 20) for i in itertools.count())
    domain = corpora.build_domain("x", endless, LIMITS)
    assert domain.train.size == 20_000
    assert domain.validation.size == 4_000


def test_fingerprint_is_stable_and_tells_content_apart() -> None:
    one, two = (corpora.build_domain("x", documents(), LIMITS) for _ in range(2))
    assert one.fingerprint == two.fingerprint
    changed = corpora.build_domain("x", [*documents()[1:], ("d0", "other " * 20)], LIMITS)
    assert changed.fingerprint != one.fingerprint


def test_a_domain_without_validation_documents_is_refused() -> None:
    with pytest.raises(CorpusError, match=r"'x' has no .* documents"):
        corpora.build_domain("x", documents(1), LIMITS)


def test_saved_corpora_come_back_and_a_change_is_noticed(
    tmp_path: Path, tiny_corpora: Corpora
) -> None:
    folder = corpora.save(tiny_corpora, tmp_path)
    assert corpora.save(tiny_corpora, tmp_path) == folder
    loaded = corpora.load(folder)
    assert loaded.fingerprint == tiny_corpora.fingerprint
    assert loaded.names == tiny_corpora.names
    np.save(folder / "math.train.npy", np.zeros(10, np.uint8))
    with pytest.raises(CorpusError, match="was changed"):
        corpora.load(folder)
    with pytest.raises(CorpusError, match="no saved corpora"):
        corpora.load(tmp_path / "missing")


def test_math_domain_alone_needs_nothing_installed() -> None:
    from proxies import mathematics

    domain = corpora.build_domain("math", mathematics.pages(0), LIMITS)
    assert domain.train.size == LIMITS.train_bytes


def test_builtin_corpora_have_four_domains_within_their_caps() -> None:
    built = corpora.build_builtin(Limits(train_bytes=60_000, validation_bytes=6_000))
    assert built.names == ("python", "cpp", "prose", "math")
    for domain in built.domains.values():
        assert domain.train.size == 60_000
        assert domain.validation.size == 6_000
    assert len({domain.fingerprint for domain in built.domains.values()}) == 4
