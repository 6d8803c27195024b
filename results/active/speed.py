"""How long it takes to score candidates: 2,000 draws, 5 validation domains, 64 target mixtures.

    python results/active/speed.py > results/active/speed.md

The draws are those of `camel` after 36 simulated runs. Timed from the draws to one score a
candidate, after a hundredth of the candidates for the compiler.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import bayescamel as bc
from bayescamel.designs import ACQUISITIONS
from bayescamel.designs.candidates import target_table, training_flops
from bayescamel.designs.inputs import AcquisitionInputs
from bayescamel.designs.linear_gaussian import surrogate_of
from bayescamel.designs.predictive import PredictiveDraws
from bayescamel.posterior import Posterior

NAMES = ("web", "code", "math", "books", "talk")
DRAWS = 2000
MIXTURES = 64
SIZES = (2e7, 4e7, 8e7, 16e7)
TARGET = bc.Target(1e9, 2e10)
REPEATS = {10_000: 5, 100_000: 1}
"""Of each number of candidates; the fastest counts, since others may use the machine."""

DESCRIBED = "candidates described"


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


def measure(n: int, posterior: Path) -> dict[str, dict[str, float]]:
    """Seconds and memory of every acquisition, the description of the candidates included."""
    rng = np.random.default_rng(0)
    table, history = candidates(n, rng), candidates(8, rng)
    uniform = np.full(len(NAMES), 1 / len(NAMES))
    predictive = PredictiveDraws.of(Posterior.load(posterior))
    wanted = target_table(TARGET, rng.dirichlet(np.ones(len(NAMES)), MIXTURES), NAMES)
    flops = training_flops(table)
    history = history.assign(flops=training_flops(history))
    found: dict[str, dict[str, float]] = {}
    before = memory()
    for part in (n // 100, *(n,) * REPEATS[n]):
        described = Timed()
        surrogate = surrogate_of(predictive, wanted, uniform, table[:part])
        once = {DESCRIBED: described.done()}
        inputs = AcquisitionInputs(table[:part], flops[:part], history, surrogate, seed=0)
        for name, kind in ACQUISITIONS.items():
            scored = Timed()
            if kind().scores(inputs).shape != (part,):
                raise RuntimeError(f"{name} did not score every candidate")
            own = scored.done()
            once[name] = {key: own[key] + once[DESCRIBED][key] for key in ("wall", "cpu")}
            once[name]["peak"] = max(own["peak"], once[DESCRIBED]["peak"])
        if part == n:
            found = {
                name: min(one, found.get(name, one), key=lambda o: o["wall"])
                for name, one in once.items()
            }
    facts = {"before": before, "features": float(surrogate.projection.n_features)}
    return {name: one | facts for name, one in found.items()}


class Timed:
    """Seconds by the clock, of CPU time, and the most memory since it was made."""

    def __init__(self) -> None:
        # What has been the most so far is forgotten (see proc(5)).
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
        self._began, self._used = time.perf_counter(), time.process_time()

    def done(self) -> dict[str, float]:
        """What it took."""
        wall, cpu = time.perf_counter() - self._began, time.process_time() - self._used
        return {"wall": wall, "cpu": cpu, "peak": memory()}


def memory() -> float:
    """The most that this process has held, GiB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 2**20


def apart(n: int, posterior: Path) -> dict[str, dict[str, float]]:
    """The same in a process of its own."""
    words = [sys.executable, __file__, "--one", str(n), str(posterior)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    found: dict[str, dict[str, float]] = json.loads(done.stdout)
    return found


def table_of(found: dict[int, dict[str, dict[str, float]]]) -> str:
    """The Markdown table."""
    head = ["acquisition"]
    for n in found:
        head += [f"{n:,}: s", "CPU s", "peak GiB"]
    lines = [head, ["---"] * len(head)]
    for name in next(iter(found.values())):
        row = [name]
        for by_name in found.values():
            row += [f"{by_name[name][key]:.2f}" for key in ("wall", "cpu", "peak")]
        lines.append(row)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Print the table, or with --one the JSON of one number of candidates."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--one", nargs=2, metavar=("CANDIDATES", "POSTERIOR"))
    made.add_argument("--posterior", type=Path, help="kept from before; default: fitted now")
    options = made.parse_args()
    if options.one:
        print(json.dumps(measure(int(options.one[0]), Path(options.one[1]))))
        return
    with tempfile.TemporaryDirectory() as folder:
        posterior = options.posterior
        if posterior is None:
            posterior = Path(folder) / "posterior.nc"
            simulated_posterior().save(posterior)
        found = {n: apart(n, posterior) for n in REPEATS}
    first = next(iter(found[min(found)].values()))
    print(__doc__.split("\n\n")[0] + "\n")
    print(table_of(found))
    print(
        "\nSeconds by the clock and of CPU time on two cores, from the draws to the scores: "
        f"“{DESCRIBED}” is part of each. Peak memory of the process, of which "
        f"{first['before']:.2f} GiB before anything is scored; {first['features']:.0f} features."
    )


if __name__ == "__main__":
    main()
