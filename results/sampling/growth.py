"""How the time of a fit grows with the number of runs and of training domains; simulated runs.

    python results/sampling/growth.py --out results/sampling

Runs are simulated from the default law at its typical parameters, with 0.3 % noise, over four
sizes three times apart, five validation domains, and mixtures drawn evenly from the simplex. Every
cell is fitted twice in a process of its own, so that the second time nothing is compiled; it is
the second that is reported, with the microseconds of one gradient, which is the work of one
leapfrog step. A cell that is in the output already is kept.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from bayescamel.posterior import Posterior

RUNS = (50, 100, 200, 500, 1000, 2000)
DOMAINS = (3, 5, 10, 20, 30)
BASE_RUNS, BASE_DOMAINS, VALIDATION = 200, 5, 5
NOISE = 0.003
DRAWS, TUNE = 150, 500
"""Too few to be judged, so that no fit goes on until it has converged."""


def simulate(n_runs: int, n_domains: int) -> "pd.DataFrame":
    """A run table of the default law."""
    import pandas as pd

    from bayescamel.laws import get_law
    from bayescamel.laws.base import Inputs
    from bayescamel.mixtures import dirichlet
    from bayescamel.models.hierarchy import Hierarchy

    rng = np.random.default_rng(n_runs + 10_000 * n_domains)
    names = [f"d{i}" for i in range(n_domains)]
    weights = dirichlet(n_runs, names, seed=1).to_numpy()
    log_size = np.log(3.0) * (np.arange(n_runs) % 4 - 1.5)
    log_tokens = rng.choice([-0.5, 0.0, 0.5], size=n_runs)
    own = np.eye(VALIDATION, n_domains)
    other = 0.08 / n_domains * np.exp(rng.normal(size=own.shape))
    inputs = Inputs(
        log_total=log_size,
        log_active=log_size,
        log_capacity=log_size,
        log_tokens=log_tokens,
        mixture=weights[None],
        reference=weights.mean(axis=0),
        own=own[:, None],
        log_centre=np.zeros(2),
    )
    parameters = {
        "alpha": np.full(VALIDATION, 0.22),
        "beta": np.full(VALIDATION, 0.3),
        "elasticity": np.where(own > 0, 0.08, other),
        "size_fading": np.full(VALIDATION, 0.04),
    }
    hierarchy = Hierarchy(get_law("camel"), VALIDATION, n_domains)
    coefficients = np.tile([0.95, 0.07, 0.05], (VALIDATION, 1))
    loss = hierarchy.curve(np, parameters, coefficients, inputs).T
    loss = 3.0 * loss * (1 + NOISE * rng.normal(size=loss.shape))
    table = {
        "run_id": [f"r{i}" for i in range(n_runs)],
        "n_params": 1e8 * np.exp(log_size),
        "n_tokens": 2e9 * np.exp(log_tokens),
    }
    table |= {f"w_{name}": weights[:, k] for k, name in enumerate(names)}
    table |= {f"loss_v{v}": loss[:, v] for v in range(VALIDATION)}
    return pd.DataFrame(table)


def cell(n_runs: int, n_domains: int) -> dict[str, Any]:
    """Fit twice; time the second."""
    import bayescamel as bc

    runs = bc.read_runs(simulate(n_runs, n_domains))
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        posterior = bc.fit(runs, draws=DRAWS, tune=TUNE, progress=False)
        seconds.append(time.perf_counter() - began)
    stats = posterior.tree["sample_stats"]
    return {
        "runs": n_runs,
        "domains": n_domains,
        "dimension": int(posterior.tree["unconstrained"]["value"].shape[-1]),
        "cold_s": seconds[0],
        "fit_s": seconds[1],
        "gradient_us": gradient_time(posterior),
        "leapfrogs": float(stats["n_steps"].mean()),
        "rhat_max": posterior.status.rhat_max,
        "ess_bulk": posterior.status.ess_bulk_min,
        "divergences": posterior.status.divergences,
    }


def gradient_time(posterior: "Posterior") -> float:
    """Microseconds of the log density and its gradient, the median of 200 calls."""
    import jax

    from bayescamel.models.compiled import value_and_gradient
    from bayescamel.models.density import log_density
    from bayescamel.models.problem import build

    problem = build(posterior.runs, posterior.centre)
    blocks = posterior.tree["unconstrained"]["value"].to_numpy()[0, 0]
    place = np.concatenate([blocks, np.zeros(len(problem.loss))])  # behind them, the runs' noise
    with jax.enable_x64(True):
        np.asarray(value_and_gradient(log_density, posterior.hierarchy, place, problem)[1])
        times = []
        for _ in range(200):
            began = time.perf_counter()
            np.asarray(value_and_gradient(log_density, posterior.hierarchy, place, problem)[1])
            times.append(time.perf_counter() - began)
    return 1e6 * float(np.median(times))


def main() -> None:
    """Fill in the missing cells and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/sampling"))
    parser.add_argument("--cell", type=int, nargs=2)
    options = parser.parse_args()
    if options.cell:
        print(json.dumps(cell(*options.cell)))
        return
    path = options.out / "growth.json"
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    cells = [(n, BASE_DOMAINS) for n in RUNS] + [(BASE_RUNS, k) for k in DOMAINS]
    for n_runs, n_domains in dict.fromkeys(cells):
        if any((row["runs"], row["domains"]) == (n_runs, n_domains) for row in rows):
            continue
        command = [sys.executable, __file__, "--cell", str(n_runs), str(n_domains)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows.append(json.loads(done.stdout.strip().splitlines()[-1]))
        print(rows[-1], flush=True)
        about = {
            "command": "python results/sampling/growth.py --out results/sampling",
            "cores": len(os.sched_getaffinity(0)),
            "versions": {name: version(name) for name in ("jax", "numpyro", "numpy")},
        }
        path.write_text(json.dumps({"about": about, "rows": rows}, indent=1))
    (options.out / "growth.md").write_text(markdown(rows))


def markdown(rows: list[dict[str, Any]]) -> str:
    """Two tables and the exponents of growth, a straight line through log and log."""
    lines = []
    for name, fixed, value in (
        ("runs", "domains", BASE_DOMAINS),
        ("domains", "runs", BASE_RUNS),
    ):
        part = sorted((r for r in rows if r[fixed] == value), key=lambda r: r[name])
        columns = list(part[0])
        lines += [f"Growth with {name}, at {value} {fixed}:", ""]
        lines += ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
        for row in part:
            words = (f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values())
            lines.append("| " + " | ".join(words) + " |")
        slopes = (
            f"{column} grows as {name}^{exponent(part, name, column):.2f}"
            for column in ("fit_s", "gradient_us")
        )
        lines += ["", "; ".join(slopes) + ".", ""]
    return "\n".join(lines)


def exponent(rows: list[dict[str, Any]], by: str, of: str) -> float:
    """Slope of ln `of` over ln `by`."""
    return float(np.polyfit(np.log([r[by] for r in rows]), np.log([r[of] for r in rows]), 1)[0])


if __name__ == "__main__":
    main()
