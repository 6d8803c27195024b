"""How long it takes to score candidates: 2,000 draws, 5 validation domains, 64 target mixtures.

    python results/active/speed.py > results/active/speed.md

The draws are those of `camel` after 36 simulated runs. An acquisition is timed in a process of its
own, from the draws to one score a candidate: the fastest of three, after a hundredth of them for
the compiler.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import bayescamel as bc
from bayescamel.designs import ACQUISITIONS
from bayescamel.designs.beliefs import Beliefs
from bayescamel.designs.candidates import training_flops
from bayescamel.designs.knowledge import learn
from bayescamel.designs.situation import Situation
from bayescamel.posterior import Posterior

NAMES = ("web", "code", "math", "books", "talk")
DRAWS = 2000
MIXTURES = 64
SIZES = (2e7, 4e7, 8e7, 16e7)
TARGET = bc.Target(1e9, 2e10)
COUNTS = (10_000, 100_000)


def candidates(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Candidates of four sizes on mixtures drawn at random."""
    table = pd.DataFrame({"run_id": [f"c{i}" for i in range(n)]})
    table["n_params"] = rng.choice(SIZES, n)
    table["n_tokens"] = 20 * table["n_params"]
    weights = rng.dirichlet(np.ones(len(NAMES)), n)
    return table.assign(**{f"w_{name}": weights[:, k] for k, name in enumerate(NAMES)})


def simulated_posterior() -> Posterior:
    """Of runs on a smooth curve with noise of half a percent."""
    rng = np.random.default_rng(1)
    table = candidates(36, rng)
    for name in NAMES:
        curve = 1.5 + 1.5 * (table["n_params"] / 4e7) ** -0.15 * (0.1 + table[f"w_{name}"]) ** -0.15
        table[f"loss_{name}"] = curve * (1 + 0.005 * rng.normal(size=len(table)))
    return bc.fit(bc.read_runs(table), chains=4, draws=DRAWS // 4, tune=500, progress=False)


def measure(name: str, n: int, posterior: Path) -> dict[str, float]:
    """Seconds and memory of one acquisition in this process."""
    rng = np.random.default_rng(0)
    table, history = candidates(n, rng), candidates(8, rng)
    uniform = np.full(len(NAMES), 1 / len(NAMES))
    beliefs = Beliefs.of(Posterior.load(posterior))
    mixtures = rng.dirichlet(np.ones(len(NAMES)), MIXTURES)
    flops = training_flops(table)
    history = history.assign(flops=training_flops(history))
    before = memory()
    took: list[tuple[float, float]] = []
    for part in (n // 100, n, n, n):
        began, used = time.perf_counter(), time.process_time()
        known = learn(beliefs, TARGET, mixtures, uniform, table[:part])
        situation = Situation(table[:part], flops[:part], history, known, seed=0)
        scores = ACQUISITIONS[name].scores(situation)
        took.append((time.perf_counter() - began, time.process_time() - used))
    if scores.shape != (n,):
        raise RuntimeError(f"{name} gave scores of shape {scores.shape}")
    wall, cpu = min(took[1:])
    found = {"wall": wall, "cpu": cpu, "before": before, "peak": memory()}
    return found | {"features": known.basis.n_features, "draws": beliefs.n_draws}


def memory() -> float:
    """The most that this process has held, GiB; rusage would count the parent's too."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 2**20


def apart(name: str, n: int, posterior: Path) -> dict[str, float]:
    """The same in a process of its own."""
    words = [sys.executable, __file__, "--one", name, str(n), str(posterior)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def table_of(found: dict[str, dict[int, dict[str, float]]]) -> str:
    """Rows of the Markdown table."""
    counts = list(next(iter(found.values())))
    head = ["acquisition"]
    for n in counts:
        head += [f"{n:,}: s", "CPU s", "peak GiB"]
    lines = [head, ["---"] * len(head)]
    for name, by_count in found.items():
        row: list[Any] = [name]
        for n in counts:
            one = by_count[n]
            row += [f"{one['wall']:.2f}", f"{one['cpu']:.2f}", f"{one['peak']:.2f}"]
        lines.append(row)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Print the table, or with --one the JSON of one acquisition."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--one", nargs=3, metavar=("ACQUISITION", "CANDIDATES", "POSTERIOR"))
    made.add_argument("--counts", type=int, nargs="+", default=list(COUNTS))
    options = made.parse_args()
    if options.one:
        print(json.dumps(measure(options.one[0], int(options.one[1]), Path(options.one[2]))))
        return
    found: dict[str, dict[int, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        posterior = Path(folder) / "posterior.nc"
        simulated_posterior().save(posterior)
        for name in ACQUISITIONS:
            found[name] = {n: apart(name, n, posterior) for n in options.counts}
            print(name, found[name], file=sys.stderr, flush=True)
    every = [one for by_count in found.values() for one in by_count.values()]
    before, features = (max(one[key] for one in every) for key in ("before", "features"))
    print(__doc__.split("\n\n")[0] + "\n")
    print(table_of(found))
    print(
        f"\nSeconds by the clock and of CPU time on two cores, from the draws to the scores; peak "
        f"memory of the process, of which {before:.2f} GiB before anything is scored; "
        f"{features} features."
    )


if __name__ == "__main__":
    main()
