"""Worked problems of number theory: divisors, primes, remainders, base 2."""

from __future__ import annotations

import math
from random import Random


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


def binary(rng: Random) -> str:
    """An integer in base 2."""
    n = rng.randint(2, 255)
    lines, rest = [f"Write {n} in base 2."], n
    while rest:
        lines.append(f"{rest} = 2 * {rest // 2} + {rest % 2}")
        rest //= 2
    return "\n".join([*lines, f"Answer: {n:b}"]) + "\n"
