"""How fast what the law misses grows beyond the runs, chosen without the table that judges it.

    python results/panel/beyond.py --shared ../shared/data > results/panel/beyond.md

`Noise.beyond` is no part of a fit, so every study of sizes is fitted once by Laplace (``fast.py``)
and told with each value. For each table the value with the best log score pooled over the other
tables is chosen, and scored on the table.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
from panel import fitted, judged
from summary import by_table
from tables import cases

VALUES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)


def scores(shared: Path) -> pd.DataFrame:
    """Log score and coverage by table (rows) and value (columns)."""
    others = json.loads((Path(__file__).parent / "population.json").read_text())
    rows = []
    for case in cases(shared):
        if case.kind != "sizes":
            continue
        posterior, _ = fitted(case, "camel", "laplace", others)
        for value in VALUES:
            noise = replace(posterior.hierarchy.noise, beyond=value)
            told = replace(posterior, hierarchy=replace(posterior.hierarchy, noise=noise))
            shared_words = {"table": case.table, "view": case.view, "value": value}
            rows += [{**shared_words, **row} for row in judged(case, told)]
    found = pd.DataFrame(rows)
    parts = {value: by_table(some) for value, some in found.groupby("value")}
    return pd.concat(parts, axis=1)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True)
    found = scores(parser.parse_args().shared)
    density = found.xs("log_score", axis=1, level=1)
    covered = found.xs("coverage90", axis=1, level=1)
    print(
        "| left out | " + " | ".join(f"{v:g}" for v in VALUES) + " | chosen by the others | score |"
    )
    print("|---" * (len(VALUES) + 3) + "|")
    total = []
    for name in density.index:
        chosen = density.drop(index=name).mean().idxmax()
        total.append(density.loc[name, chosen])
        told = " | ".join(f"{density.loc[name, v]:.2f}, {covered.loc[name, v]:.0%}" for v in VALUES)
        print(f"| {name} | {told} | {chosen:g} | {total[-1]:.2f} |")
    pooled = " | ".join(f"{density[v].mean():.3f}, {covered[v].mean():.0%}" for v in VALUES)
    print(f"| all | {pooled} | | {sum(total) / len(total):.3f} |")
    print("\nLog score and coverage of 90 % intervals at each value.")


if __name__ == "__main__":
    main()
