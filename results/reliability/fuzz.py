"""Odd input by the thousand: tables, filters, posterior files, records and settings.

    python results/reliability/fuzz.py                    # 3,000, 1,000, 500, 250 and 250 cases
    python results/reliability/fuzz.py --tables 100 --filters 100 --posteriors 50
    python results/reliability/fuzz.py --first 1000       # the cases after the first thousand

Each case is made from a good input by some changes at random, seeded by its number, and ends in
one of five ways: *taken* and right, *refused* by one of our errors in one printable line, a
*traceback*, *wrong* (taken, and not what the input says), or the study *blocked*, so that it cannot
be asked, told or exported any more. What is right is told by other means than the code under trial.
"""

import argparse
import contextlib
import csv
import hashlib
import io
import json
import math
import random
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from typer.testing import CliRunner

from bayescamel import read_runs
from bayescamel.cli import app
from bayescamel.designs.space import Space
from bayescamel.draws.netcdf import SEAL, SEAL_BYTES
from bayescamel.exceptions import BayesCamelError
from bayescamel.posterior import Posterior
from bayescamel.study import Study
from bayescamel.targets import Target
from tests.prior_posterior import example_runs, prior_posterior

SPACE = Space.from_dict({"domains": ["code", "web"], "sizes": [1e6, 4e6], "tokens_per_param": 20})
TARGET = Target(64e6, 64e6 * 20)
SHARE_CHECKED = 0.1
"""Of the cases that reach a study; what blocks it would be seen later as well."""
FIRST = 0
"""Number of the first case of each kind; `main` sets it."""
MAX_MESSAGE = 700
"""Characters of one that is a line to read: a few quoted names, each cut at 80."""
ODD_NUMBERS = (
    *("", " ", "nan", "NaN", "inf", "-inf", "0", "-0.0", "-1", "1e300", "1e-300", "1e999", "0x10"),
    *("9" * 310, "9" * 5000, "1_000", "1,5", "١٢", "None", "true", "--", "1e", "0.333333", "2.5"),
)
ODD_TEXTS = (
    *("", " ", "a", " a ", "\x1b[2J", "web[en]", "a\nb", "é" * 3000, "a" * 300, "'; DROP TABLE x"),
    *("../../x", "=1+1", "\u202eabc", '"', "`", "@pd", "nan", "NA", "\x00", "loss_", "w_"),
)


class Count:
    """How cases ended, and the slowest of them."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.ends: Counter[str] = Counter()
        self.slowest = 0.0

    def case(self, number: int, work: Callable[[random.Random], str]) -> None:
        """Run one; `work` returns how it ended."""
        chance = random.Random(number)
        began = time.perf_counter()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                end = work(chance)
        except BayesCamelError as error:
            text = str(error)
            fine = text.strip() and text.isprintable() and len(text) <= MAX_MESSAGE
            end = "refused" if fine else "traceback"
            if end == "traceback":
                print(f"{self.what} {number}: not one printable line: {text[:1000]!r}")
        except Exception:
            end = "traceback"
            print(f"{self.what} {number}:\n{traceback.format_exc()}")
        if end in ("wrong", "blocked"):
            print(f"{self.what} {number}: {end}")
        self.ends[end] += 1
        self.slowest = max(self.slowest, time.perf_counter() - began)

    def row(self) -> str:
        """A line of the table."""
        ends = ("taken", "refused", "traceback", "wrong", "blocked")
        cells = [f"{self.ends[end]:,}" for end in ends]
        return " | ".join([self.what, f"{self.ends.total():,}", *cells, f"{self.slowest:.2f}"])


# Tables.


def table_of(chance: random.Random) -> list[list[str]]:
    """Cells of a good table, then changed."""
    names = ["run_id", "n_params", "n_tokens", "w_code", "w_web", "loss_code", "loss_web", "acc_q"]
    rows = [names]
    for i in range(chance.randint(1, 12)):
        share = round(chance.random(), 3)
        size = chance.choice((1e6, 4e6))
        cells = [f"r{i}", f"{size:g}", f"{20 * size:g}", f"{share:.3f}", f"{1 - share:.3f}"]
        cells += [f"{chance.uniform(1, 4):.4f}" for _ in range(2)]
        rows.append([*cells, f"{chance.random():.2f}"])
    for _ in range(chance.choice((0, 0, 1, 1, 2, 5))):
        line, place = chance.randrange(len(rows)), chance.randrange(len(names))
        rows[line][place] = chance.choice(ODD_TEXTS if line == 0 or place == 0 else ODD_NUMBERS)
    if chance.random() < 0.1:
        chance.shuffle(rows)
    if chance.random() < 0.1:
        del rows[chance.randrange(len(rows))][0]
    if chance.random() < 0.1:
        for row in rows:
            row.append(chance.choice(("", "x", *ODD_NUMBERS)))
    return rows


def check_table(rows: list[list[str]], runs: xr.Dataset) -> bool:
    """Whether each run has the numbers that its row has, by `float` alone."""
    header = [name.strip() for name in rows[0]]
    if runs.sizes["run"] != len([row for row in rows[1:] if any(cell for cell in row)]):
        return False
    for place, row in enumerate(row for row in rows[1:] if any(cell for cell in row)):
        cells = dict(zip(header, row, strict=False))
        one = runs.isel(run=place)
        run_id, wanted = str(one["run"].item()), cells["run_id"].strip()
        if run_id != wanted and not run_id.startswith(f"{wanted}@"):  # checkpoints
            return False
        found = {"n_params": float(one["n_params"])}
        for kind, dim, prefix in (("loss", "validation", "loss_"), ("mixture", "domain", "w_")):
            for v in runs[dim].to_numpy():
                found[f"{prefix}{v}"] = float(one[kind].sel({dim: v}))
        for name, value in found.items():
            text = cells.get(name, "").strip()
            expected = math.nan if text in ("", "nan", "NaN", "None", "NA") else float(text)
            if not (value == expected or (math.isnan(value) and math.isnan(expected))):
                return False
    weights = runs["mixture"].sum("domain").to_numpy()
    return bool(np.abs(weights - 1).max() < 1e-5 and not (runs["loss"] <= 0).any())


def tables(n: int, folder: Path) -> Count:
    """`read_runs` of each table; every fifth is attached to a study as well."""
    count = Count("tables")
    study = Study.create(folder / "tables.db", SPACE, TARGET, budget=1e18, start=10**6)
    path = folder / "runs.csv"

    def work(chance: random.Random) -> str:
        rows = table_of(chance)
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        content = text.getvalue().encode("utf-8", "surrogatepass")
        if chance.random() < 0.1:
            place = chance.randrange(len(content) + 1)
            content = content[:place] + bytes([chance.randrange(256)]) + content[place + 1 :]
            rows = []
        path.write_bytes(content)
        attached = chance.random() < 0.2
        if attached:
            with contextlib.suppress(BayesCamelError):
                study.attach(path)
            if chance.random() < SHARE_CHECKED and is_blocked(study):
                return "blocked"
        runs = read_runs(path)
        return "taken" if not rows or check_table(rows, runs) else "wrong"

    for number in range(FIRST, FIRST + n):
        count.case(number, work)
    return count


def is_blocked(study: Study) -> bool:
    """Whether it can be read, asked and exported no more."""
    try:
        seen = study.snapshot()
        if seen.told():
            read_runs(study.runs().drop(columns=["flops", "seed"]))
        study.release([c.run_id for c in study.ask(lease=1.0)])
    except BayesCamelError:
        traceback.print_exc()
        return True
    return False


# Filters.

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


def filters(n: int, folder: Path) -> Count:
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

    for number in range(FIRST, FIRST + n):
        count.case(number, work)
    return count


# Posterior files.


def posterior_file(folder: Path) -> Path:
    """A posterior whose draws are of the prior: it is read like any other."""
    path = folder / "posterior.nc"
    prior_posterior(example_runs()).save(path)
    return path


def odd(tree: xr.DataTree, chance: random.Random) -> None:
    """Change a tree as one who writes it with other tools may."""
    group = chance.choice(list(tree.children))
    dataset = tree[group].to_dataset()
    name = chance.choice([str(n) for n in dataset.data_vars] or ["x"])
    what = chance.randrange(7)
    if what == 0:
        del tree[group]
    elif what == 1 and name in dataset:
        tree[group] = xr.DataTree(dataset.drop_vars(name))
    elif what == 2 and name in dataset:
        tree[group] = xr.DataTree(dataset.rename({name: "other"}))
    elif what == 3 and name in dataset and dataset[name].dims:
        tree[group] = xr.DataTree(dataset.isel({dataset[name].dims[0]: slice(0, 0)}))
    elif what == 4 and tree.attrs:
        del tree.attrs[chance.choice(list(tree.attrs))]
    elif what == 5 and tree.attrs:
        tree.attrs[chance.choice(list(tree.attrs))] = chance.choice(("", "{", "[]", "3", "null"))
    else:
        tree["more"] = xr.DataTree(xr.Dataset({"x": ("n", [1.0])}))


def posteriors(n: int, folder: Path) -> Count:
    """Bytes damaged, or another content under a new seal; what is taken must be all that it was."""
    count = Count("posterior files")
    path = posterior_file(folder)
    content, good = path.read_bytes(), Posterior.load(path)
    whole = xr.load_datatree(io.BytesIO(content[:-SEAL_BYTES]), engine="h5netcdf")

    def work(chance: random.Random) -> str:
        if chance.random() < 0.5:
            odd(tree := whole.copy(deep=True), chance)
            inner = bytes(tree.to_netcdf(engine="h5netcdf"))
            path.write_bytes(inner + SEAL + hashlib.sha256(inner).hexdigest().encode())
        else:
            place, length = chance.randrange(len(content)), chance.choice((1, 4, 4096))
            new = chance.randbytes(length)
            cut = (content[:place], content[:place] + new + content[place + length :], content)
            path.write_bytes(chance.choice(cut))
        found = Posterior.load(path)
        same = found.tree.identical(good.tree) and found.runs.identical(good.runs)
        same &= (found.hierarchy, found.status) == (good.hierarchy, good.status)
        return "taken" if same else "wrong"

    for number in range(FIRST, FIRST + n):
        count.case(number, work)
    return count


# Records and settings, by the command line.


def called(words: list[str]) -> tuple[int, str]:
    """Exit status and standard error of a command; a traceback is raised."""
    done = CliRunner().invoke(app, words)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stderr


def told_as(values: Any) -> dict[str, float] | None:
    """The losses of a record as JSON, where they are plain."""
    losses = values.get("loss", values) if isinstance(values, dict) else None
    if not isinstance(losses, dict) or not all(isinstance(v, float | int) for v in losses.values()):
        return None
    bare = losses is values
    return {k.removeprefix("loss_") if bare else k: float(v) for k, v in losses.items()}


NAMES = (
    *("loss", "code", "web", "run_id", "flops", "n_params", "mixture", "device", "seconds"),
    *("epoch", "accuracy", "\x1b[2J", "", " ", "benchmarks", "n_active_params", "n_tokens"),
)
VALUES: tuple[Any, ...] = (
    *(None, [], {}, "x", True, -1, 0, 10**400, 1e300, math.nan, math.inf, 2.5, "\ud800"),
    "\x00",
)


def record_of(chance: random.Random) -> str:
    """JSON of a record, changed."""
    losses: dict[str, Any] = {"code": chance.uniform(1, 4), "web": chance.uniform(1, 4)}
    values: dict[str, Any] = {"loss": losses, "seconds": 3.0, "device": "cpu"}
    for _ in range(chance.choice((0, 0, 1, 1, 2))):
        place = chance.choice((losses, values))
        name, value = chance.choice(NAMES), chance.choice(VALUES)
        place[name] = value
    text = json.dumps(values)
    how = chance.random()
    if how < 0.1:
        return text[: chance.randrange(len(text))]
    if how < 0.15:
        return "[" * 100_000
    if how < 0.2:
        return text.replace('"code"', '"web"')
    return text


def records(n: int, folder: Path) -> Count:
    """`study tell` of each; what is stored must be what the JSON says."""
    count = Count("records")
    where = str(folder / "records.db")
    options = {"seeds": 10**6}
    space = Space.from_dict(SPACE.to_dict() | options)
    study = Study.create(where, space, TARGET, budget=1e22, start=10**6, losses=["code", "web"])
    path = folder / "record.json"

    def work(chance: random.Random) -> str:
        text = record_of(chance)
        path.write_text(text)
        (asked,) = study.ask()
        status, said = called(["study", "tell", where, asked.run_id, "--record", str(path)])
        if chance.random() < SHARE_CHECKED and is_blocked(study):
            return "blocked"
        stored = next(run for run in study.snapshot().runs if run.run_id == asked.run_id)
        if status == 0:
            expected = told_as(json.loads(text))
            return "taken" if stored.measured and stored.measured["loss"] == expected else "wrong"
        one_line = status == 2 and said.count("\n") == 1 and said.strip().isprintable()
        study.fail(asked.run_id, said)
        return "refused" if one_line and stored.state == "pending" else "traceback"

    for number in range(FIRST, FIRST + n):
        count.case(number, work)
    return count


def settings(n: int, folder: Path) -> Count:
    """`study create` with odd options or an odd space; what is made must be askable."""
    count = Count("settings")
    good = ["--params", "64e6", "--tokens", "1.28e9", "--budget", "1e17"]
    plain = {"domains": "code,web", "sizes": "1e6,4e6", "tokens-per-param": "20"}
    numbers = ("0", "-1", "nan", "inf", "1e999", "1e300", "10", "3", "1e17", "1e-9")

    def work(chance: random.Random) -> str:
        where = folder / f"settings{chance.random()}.db"
        words = list(good)
        if chance.random() < 0.4:
            values = SPACE.to_dict()
            for _ in range(chance.randint(0, 2)):
                values[chance.choice([*values, "colour"])] = chance.choice(
                    (None, [], {}, 0, -1, 10**400, "x", [1], ["a", "a"], {"code": [0, 2]}, math.nan)
                )
            (folder / "space.json").write_text(json.dumps(values))
            words += ["--space", str(folder / "space.json")]
        else:
            for name, value in plain.items():
                words += [
                    f"--{name}",
                    chance.choice((value, value, value, *numbers, *ODD_TEXTS[:12])),
                ]
        for _ in range(chance.randint(0, 2)):
            name = chance.choice(("params", "tokens", "budget", "active-params"))
            words += [f"--{name}", chance.choice(numbers)]
            name, odd_ones = chance.choice(
                (
                    ("objective", ("web=1", "web=nan", "web=-1", "web=0", "x", "web=1,web=2", "")),
                    ("losses", ("code,web", "", "a,a", "\x1b")),
                    ("law", ("camel", "newton", "")),
                    ("draws", ("10", "500", "999999999")),
                    ("chains", ("0", "1", "4")),
                    ("start", ("0", "-1", "5", "999999999999")),
                    ("seeds", ("0", "1", "5")),
                    ("acquisition", ("variance", "best")),
                    ("name", ("study", "a" * 300, "../x", "\x00", " ")),
                    ("bound", ("code=0:1", "code=1:0", "x=0:1", "code=nan:1", "code=0.9:1")),
                )
            )
            words += [f"--{name}", chance.choice(odd_ones)]
        status, said = called(["study", "create", str(where), *words])
        if status == 0:
            name = words[words.index("--name") + 1] if "--name" in words else "study"
            named = [words[i + 1] for i, word in enumerate(words) if word == "--name"]
            study = Study.open(where, name=named[-1] if named else name)
            asked = study.ask()
            fine = all(abs(sum(c.mixture.values()) - 1) < 1e-6 and c.flops > 0 for c in asked)
            return "taken" if fine else "wrong"
        usage = said.startswith("Usage:")  # the option parser's own answer
        one_line = said.count("\n") == 1 and said.strip().isprintable()
        return (
            "refused" if status == 2 and (usage or one_line) and not where.exists() else "traceback"
        )

    for number in range(FIRST, FIRST + n):
        count.case(number, work)
    return count


PARTS = {"tables": 3000, "filters": 1000, "posteriors": 500, "records": 250, "settings": 250}


def run(counts: dict[str, int]) -> Iterator[Count]:
    """Each part with so many cases."""
    with tempfile.TemporaryDirectory() as folder:
        for part in (tables, filters, posteriors, records, settings):
            if counts[part.__name__]:
                yield part(counts[part.__name__], Path(folder))


def main() -> None:
    """Print the table."""
    made = argparse.ArgumentParser(description=__doc__)
    for name, n in PARTS.items():
        made.add_argument(f"--{name}", type=int, default=n)
    made.add_argument("--first", type=int, default=0, help="number of the first case")
    counts = vars(made.parse_args())
    global FIRST
    FIRST = counts.pop("first")
    print("input | cases | taken | refused | tracebacks | wrong | blocked | slowest, s")
    print("--- | ---: | ---: | ---: | ---: | ---: | ---: | ---:")
    for count in run(counts):
        print(count.row(), flush=True)


if __name__ == "__main__":
    main()
