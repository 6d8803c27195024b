"""A study with 5,000 told runs on SQLite: seconds of each call, and asks of four workers.

    python results/reliability/load.py                  # 5,000 runs, four workers for 20 seconds
    python results/reliability/load.py --runs 500 --seconds 3

CPU seconds are given beside those of the clock: on a busy machine only the former tell of the code.
"""

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

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


def worker(where: str, until: float) -> int:
    """Ask until the time is over; how often."""
    study, asked = Study.open(where), 0
    while time.time() < until:
        study.ask()
        asked += 1
    return asked


def main() -> None:
    """Print the table."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--runs", type=int, default=5000)
    made.add_argument("--seconds", type=float, default=20.0)
    made.add_argument("--fit", action="store_true", help="and a fit, with the asks beside it")
    options = made.parse_args()
    table = runs(options.runs)
    with tempfile.TemporaryDirectory() as folder:
        where = f"{folder}/study.db"
        study = create(where, start=10**6)
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
            until = time.time() + options.seconds
            asks = pool.starmap(worker, [(where, until)] * 4)
        print(f"asks a second by four workers | {sum(asks) / options.seconds:.1f} |", flush=True)
        if options.fit:
            study.change(start=1)
            timed("first fit, to a part of 1,000 runs", study.status)
            timed("ask beside the fit", study.ask)
            print(f"\n{study.status().note}", file=sys.stderr)
        assert Path(where).exists()


if __name__ == "__main__":
    main()
