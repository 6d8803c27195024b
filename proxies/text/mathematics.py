"""A seeded generator of worked arithmetic, algebra and number-theory problems.

Every document is a page of problems with their solutions. The same seed and index give the same
page, so that the corpus needs no download and its fingerprint is stable.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from functools import cache
from random import Random

from proxies.text import algebra, arithmetic, number_theory

Template = Callable[[Random], str]
PROBLEMS_PER_PAGE = 40
HELD_OUT = 8
OPERATION = re.compile(r"(?<!\d)(\d+) ([+*-]) (?=(\d+))")

# Plain arithmetic is listed more often: it is what the rest is made of.
TEMPLATES: tuple[Template, ...] = (
    *(arithmetic.compute,) * 6,
    *(arithmetic.drill,) * 4,
    *(arithmetic.story,) * 2,
    arithmetic.column_addition,
    arithmetic.long_product,
    arithmetic.division,
    algebra.linear,
    algebra.linear_both_sides,
    algebra.pair_of_equations,
    algebra.quadratic,
    algebra.expand,
    algebra.polynomial_value,
    number_theory.euclid,
    number_theory.common_multiple,
    number_theory.factorise,
    number_theory.primality,
    number_theory.modular_power,
    arithmetic.fraction_sum,
    arithmetic.percentage,
    algebra.progression,
    arithmetic.average,
    number_theory.binary,
)


@cache
def held_out(a: int, sign: str, b: int) -> bool:
    """Whether a sum, difference or product is kept for the benchmark: one of ``HELD_OUT``.

    The order of the operands of a sum or a product does not matter.
    """
    pair = (a, b) if sign == "-" else (min(a, b), max(a, b))
    digest = hashlib.sha256(f"{pair[0]} {sign} {pair[1]}".encode()).digest()
    return digest[0] % HELD_OUT == 0


def shows_held_out(text: str) -> bool:
    """Whether an operation that is held out stands in a text."""
    return any(held_out(int(a), sign, int(b)) for a, sign, b in OPERATION.findall(text))


def problem(rng: Random) -> str:
    """A worked problem in which nothing is held out."""
    while True:
        text = rng.choice(TEMPLATES)(rng)
        if not shows_held_out(text):
            return text


def page(seed: int, index: int) -> str:
    """One document: ``PROBLEMS_PER_PAGE`` problems, each followed by an empty line."""
    rng = Random(f"mathematics:{seed}:{index}")
    return "\n".join(problem(rng) for _ in range(PROBLEMS_PER_PAGE))


def pages(seed: int, n_bytes: int) -> Iterator[tuple[str, str]]:
    """Documents of about so many bytes together, as (label, text)."""
    index, taken = 0, 0
    while taken < n_bytes:
        text = page(seed, index)
        yield f"mathematics/{index}", text
        taken += len(text)
        index += 1
