"""A study with 5,000 told runs on SQLite: seconds of each call, and asks of four workers.

    python results/reliability/load.py                  # 5,000 runs, four workers for 20 seconds
    python results/reliability/load.py --fit            # and what an ask costs beside the fit
    python results/reliability/load.py --fit --fitted 100    # the same asks after a shorter fit
    python results/reliability/load.py --runs 500 --seconds 3

CPU seconds are given beside those of the clock: on a busy machine only the former tell of the code.
"""

import argparse
import multiprocessing
import os
import platform
import sqlite3
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version

import numpy as np
import pandas as pd

from bayescamel.study import FitOptions, Study
from tests.study.examples import SPACE, TARGET

DOMAINS = tuple(f"d{i}" for i in range(5))


def create(where: str, **options: object) -> Study:
    """Five domains, three sizes, and a budget without end."""
    space = replace(SPACE, domains=DOMAINS, seeds=10**6)
    return Study.create(where, space, TARGET, budget=1e25, fit=FitOptions(), **options)  # type: ignore[arg-type]


def runs(n: int) -> pd.DataFrame:
    """Runs made elsewhere, on a smooth law with a little noise."""
    rng = np.random.default_rng(0)
    mixtures = rng.dirichlet(np.ones(len(DOMAINS)), n)
    size = rng.choice([1e6, 4e6, 16e6], n)
    columns = {"run_id": [f"e{i}" for i in range(n)], "n_params": size, "n_tokens": 20 * size}
    columns |= {f"w_{name}": mixtures[:, i] for i, name in enumerate(DOMAINS)}
    for i, name in enumerate(DOMAINS):
        curve = 1.5 + 1.5 * (size / 4e6) ** -0.2 * (0.2 + mixtures[:, i]) ** -0.1
        columns[f"loss_{name}"] = curve * (1 + 0.002 * rng.normal(size=n))
    return pd.DataFrame(columns)


def timed[T](what: str, work: Callable[[], T]) -> T:
    """Run it and print a row."""
    clock, cpu = time.perf_counter(), time.process_time()
    result = work()
    taken = time.perf_counter() - clock, time.process_time() - cpu
    print(f"{what} | {taken[0]:.2f} | {taken[1]:.2f}", flush=True)
    return result


def worker(where: str, seconds: float) -> tuple[int, float]:
    """Ask for so long; how often, and in how many CPU seconds."""
    study, asked = Study.open(where), 0
    study.ask()  # what is imported and read once
    until, cpu = time.monotonic() + seconds, time.process_time()
    while time.monotonic() < until:
        study.ask()
        asked += 1
    return asked, time.process_time() - cpu


def machine() -> str:
    """What the figures hold for."""
    names = ("bayescamel", "sqlalchemy", "pandas", "jax")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), load {os.getloadavg()[0]:.0f} at the "
        f"start; Python {platform.python_version()}, {versions}, SQLite {sqlite3.sqlite_version}"
    )


def main() -> None:
    """Print the table."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--runs", type=int, default=5000)
    made.add_argument("--seconds", type=float, default=20.0)
    made.add_argument("--fit", action="store_true", help="and a fit, with the asks beside it")
    made.add_argument("--fitted", type=int, default=1000, help="runs of the fit at most")
    options = made.parse_args()
    table = runs(options.runs)
    with tempfile.TemporaryDirectory() as folder:
        where = f"{folder}/study.db"
        study = create(where, start=10**6)
        print(machine(), "\n")
        print("call | seconds | CPU seconds\n--- | ---: | ---:")
        timed(f"attach {options.runs}", lambda: study.attach(table))
        timed("snapshot", study.snapshot)
        study.ask()  # what is imported once
        (asked,) = timed("ask in the start phase", study.ask)
        losses = dict.fromkeys(DOMAINS, 3.0)
        timed("tell", lambda: study.tell(asked.run_id, losses))
        timed("status without a fit", lambda: len(study.snapshot().told()))
        context = multiprocessing.get_context("spawn")
        with context.Pool(4) as pool:
            pool.map(len, ["started"] * 4)
            asks = pool.starmap(worker, [(where, options.seconds)] * 4)
        count, cpu = (sum(each) for each in zip(*asks, strict=True))
        print(f"one of four workers' asks | {4 * options.seconds / count:.2f} | {cpu / count:.3f}")
        print(f"asks a second by the four | {count / options.seconds:.1f} |", flush=True)
        if options.fit:
            study.change(start=1, fit={"max_runs": options.fitted})
            timed(f"first fit, to {options.fitted}", study.status)
            timed("first ask beside it", study.ask)  # compiles what chooses
            timed("ask beside it", study.ask)
            timed("ask of four beside it", lambda: study.ask(4))
            print(f"\n{study.status().note}")


if __name__ == "__main__":
    main()
