"""Filters of rows: expressions, judged row by row by Python itself, and garbled ones."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from odd_cases import Count

from bayescamel import read_runs

COLUMNS = ("step", "n_params", "share of web", "name", "loss_a")
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", "in", "not in")
GARBAGE = (
    *("'", '"', "`", "(", ")", "@", "\x00", "**", "'a'*9999999999", "9" * 400, ".x()", "[0]"),
    *("lambda: 0", "\ud800", "#", "\n", ":=", "1j", "<<", "~", " if 1 else "),
)
NUMBERS = ("10", "20", "0.5", "1e6", "-3", "2", "0.25")
TEXTS = ("'a'", '"b"', "'`'", "'`share of web`'")
CONSTANTS = ("10", "20", "0.5", "1e6", "'a'", '"b"', "[10, 20]", "('a', 'b')", "True", "-3")


def expression(chance: random.Random, depth: int = 0) -> str:
    """Something that Python's grammar takes, most of it a filter."""
    column = f"`{name}`" if " " in (name := chance.choice(COLUMNS)) else name
    constant = chance.choice(CONSTANTS)
    number = chance.choice(("step", "n_params", "loss_a", "`share of web`"))
    simple = (
        f"{number} {chance.choice(('==', '!=', '<', '<=', '>', '>='))} {chance.choice(NUMBERS)}",
        f"{number} {chance.choice('+-*/%')} {chance.choice(NUMBERS)} < {number}",
        f"{chance.choice(NUMBERS)} < {number} <= {chance.choice(NUMBERS)}",
        f"name {chance.choice(('in', 'not in'))} ['a', 'b']",
        f"name {chance.choice(('==', '!='))} {chance.choice(TEXTS)}",
        f"{column} {chance.choice(COMPARISONS)} {constant}",
    )
    if depth > 2 or chance.random() < 0.4:
        return chance.choice(simple)
    left, right = expression(chance, depth + 1), expression(chance, depth + 1)
    joined = f"({left}) {chance.choice(('and', 'or', '&', '|'))} ({right})"
    return chance.choice((joined, joined, f"not ({left})"))


def by_row(where: str, row: dict[str, Any]) -> bool | None:
    """What Python says of one row; None where it says nothing comparable."""
    text = where.replace("`share of web`", "share_of_web")
    values = {name.replace(" ", "_"): value for name, value in row.items()}
    try:
        found = eval(text, {"__builtins__": {}}, values)  # our own grammar, without calls
    except Exception:
        return None
    return bool(found) if isinstance(found, bool | np.bool_) else None


def filters(numbers: range, folder: Path) -> Count:
    """Half are expressions, judged row by row by Python itself; half are those, garbled."""
    del folder
    count = Count("filters")
    names = ["a", "b", "c", "a", "b", "`", "x" * 100, "b"]
    table = pd.DataFrame(
        {"run_id": [f"r{i}" for i in range(8)], "n_params": [1e6, 4e6] * 4, "w_a": 1.0}
        | {"loss_a": np.linspace(1, 3, 8), "step": [10, 20, 30, 40] * 2, "name": names}
        | {"share of web": np.linspace(0, 1, 8)}
    )
    rows = [{key: row[key] for key in COLUMNS} for row in table.to_dict(orient="records")]

    def work(chance: random.Random) -> str:
        where = expression(chance)
        garbled = chance.random() < 0.5
        if garbled:
            letters = list(where)
            for _ in range(chance.randint(1, 4)):
                place = chance.randrange(len(letters) + 1)
                letters[place : place + chance.randint(0, 2)] = chance.choice(GARBAGE)
            where = "".join(letters)
        runs = read_runs(table, where=where)
        if garbled and any(word in where for word in ("9999999999", ".x", "lambda", ":=")):
            return "wrong" if "'a'*9999999999" in where and "`" not in where else "taken"
        said = [by_row(where, row) for row in rows]
        if None in said:
            return "taken"
        chosen = set(runs["run"].to_numpy())
        return "taken" if chosen == {f"r{i}" for i, s in enumerate(said) if s} else "wrong"

    for number in numbers:
        count.case(number, work)
    return count
