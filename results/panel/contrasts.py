"""Differences between mixtures: what a decision rests on, held against the runs.

    python results/panel/contrasts.py --shared ../shared/data > results/panel/contrasts.md

At each held-out size of the tables of mixtures, the objective (mean over validation domains) of
each run less the mean over the runs of that size. What all mixtures share, the effect of the size
and what the law misses beyond the runs, drops out; what is left is the law, its miss at measured
mixtures, and noise. Fits are Laplace's (``fast.py``), priors those that the other tables taught.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from beyond import with_beyond
from panel import fitted
from tables import cases

from bayescamel.draws.summary import interval90

TABLES = ["mixinglaws_5mix", "dmsl_slimpajama", "proxies_v1", "regmix"]
LEAST_RUNS = 4
"""Of a size, for a difference to be told from their mean."""
DISTANCES = {"to 2 times": (0.0, 2.0), "2 to 5 times": (2.0, 5.0), "beyond 5 times": (5.0, np.inf)}


def differences(shared: Path) -> pd.DataFrame:
    """A row a horizon: coverage of single losses' and of the objective's differences."""
    others = json.loads((Path(__file__).parent / "population.json").read_text())
    rng = np.random.default_rng(0)
    rows = []
    for case in cases(shared, TABLES):
        if case.kind != "sizes":
            continue
        posterior, _ = fitted(case, "camel", "laplace", others)
        alone = with_beyond(posterior, 0.0)
        largest = float(case.train["n_params"].max())
        for size, test in case.tests.items():
            if test.sizes["run"] < LEAST_RUNS:
                continue
            mean, sd = alone.run_distribution(test)
            drawn = mean + sd * rng.normal(size=mean.shape)
            drawn -= drawn.mean(axis=1, keepdims=True)
            seen = test["loss"].to_numpy() - test["loss"].to_numpy().mean(axis=0)
            objective, apart = drawn.mean(axis=2), seen.mean(axis=1)
            z = (apart - objective.mean(axis=0)) / objective.std(axis=0)
            rows.append(
                {
                    "table": case.table,
                    "distance": size / largest,
                    "losses": inside(seen, drawn),
                    "objective": inside(apart, objective),
                    "z": float(np.sqrt((z**2).mean())),
                }
            )
    return pd.DataFrame(rows)


def inside(seen: np.ndarray, drawn: np.ndarray) -> float:
    """Share of the 90 % intervals that cover."""
    low, high = interval90(drawn, (0,))
    return float(((low <= seen) & (seen <= high)).mean())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True)
    found = differences(parser.parse_args().shared)
    print("Differences between mixtures at larger sizes, and what their 90 % intervals cover.\n")
    print("| | horizons | of a loss | of the objective | rms of objective's error over its sd |")
    print("|---|---|---|---|---|")
    parts = {str(name): part for name, part in found.groupby("table")}
    for name, (low, high) in DISTANCES.items():
        parts[name] = found[(found["distance"] > low) & (found["distance"] <= high)]
    for name, part in parts.items():
        means = part[["losses", "objective", "z"]].mean()
        print(
            f"| {name} | {len(part)} | {means['losses']:.0%} | {means['objective']:.0%} | "
            f"{means['z']:.2f} |"
        )


if __name__ == "__main__":
    main()
