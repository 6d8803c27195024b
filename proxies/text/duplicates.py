"""Near-duplicates among documents, and text that training and validation share.

All of it rests on hashes of windows of bytes, one window a position: two equal windows have equal
hashes, and two different ones the same hash about once in 2⁶⁴.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]

SHINGLE = 32
"""Bytes of the windows by which near-duplicates are found."""
SAMPLED = 16
"""Of so many shingles one is kept, chosen by its hash."""
NEAR_DUPLICATE = 0.5
"""Share of known shingles from which a document is a near-duplicate."""
MATCH = 64
"""Bytes of an exact match that count as leakage."""
SLOT_BITS = 28

_VALUE = np.array(
    [int.from_bytes(hashlib.sha256(bytes([value])).digest()[:8]) for value in range(256)], np.uint64
)
_FACTOR = 0x9E3779B97F4A7C15


def window_hashes(content: npt.NDArray[np.uint8], length: int) -> Hashes:
    """Hashes of all windows of ``length`` bytes (a power of 2), one a start.

    The hash of a window of 2n bytes is ``h(first half) * b^n + h(second half)``, modulo 2⁶⁴.
    """
    if content.size < length:
        return np.empty(0, np.uint64)
    hashes = _VALUE[content]
    size, power = 1, _FACTOR
    while size < length:
        hashes = hashes[:-size] * np.uint64(power) + hashes[size:]
        power = power * power % 2**64
        size *= 2
    return hashes


def mixed(hashes: Hashes) -> Hashes:
    """Hashes of which any bits may be taken (the finaliser of SplitMix64)."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return hashes ^ (hashes >> np.uint64(31))


def slots(mixed_hashes: Hashes, bits: int) -> npt.NDArray[np.int64]:
    """Places in a table of ``2**bits``."""
    return (mixed_hashes >> np.uint64(64 - bits)).astype(np.int64)


class Seen:
    """Shingles of the documents kept so far; a set that errs on the side of known (a few per cent).

    The table takes 2²⁸ bytes, and does for some gigabytes of text.
    """

    def __init__(self) -> None:
        self._table = np.zeros(2**SLOT_BITS, np.bool_)

    def keeps(self, content: npt.NDArray[np.uint8]) -> bool:
        """Whether a document is near none of those before; if so it is one of them from now on."""
        hashes = mixed(window_hashes(content, SHINGLE))
        sampled = hashes[hashes % np.uint64(SAMPLED) == 0]
        places = slots(sampled if sampled.size else hashes, SLOT_BITS)
        if places.size and self._table[places].mean() >= NEAR_DUPLICATE:
            return False
        self._table[places] = True
        return True


class Matches:
    """Finds windows of ``MATCH`` bytes that some text has in common with others."""

    def __init__(self, hashes: Hashes) -> None:
        self._sorted = np.unique(hashes)
        # Sparse enough that few hashes that are not known are looked for.
        self._bits = min(SLOT_BITS, int(self._sorted.size).bit_length() + 5)
        self._table = np.zeros(2**self._bits, np.bool_)
        self._table[slots(mixed(self._sorted), self._bits)] = True

    @classmethod
    def of(cls, contents: list[npt.NDArray[np.uint8]]) -> Matches:
        """All windows of these texts."""
        return cls(np.concatenate([window_hashes(content, MATCH) for content in contents]))

    def starts(self, content: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """Where windows of ``content`` start that are known."""
        hashes = window_hashes(content, MATCH)
        maybe = np.flatnonzero(self._table[slots(mixed(hashes), self._bits)])
        if maybe.size == 0:
            return maybe
        place = np.searchsorted(self._sorted, hashes[maybe])
        place = np.minimum(place, self._sorted.size - 1)
        found: npt.NDArray[np.int64] = maybe[self._sorted[place] == hashes[maybe]]
        return found

    def covered(self, content: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
        """Which bytes of ``content`` lie in a known window."""
        ends = np.zeros(content.size + 1, np.int64)
        starts = self.starts(content)
        np.add.at(ends, starts, 1)
        np.add.at(ends, starts + MATCH, -1)
        return np.cumsum(ends[:-1]) > 0


class Leakage:
    """How much of some validation text stands word for word in training text that goes by."""

    def __init__(self, validation: list[npt.NDArray[np.uint8]]) -> None:
        self._validation = validation
        self._matches = Matches.of(validation)
        self._found: set[int] = set()

    def watch(self, text: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Look at a training document and give it back."""
        starts = self._matches.starts(text)
        if starts.size:
            self._found.update(map(int, window_hashes(text, MATCH)[starts]))
        return text

    @property
    def share(self) -> float:
        """Share of the validation bytes within a match of ``MATCH`` bytes or more."""
        found = Matches(np.array(sorted(self._found), np.uint64))
        inside = sum(int(found.covered(text).sum()) for text in self._validation)
        return inside / max(1, sum(text.size for text in self._validation))
