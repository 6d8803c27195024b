import numpy as np
import pytest

from proxies.text.duplicates import MATCH, SHINGLE, Leakage, Matches, Seen, window_hashes


def noise(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, n, dtype=np.uint8)


def test_equal_windows_have_equal_hashes_and_others_not() -> None:
    content = noise(4_000, 0)
    content[3_000:3_200] = content[500:700]
    hashes = window_hashes(content, 64)
    assert hashes.size == 4_000 - 63
    windows = [content[i : i + 64].tobytes() for i in range(hashes.size)]
    assert len(set(hashes.tolist())) == len(set(windows))
    assert hashes[3_000] == hashes[500]
    assert window_hashes(content[:10], 64).size == 0


def test_a_document_that_differs_little_is_a_near_duplicate() -> None:
    seen = Seen()
    first = noise(3_000, 1)
    assert seen.keeps(first)
    changed = first.copy()
    changed[[200, 1_500, 2_800]] ^= 1
    assert not seen.keeps(changed)
    # Two thirds new: not a near-duplicate, and known from then on.
    mostly_new = np.concatenate([first[:1_000], noise(2_000, 2)])
    assert seen.keeps(mostly_new)
    assert not seen.keeps(mostly_new)


def test_short_documents_are_told_apart_too() -> None:
    seen = Seen()
    documents = [noise(SHINGLE + 3, seed) for seed in range(200)]
    assert all(seen.keeps(document) for document in documents)
    assert not any(seen.keeps(document) for document in documents)


def brute_force(train: bytes, validation: bytes) -> float:
    inside = np.zeros(len(validation), bool)
    for start in range(len(validation) - MATCH + 1):
        if validation[start : start + MATCH] in train:
            inside[start : start + MATCH] = True
    return float(inside.mean())


@pytest.mark.parametrize("shared", [0, MATCH - 1, MATCH, 300])
def test_leakage_is_what_a_search_finds(shared: int) -> None:
    train, validation = noise(5_000, 3), noise(2_000, 4)
    train[1_000 : 1_000 + shared] = validation[700 : 700 + shared]
    leakage = Leakage([validation])
    assert leakage.watch(train) is train
    expected = brute_force(train.tobytes(), validation.tobytes())
    assert leakage.share == expected
    assert expected == (shared / 2_000 if shared >= MATCH else 0)


def test_matches_cover_exactly_what_is_shared() -> None:
    validation, train = noise(500, 5), noise(900, 6)
    train[100:250] = validation[50:200]
    covered = Matches.of([validation]).covered(train)
    assert np.flatnonzero(covered).tolist() == list(range(100, 250))
