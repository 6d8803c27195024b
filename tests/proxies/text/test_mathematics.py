import re
from random import Random

from proxies.text import algebra, arithmetic, mathematics, number_theory


def test_page_depends_on_seed_and_index_only() -> None:
    assert mathematics.page(3, 5) == mathematics.page(3, 5)
    assert mathematics.page(3, 5) != mathematics.page(3, 6)
    assert mathematics.page(3, 5) != mathematics.page(4, 5)


def test_simple_arithmetic_is_right() -> None:
    rng = Random(0)
    for _ in range(500):
        text, value = arithmetic.operation(rng)
        a, sign, b = text.split()
        right = {"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b)}[sign]
        assert value == right
        assert value >= 0


def test_every_two_operand_equation_on_a_page_holds() -> None:
    # Whole equations only: no operator, power or fraction before, no further term after.
    equation = re.compile(r"(?<![\w*/+-] )(?<![\w^-])(\d+) ([+*-]) (\d+) = (-?\d+)(?=[.,;]|$)")
    checked = 0
    for index in range(30):
        for line in mathematics.page(0, index).splitlines():
            for a, sign, b, value in equation.findall(line):
                right = {"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b)}[sign]
                assert int(value) == right, line
                checked += 1
    assert checked > 500  # the pattern found what it looks for


def test_linear_solutions_satisfy_their_equation() -> None:
    rng = Random(1)
    for _ in range(200):
        match = re.match(
            r"Solve (\d+)\w ([+-]) (\d+) = (-?\d+) for.*Answer: \w = (-?\d+)\n",
            algebra.linear(rng),
            re.DOTALL,
        )
        assert match is not None
        a, sign, b, right, x = match.groups()
        assert int(a) * int(x) + int(sign + b) == int(right)


def test_prime_factors() -> None:
    assert number_theory.prime_factors(360) == [2, 2, 2, 3, 3, 5]
    assert number_theory.prime_factors(97) == [97]


def test_every_template_gives_a_solved_problem() -> None:
    for template in set(mathematics.TEMPLATES):
        text = template(Random(2))
        assert text.endswith(("\n",))
        assert "Answer: " in text or text.startswith("Drill: ")


def test_what_is_held_out_stands_in_no_page() -> None:
    pages = "".join(mathematics.page(0, index) for index in range(60))
    shown = mathematics.OPERATION.findall(pages)
    assert len(shown) > 3_000
    assert not any(mathematics.held_out(int(a), sign, int(b)) for a, sign, b in shown)
    assert not mathematics.shows_held_out(pages)


def test_a_share_of_operations_is_held_out_in_either_order() -> None:
    triples = [(a, sign, b) for a in range(2, 40) for b in range(2, 40) for sign in "+-*"]
    kept = [triple for triple in triples if mathematics.held_out(*triple)]
    # One of HELD_OUT, with pairs counted twice: four standard errors of 2,200 draws.
    assert abs(len(kept) / len(triples) - 1 / mathematics.HELD_OUT) < 0.03
    for a, sign, b in kept:
        assert sign == "-" or mathematics.held_out(b, sign, a)
    a, sign, b = kept[0]
    assert mathematics.shows_held_out(f"Compute 1 + {a} {sign} {b}.")


def test_pages_are_of_about_so_many_bytes_together() -> None:
    found = list(mathematics.pages(0, 20_000))
    sizes = [len(text) for _, text in found]
    assert sum(sizes[:-1]) < 20_000 <= sum(sizes)
    assert len({label for label, _ in found}) == len(found)
