"""Worked problems of algebra: equations, polynomials, progressions."""

from __future__ import annotations

from random import Random


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
