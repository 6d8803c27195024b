"""A seeded generator of worked arithmetic, algebra and number-theory problems.

Every document is a page of problems with their solutions. The same seed and index give the same
page, so that the corpus needs no download and its fingerprint is stable.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from random import Random

Template = Callable[[Random], str]
PROBLEMS_PER_PAGE = 40
HELD_OUT = 8
OPERATION = re.compile(r"(?<!\d)(\d+) ([+*-]) (?=(\d+))")
NAMES = ("Ada", "Emmy", "Carl", "Sofia", "Paul", "Maryam", "Leon", "Ruth", "Ivan", "Noor")
THINGS = ("apples", "books", "coins", "stamps", "marbles", "tickets", "pencils", "cards")


def operation(rng: Random) -> tuple[str, int]:
    """One small sum, difference or product as text, and its value."""
    kind = rng.choice("++--*")
    if kind == "*":
        a, b = rng.randint(2, 12), rng.randint(2, 12)
        return f"{a} * {b}", a * b
    high = rng.choice((10, 20, 100))
    a, b = rng.randint(1, high), rng.randint(1, high)
    if kind == "-":
        a, b = max(a, b), min(a, b)
        return f"{a} - {b}", a - b
    return f"{a} + {b}", a + b


def compute(rng: Random) -> str:
    """A single sum, difference or product and its value."""
    text, value = operation(rng)
    return f"Compute {text}.\nAnswer: {value}\n"


def drill(rng: Random) -> str:
    """A line of small sums."""
    pairs = [operation(rng) for _ in range(rng.randint(3, 6))]
    return "Drill: " + "; ".join(f"{text} = {value}" for text, value in pairs) + ".\n"


def column_addition(rng: Random) -> str:
    """Addition digit by digit with carries."""
    a, b = rng.randint(100, 9999), rng.randint(100, 9999)
    lines, carry = [f"Add {a} and {b}."], 0
    width = len(str(max(a, b)))
    for place in range(width):
        p, q = a // 10**place % 10, b // 10**place % 10
        total = p + q + carry
        before = f" + {carry}" if carry else ""
        carry = total // 10
        lines.append(f"{p} + {q}{before} = {total}, write {total % 10}, carry {carry}.")
    return "\n".join([*lines, f"Answer: {a + b}"]) + "\n"


def long_product(rng: Random) -> str:
    """Multiplication by tens and ones."""
    a, b = rng.randint(12, 99), rng.randint(12, 99)
    tens, ones = b // 10 * 10, b % 10
    return (
        f"Multiply {a} by {b}.\n{a} * {b} = {a} * {tens} + {a} * {ones} "
        f"= {a * tens} + {a * ones} = {a * b}.\nAnswer: {a * b}\n"
    )


def division(rng: Random) -> str:
    """Division with remainder."""
    b, quotient = rng.randint(2, 25), rng.randint(2, 60)
    remainder = rng.randint(0, b - 1)
    a = b * quotient + remainder
    return (
        f"Divide {a} by {b} with remainder.\n{b} * {quotient} = {b * quotient} and "
        f"{a} - {b * quotient} = {remainder}.\n"
        f"Answer: quotient {quotient}, remainder {remainder}\n"
    )


def story(rng: Random) -> str:
    """A word problem in one of three forms."""
    who, other = rng.sample(NAMES, 2)
    what = rng.choice(THINGS)
    a, b, c = rng.randint(5, 80), rng.randint(2, 40), rng.randint(2, 9)
    form = rng.randrange(3)
    if form == 0:
        return (
            f"{who} has {a} {what} and {other} gives {who} {b} more. How many {what} does {who} "
            f"have now?\n{a} + {b} = {a + b}.\nAnswer: {a + b}\n"
        )
    if form == 1:
        return (
            f"{who} had {a + b} {what} and lost {b} of them. How many {what} are left?\n"
            f"{a + b} - {b} = {a}.\nAnswer: {a}\n"
        )
    return (
        f"{who} buys {c} boxes with {b} {what} in each box and gives {c} {what} to {other}. "
        f"How many {what} remain?\n{c} * {b} = {c * b}, {c * b} - {c} = {c * b - c}.\n"
        f"Answer: {c * b - c}\n"
    )


def signed(value: int) -> str:
    """A term with its sign set apart: ``+ 3`` or ``- 3``."""
    return f"+ {value}" if value >= 0 else f"- {-value}"


def linear(rng: Random) -> str:
    """A linear equation in one unknown."""
    a, x, b = rng.randint(2, 15), rng.randint(-20, 20), rng.randint(-40, 40)
    letter = rng.choice("xyznt")
    right = a * x + b
    return (
        f"Solve {a}{letter} {signed(b)} = {right} for {letter}.\n"
        f"{a}{letter} = {right} {signed(-b)} = {right - b}.\n"
        f"{letter} = {right - b} / {a} = {x}.\nAnswer: {letter} = {x}\n"
    )


def linear_both_sides(rng: Random) -> str:
    """A linear equation with the unknown on both sides."""
    a, c = rng.sample(range(2, 14), 2)
    a, c = max(a, c), min(a, c)
    x, b = rng.randint(-12, 12), rng.randint(-30, 30)
    d = (a - c) * x + b
    return (
        f"Solve {a}x {signed(b)} = {c}x {signed(d)}.\n"
        f"Subtract {c}x: {a - c}x {signed(b)} = {d}.\nThen {a - c}x = {d - b}, so x = {x}.\n"
        f"Answer: x = {x}\n"
    )


def pair_of_equations(rng: Random) -> str:
    """Two equations in two unknowns."""
    x, y = rng.randint(-15, 15), rng.randint(-15, 15)
    return (
        f"Solve the system x + y = {x + y}, x - y = {x - y}.\n"
        f"Add the equations: 2x = {2 * x}, so x = {x}.\n"
        f"Then y = {x + y} - ({x}) = {y}.\nAnswer: x = {x}, y = {y}\n"
    )


def quadratic(rng: Random) -> str:
    """A quadratic with integer roots."""
    p, q = sorted((rng.randint(-12, 12), rng.randint(-12, 12)))
    return (
        f"Find the roots of x^2 {signed(-(p + q))}x {signed(p * q)} = 0.\n"
        f"We need two numbers with sum {p + q} and product {p * q}: {p} and {q}.\n"
        f"So (x {signed(-p)})(x {signed(-q)}) = 0.\nAnswer: x = {p} or x = {q}\n"
    )


def expand(rng: Random) -> str:
    """A product of two binomials."""
    a, b, c, d = (rng.randint(1, 9) for _ in range(4))
    return (
        f"Expand ({a}x + {b})({c}x - {d}).\n"
        f"{a}x * {c}x = {a * c}x^2, {a}x * (-{d}) = -{a * d}x, {b} * {c}x = {b * c}x, "
        f"{b} * (-{d}) = -{b * d}.\n"
        f"Answer: {a * c}x^2 {signed(b * c - a * d)}x - {b * d}\n"
    )


def polynomial_value(rng: Random) -> str:
    """A quadratic polynomial at an integer."""
    a, b, c, x = rng.randint(1, 9), rng.randint(-9, 9), rng.randint(-20, 20), rng.randint(-6, 6)
    return (
        f"Evaluate f(x) = {a}x^2 {signed(b)}x {signed(c)} at x = {x}.\n"
        f"{a} * {x * x} = {a * x * x}, {b} * ({x}) = {b * x}.\n"
        f"f({x}) = {a * x * x} {signed(b * x)} {signed(c)} = {a * x * x + b * x + c}.\n"
        f"Answer: {a * x * x + b * x + c}\n"
    )


def euclid(rng: Random) -> str:
    """A greatest common divisor by the Euclidean algorithm."""
    g = rng.randint(1, 24)
    a, b = g * rng.randint(2, 60), g * rng.randint(2, 60)
    big, small = max(a, b), min(a, b)
    lines = [f"Find the greatest common divisor of {big} and {small}."]
    while small:
        lines.append(f"{big} = {big // small} * {small} + {big % small}")
        big, small = small, big % small
    return "\n".join([*lines, f"Answer: gcd = {big}"]) + "\n"


def common_multiple(rng: Random) -> str:
    """A least common multiple."""
    a, b = rng.randint(2, 60), rng.randint(2, 60)
    g = math.gcd(a, b)
    return (
        f"Find the least common multiple of {a} and {b}.\ngcd({a}, {b}) = {g}, "
        f"{a} * {b} / {g} = {a * b} / {g} = {a * b // g}.\nAnswer: lcm = {a * b // g}\n"
    )


def prime_factors(n: int) -> list[int]:
    """Prime factors in ascending order, with multiplicity."""
    factors, p = [], 2
    while p * p <= n:
        while n % p == 0:
            factors.append(p)
            n //= p
        p += 1
    return [*factors, n] if n > 1 else factors


def factorise(rng: Random) -> str:
    """A factorisation by trial division."""
    n = rng.randint(12, 3000)
    factors = prime_factors(n)
    lines, rest = [f"Write {n} as a product of primes."], n
    for p in factors[:-1]:
        lines.append(f"{rest} / {p} = {rest // p}")
        rest //= p
    end = "is prime" if len(factors) == 1 else f"= {' * '.join(map(str, factors))}"
    return "\n".join([*lines, f"Answer: {n} {end}"]) + "\n"


def primality(rng: Random) -> str:
    """Whether a number is prime, with a divisor if not."""
    n = rng.choice((rng.randrange(11, 400, 2), rng.randint(10, 400)))
    smallest = prime_factors(n)[0]
    if smallest == n:
        return (
            f"Is {n} a prime number?\nNo prime up to {math.isqrt(n)} divides {n}.\n"
            f"Answer: yes, {n} is prime\n"
        )
    return (
        f"Is {n} a prime number?\n{n} = {smallest} * {n // smallest}.\n"
        f"Answer: no, {n} is divisible by {smallest}\n"
    )


def modular_power(rng: Random) -> str:
    """A power modulo m, step by step."""
    a, e, m = rng.randint(2, 20), rng.randint(2, 8), rng.randint(3, 30)
    lines, value = [f"Find {a}^{e} mod {m}."], 1
    for k in range(1, e + 1):
        value = value * a % m
        lines.append(f"{a}^{k} = {value} (mod {m})")
    return "\n".join([*lines, f"Answer: {value}"]) + "\n"


def fraction_sum(rng: Random) -> str:
    """A sum of two fractions."""
    p = Fraction(rng.randint(1, 9), rng.randint(2, 12))
    q = Fraction(rng.randint(1, 9), rng.randint(2, 12))
    common = math.lcm(p.denominator, q.denominator)
    a = p.numerator * common // p.denominator
    b = q.numerator * common // q.denominator
    return (
        f"Add the fractions {p} and {q}.\nThe common denominator is {common}: "
        f"{a}/{common} + {b}/{common} = {a + b}/{common}.\nAnswer: {p + q}\n"
    )


def percentage(rng: Random) -> str:
    """A percentage of an integer."""
    percent, base = rng.choice((5, 10, 15, 20, 25, 30, 40, 50, 60, 75)), 20 * rng.randint(1, 60)
    return (
        f"What is {percent}% of {base}?\n{percent} / 100 * {base} = {percent * base} / 100 "
        f"= {percent * base // 100}.\nAnswer: {percent * base // 100}\n"
    )


def progression(rng: Random) -> str:
    """A term or a sum of an arithmetic progression."""
    a, d, n = rng.randint(-10, 30), rng.randint(1, 12), rng.randint(6, 25)
    terms = ", ".join(str(a + k * d) for k in range(4))
    last = a + (n - 1) * d
    total = n * (a + last) // 2
    if rng.random() < 0.5:
        return (
            f"The sequence {terms}, ... is arithmetic. Find term {n}.\n"
            f"The step is {d}, so term {n} is {a} + {n - 1} * {d} = {last}.\nAnswer: {last}\n"
        )
    return (
        f"Sum the first {n} terms of {terms}, ...\nThe last term is {last}, so the sum is "
        f"{n} * ({a} + {last}) / 2 = {total}.\nAnswer: {total}\n"
    )


def average(rng: Random) -> str:
    """The mean of a few integers."""
    count = rng.randint(3, 6)
    values = [rng.randint(1, 50) for _ in range(count)]
    total = sum(values)
    return (
        f"Find the mean of {', '.join(map(str, values))}.\nThe sum is {total}, "
        f"{total} / {count} = {Fraction(total, count)}.\nAnswer: {Fraction(total, count)}\n"
    )


def binary(rng: Random) -> str:
    """An integer in base 2."""
    n = rng.randint(2, 255)
    lines, rest = [f"Write {n} in base 2."], n
    while rest:
        lines.append(f"{rest} = 2 * {rest // 2} + {rest % 2}")
        rest //= 2
    return "\n".join([*lines, f"Answer: {n:b}"]) + "\n"


# Plain arithmetic is listed more often: it is what the rest is made of.
TEMPLATES: tuple[Template, ...] = (
    *(compute,) * 6,
    *(drill,) * 4,
    *(story,) * 2,
    column_addition,
    long_product,
    division,
    linear,
    linear_both_sides,
    pair_of_equations,
    quadratic,
    expand,
    polynomial_value,
    euclid,
    common_multiple,
    factorise,
    primality,
    modular_power,
    fraction_sum,
    percentage,
    progression,
    average,
    binary,
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
