"""Whether intervals of benchmarks hold far beyond the fitted sizes, on Gadre et al.'s models.

    python results/benchmarks/distance.py --runs ../shared/data/gadre_scaling/runs.csv

Every horizon from three sizes on (Gadre et al. 2024, arXiv:2403.08540): the k smallest sizes are
fitted, the accuracies of all larger models predicted from their measured losses, and errors and
90 % intervals counted by how many times larger than the largest fitted size a model is. Benchmarks
are those that some fitted model beats chance on by four standard errors of guessing: what is known
beforehand. A horizon that is in the JSON file is not computed again.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.benchmarks import fit_benchmarks
from bayescamel.benchmarks.backtest import split
from bayescamel.benchmarks.table import benchmark_facts
from bayescamel.runs.table import read_runs

HERE = Path(__file__).parent
MIN_SIZES = 3
SETTINGS = {"chains": 2, "draws": 500, "tune": 500}


def moving(runs: xr.Dataset) -> list[int]:
    """Columns of the benchmarks that some run beats chance on."""
    facts = benchmark_facts(runs["benchmark"].to_numpy())
    chance, questions = facts["chance"].to_numpy(), facts["questions"].to_numpy()
    luck = np.sqrt(np.maximum(chance * (1 - chance), 0.01) / questions)
    return list(np.flatnonzero(runs["accuracy"].max("run").to_numpy() > chance + 4 * luck))


def horizon(runs: xr.Dataset, fit_max: float, **settings: Any) -> dict[str, Any]:
    """Errors and hits of all larger models, one row a model and benchmark."""
    small, large = split(runs, fit_max)
    columns = moving(small)
    small, large = small.isel(benchmark=columns), large.isel(benchmark=columns)
    began, cpu = time.perf_counter(), time.process_time()
    fitted = fit_benchmarks(small, progress=False, **settings)
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    drawn = fitted.predict_at(large["loss"], "run")["accuracy"].to_numpy()
    low, median, high = np.quantile(drawn, [0.05, 0.5, 0.95], axis=(0, 1))
    observed = large["accuracy"].to_numpy()
    row, column = np.nonzero(~np.isnan(observed))
    value = observed[row, column]
    table = pd.DataFrame(
        {
            "times": large["n_params"].to_numpy()[row] / fit_max,
            "model": row,
            "error": np.abs(median[row, column] - value),
            "inside": (low[row, column] <= value) & (value <= high[row, column]),
            "width": (high - low)[row, column],
        }
    )
    return {
        "fit_max": float(fit_max),
        "n_fitted": small.sizes["run"],
        "n_benchmarks": len(columns),
        "wall": wall,
        "cpu": cpu,
        "status": str(fitted.status).splitlines()[0],
        "by_distance": by_distance(table),
    }


def by_distance(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Means over models and benchmarks, one row a size that was held out."""
    rows = []
    for _, there in table.groupby("times"):
        models = there.groupby("model")["inside"].mean()
        spread = models.std() / np.sqrt(len(models)) if len(models) > 1 else None
        means = {key: float(there[key].mean()) for key in ("error", "inside", "width")}
        rows.append(
            {"times": float(there["times"].iloc[0]), "models": len(models), **means, "se": spread}
        )
    return rows


def report(found: list[dict[str, Any]]) -> str:
    """The table in Markdown."""
    settings = ", ".join(f"{key} {value}" for key, value in SETTINGS.items())
    lines = [
        "`python results/benchmarks/distance.py --runs ../shared/data/gadre_scaling/runs.csv`",
        f"({settings})",
        "",
        "Errors and widths are shares of 1; coverage is of 90 % intervals, with the standard error",
        "over models, since benchmarks of one model are not independent.",
        "",
        "| fitted up to | benchmarks | times as large | models | error | coverage | width |",
        "|---|---|---|---|---|---|---|",
    ]
    for case in found:
        for row in case["by_distance"]:
            spread = "" if row["se"] is None else f" ± {row['se']:.0%}"
            lines.append(
                f"| {case['fit_max']:.3g} | {case['n_benchmarks']} | {row['times']:.3g} | "
                f"{row['models']} | {row['error']:.4f} | {row['inside']:.0%}{spread} | "
                f"{row['width']:.3f} |"
            )
    lines.append("")
    lines += [
        f"- up to {case['fit_max']:.3g}: {case['n_fitted']} models, {case['cpu']:.0f} s of "
        f"processor time, {case['status']}"
        for case in found
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Compute the horizons that are missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=HERE)
    options = parser.parse_args()
    runs = read_runs(options.runs)
    path = options.out / "distance.json"
    found: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    for size in np.unique(runs["n_params"])[MIN_SIZES - 1 : -1]:
        if any(case["fit_max"] == size for case in found):
            continue
        found.append(horizon(runs, float(size), **SETTINGS))
        path.write_text(json.dumps(found, indent=1) + "\n")
        path.with_suffix(".md").write_text(report(found))
        print(found[-1]["status"], flush=True)


if __name__ == "__main__":
    main()
