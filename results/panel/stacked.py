"""Whether a stack of the default and the two best peers pays.

    python results/panel/stacked.py --shared ../shared/data > results/panel/stacked.md

Studies of three sizes or more of the tables of mixtures, every law by Laplace (``fast.py``).
Weights are those of `bayescamel.comparison.stacking`: each law's log density of the larger fitted
sizes, told from the smaller ones; then each held-out size is scored under the default and under
the stack.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
from fast import fit_fast
from tables import cases

from bayescamel.comparison.scores import log_density
from bayescamel.comparison.stacking import stacking_weights
from bayescamel.laws import WIDE, get_law, with_priors
from bayescamel.models.hierarchy import Noise

DEFAULT = "camel"
LAWS = (DEFAULT, "bimix", "additive")
TABLES = ["mixinglaws_5mix", "dmsl_slimpajama", "gadre_scaling", "proxies_v1"]
FEWEST = 2
"""Sizes that every law can be fitted to."""


def densities(shared: Path) -> dict[tuple[str, str, int, float], np.ndarray]:
    """Log densities (run, validation, law) by table, view, sizes fitted and size held out."""
    others = json.loads((Path(__file__).parent / "population.json").read_text())
    found = {}
    for case in cases(shared, TABLES):
        if case.kind != "sizes" or case.number < FEWEST:
            continue
        by_law: dict[float, list[np.ndarray]] = defaultdict(list)
        for name in LAWS:
            law, noise = get_law(name), Noise()
            if name == DEFAULT:
                told = others[case.table]
                law, noise = with_priors(WIDE[name], told["priors"]), Noise(**told["scatter"])
            posterior = fit_fast(case.train, law, noise)
            for size, test in case.tests.items():
                mean, sd = posterior.run_distribution(test)
                by_law[size].append(log_density(test["loss"].to_numpy(), mean, sd))
        for size, parts in by_law.items():
            found[case.table, case.view, case.number, size] = np.stack(parts, axis=-1)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True)
    found = densities(parser.parse_args().shared)
    rows = []
    for (table, view, number, size), density in found.items():
        sizes = sorted({key[3] for key in found if key[1] == view})
        # What was fitted besides the two smallest sizes, told from fewer: those of ``sizes`` first.
        told = sizes[: number - FEWEST]
        blocks = [
            np.nanmean(found[table, view, k, fitted], axis=0)
            for k in range(FEWEST, number)
            for fitted in told
            if (table, view, k, fitted) in found
        ]
        if not blocks:
            continue
        weights = stacking_weights(np.concatenate(blocks))
        stacked = np.log(np.exp(density) @ weights)
        rows.append(
            {"table": table, "view": view, "size": size, "default": np.nanmean(density[..., 0])}
            | {"stack": np.nanmean(stacked), "weight": weights[0]}
        )
    frame = pd.DataFrame(rows)
    tables = frame.groupby(["table", "view"]).mean(numeric_only=True).groupby("table").mean()
    gain = tables["stack"] - tables["default"]
    print("| table | log score of the default | of the stack | gained | weight of the default |")
    print("|---|---|---|---|---|")
    for name, row in tables.iterrows():
        print(
            f"| {name} | {row['default']:.2f} | {row['stack']:.2f} | "
            f"{row['stack'] - row['default']:+.2f} | {row['weight']:.2f} |"
        )
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    print(f"\nGained {gain.mean():+.2f} (standard error over tables {error:.2f}).")


if __name__ == "__main__":
    main()
