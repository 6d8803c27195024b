"""Train the recommended mixture for real, beside the reference and the uniform mixture.

The bundled runs without their largest size are fitted; the mixture recommended for that size is
trained there with two seeds, as are the mixture of least expected loss (which is not recommended
where it cannot be told from the reference), the best measured mixture of the largest fitted size
(what a team without a law would take, here the reference) and the uniform one. Mixtures that are
the same are trained once.

    python results/decisions/retrain.py --corpora TEXT --out FOLDER > results/decisions/retrain.md

FOLDER keeps the plan and the records: what is trained already is not trained again.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from rich.console import Console

import bayescamel as bc
from bayescamel.decisions import optimal_mixture, rank_mixtures
from bayescamel.runs.bundled import HELD_OUT_PARAMS
from proxies import corpora
from proxies.collect import collect
from proxies.config import TrainConfig
from proxies.devices import Runtime
from proxies.grid import Cell
from proxies.shapes import ModelConfig
from proxies.sweep import locate_corpora, sweep

SEEDS = (0, 1)
TOKENS = 1_280_000


def decide(runs: xr.Dataset) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """The mixtures, and what is expected of them: the mean loss over validation domains."""
    below = runs.isel(run=(runs["n_params"] < HELD_OUT_PARAMS).to_numpy())
    target = bc.Target(HELD_OUT_PARAMS, float(TOKENS))
    posterior = bc.fit(below, progress=False)
    print(f"{posterior.status}\n")
    largest = below.isel(run=(below["n_params"] == below["n_params"].max()).to_numpy())
    largest = largest.isel(run=(largest["n_tokens"] == TOKENS).to_numpy())
    mean = largest["loss"].mean("validation").to_numpy()
    reference = largest["mixture"][int(mean.argmin())]
    names = [str(name) for name in runs["domain"].to_numpy()]
    best = optimal_mixture(posterior, target, reference=reference.drop_vars("run"))
    print(f"```\n{best}\n```\n")
    rows = {
        "recommended": best.recommended.to_numpy(),
        "least": best.optimum.to_numpy(),
        "reference": reference.to_numpy(),
        "uniform": np.full(len(names), 1 / len(names)),
    }
    ranked = rank_mixtures(posterior, target, np.array(list(rows.values())), kind="run")
    expected = {
        label: f"{float(row['expected']):.4f} ({float(row['lower90']):.4f} to "
        f"{float(row['upper90']):.4f})"
        for label, row in ((label, ranked.sel(mixture=i)) for i, label in enumerate(rows))
    }
    mixtures = {
        label: dict(zip(names, map(float, weights), strict=True)) for label, weights in rows.items()
    }
    return mixtures, expected


def trained_as(mixtures: dict[str, dict[str, float]]) -> dict[str, str]:
    """Under which name each mixture is trained: the first of those that are the same."""
    same: dict[str, str] = {}
    for label, mixture in mixtures.items():
        weights = np.array(list(mixture.values()))
        earlier = (
            first
            for first in dict.fromkeys(same.values())
            if np.allclose(weights, list(mixtures[first].values()), atol=1e-6)
        )
        same[label] = next(earlier, label)
    return same


def table(records: pd.DataFrame, expected: dict[str, str], same: dict[str, str]) -> str:
    """What came out, one line a run."""
    losses = [name for name in records.columns if name.startswith("loss_")]
    lines = [
        "| mixture | seed | " + " | ".join(n.removeprefix("loss_") for n in losses) + " | mean | "
        "expected of one run (90 %) |",
        "|---" * (len(losses) + 4) + "|",
    ]
    for label in expected:
        for seed in SEEDS:
            row = records[records["run_id"] == f"{same[label]}-s{seed}"].iloc[0]
            values = [float(row[name]) for name in losses]
            cells = [f"{value:.4f}" for value in (*values, float(np.mean(values)))]
            lines.append(f"| {label} | {seed} | " + " | ".join([*cells, expected[label]]) + " |")
    return "\n".join(lines)


def main() -> None:
    """Decide once, train what is missing, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--corpora", type=Path, required=True, help="text of the four domains of the bundled runs"
    )
    parser.add_argument("--cache", type=Path, default=corpora.default_cache())
    options = parser.parse_args()
    folder = locate_corpora(options.out, options.corpora, options.cache)
    plan = options.out / "plan" / "mixtures.json"
    mixtures, expected = decide(bc.load_proxies())
    if plan.exists():
        # A later fit may recommend a slightly different mixture: what was trained stays.
        mixtures = json.loads(plan.read_text(encoding="utf-8"))
    else:
        plan.parent.mkdir(parents=True, exist_ok=True)
        plan.write_text(json.dumps(mixtures, indent=2), encoding="utf-8")
    same = trained_as(mixtures)
    print("weights, and under which name it was trained:\n")
    for label, mixture in mixtures.items():
        words = ", ".join(f"{name} {weight:.3f}" for name, weight in mixture.items())
        print(f"- {label}: {words}" + ("" if same[label] == label else f" (as {same[label]})"))
    print()
    cells = [
        Cell(
            f"{label}-s{seed}",
            TrainConfig(ModelConfig.from_dial(HELD_OUT_PARAMS), mixture, TOKENS, seed),
        )
        for label, mixture in mixtures.items()
        if same[label] == label
        for seed in SEEDS
    ]
    failed = sweep(cells, folder, options.out, [Runtime()] * 2, Console(stderr=True))
    if failed:
        raise SystemExit(f"not trained: {', '.join(failed)}")
    print(table(collect(options.out), expected, same))


if __name__ == "__main__":
    main()
