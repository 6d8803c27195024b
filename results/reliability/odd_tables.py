"""Tables of runs with odd cells, names and bytes."""

import contextlib
import csv
import io
import math
import random
from pathlib import Path

import numpy as np
import xarray as xr
from odd_cases import ODD_NUMBERS, ODD_TEXTS, SHARE_CHECKED, SPACE, TARGET, Count, is_blocked

from bayescamel import read_runs
from bayescamel.exceptions import BayesCamelError
from bayescamel.study import Study


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


def tables(numbers: range, folder: Path) -> Count:
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

    for number in numbers:
        count.case(number, work)
    return count
