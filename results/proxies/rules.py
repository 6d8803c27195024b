"""How much loss a run at the ladder's rule loses against the best learning rate.

Three sizes, two horizons, five rates, two seeds, at the even mixture:

    python results/proxies/rules.py train --out FOLDER --workers 2
    python results/proxies/rules.py table --out FOLDER > results/proxies/rules.md

A parabola through the mean log losses over the five log rates gives the best rate and what the rule
loses against it; the smallest size comes first, and a stopped sweep goes on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from proxies import corpora, grid, record
from proxies.cli import worker_slots
from proxies.config import TrainConfig
from proxies.grid import Cell
from proxies.shapes import ModelConfig
from proxies.sweep import locate_corpora, sweep

DIALS = (16_000, 48_000, 144_000)
TOKENS_PER_PARAM = (10, 20)
FACTORS = (0.35, 0.6, 1.0, 1.7, 2.9)
SEEDS = (0, 1)
EVALUATION_TOKENS = 65_536


def cells(names: tuple[str, ...]) -> list[Cell]:
    """The sweep, the cheapest runs first."""
    even = dict.fromkeys(names, 1 / len(names))
    made = []
    for dial in DIALS:
        model = ModelConfig.from_dial(dial)
        for ratio in TOKENS_PER_PARAM:
            for seed in SEEDS:
                for factor in FACTORS:
                    config = TrainConfig(
                        model,
                        even,
                        ratio * model.n_params,
                        seed,
                        rate_factor=factor,
                        evaluation_tokens=EVALUATION_TOKENS,
                        n_questions=0,
                    )
                    name = f"n{grid.size_name(dial)}-t{ratio}-s{seed}-f{factor:g}"
                    made.append(Cell(name, config))
    return made


def measurements(folder: Path) -> pd.DataFrame:
    """A row a run: size, horizon, seed, factor, mean log loss over the domains."""
    return pd.DataFrame(
        [
            {
                "n_params": entry["n_params"],
                "ratio": round(entry["config"]["n_tokens"] / entry["n_params"]),
                "seed": entry["seed"],
                "factor": entry["config"]["rate_factor"],
                "log_loss": float(np.mean(np.log(list(entry["loss_nats_per_token"].values())))),
                "clipped": entry["gradients"]["clipped_share"],
                "skipped": entry["gradients"]["skipped_steps"],
            }
            for entry in record.read_all(folder)
        ]
    )


def lost(factors: np.ndarray, log_losses: np.ndarray) -> tuple[float, float]:
    """Best factor by a parabola in log factor, and the log loss lost at factor 1 against it.

    Only the four points around the least one matter where the far ends rise steeply, so the
    point farthest from it is left out.
    """
    x = np.log(factors)
    least = x[int(log_losses.argmin())]
    kept = np.argsort(np.abs(x - least), kind="stable")[:4]
    a, b, _ = np.polyfit(x[kept], log_losses[kept], 2)
    if a <= 0:
        return float(factors[int(log_losses.argmin())]), float("nan")
    best = float(np.clip(-b / (2 * a), x.min(), x.max()))
    return float(np.exp(best)), float(-a * best**2 - b * best)


def main() -> int:
    """Train, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("train", "table"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--corpora", type=Path)
    options = parser.parse_args()
    if options.what == "train":
        folder = locate_corpora(options.out, options.corpora, corpora.default_cache())
        runs = cells(corpora.load(folder).names)
        return (
            1 if sweep(runs, folder, options.out, worker_slots("cpu", options.workers, None)) else 0
        )
    table = measurements(options.out)
    print(
        "| parameters | tokens a parameter | seeds | best factor | lost at the rule, % | clipped |"
    )
    print("|---|---|---|---|---|---|")
    for (size, ratio), group in table.groupby(["n_params", "ratio"]):
        means = group.groupby("factor")["log_loss"].mean()
        if len(means) < len(FACTORS):
            print(f"| {size:,} | {ratio} | unfinished: {len(group)} runs | | | |")
            continue
        best, loss = lost(means.index.to_numpy(), means.to_numpy())
        clipped = group.loc[group["factor"] == 1, "clipped"].mean()
        print(
            f"| {size:,} | {ratio} | {group['seed'].nunique()} | {best:.2f} | {100 * loss:.2f} | "
            f"{clipped:.2f} |"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
