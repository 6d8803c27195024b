"""Worked problems of arithmetic: sums, products, divisions, fractions, stories."""

from __future__ import annotations

import math
from fractions import Fraction
from random import Random

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


def average(rng: Random) -> str:
    """The mean of a few integers."""
    count = rng.randint(3, 6)
    values = [rng.randint(1, 50) for _ in range(count)]
    total = sum(values)
    return (
        f"Find the mean of {', '.join(map(str, values))}.\nThe sum is {total}, "
        f"{total} / {count} = {Fraction(total, count)}.\nAnswer: {Fraction(total, count)}\n"
    )
