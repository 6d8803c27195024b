"""The same posterior by five ways of sampling it: time, leapfrogs, effective draws, memory.

    python results/sampling/engines.py --shared ../shared/data --out results/sampling

Every cell is a process of its own with an empty compilation cache, so that the cold time holds
importing, compiling and sampling; one of the others ends at ``--limit`` seconds. Warm is a refit
with one more run from the posterior before it, of our engine only. The last engine is a
200-replicate bootstrap of the Huber L-BFGS point fit.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

HERE = Path(__file__).parent
REGMIX = {
    "source": "regmix",
    "where": "size_label == '60M' or (size_label == '1M' and split == 'test')",
    "more": "size_label == '60M' or (size_label == '1M' and split != 'extra')",
    "losses": None,
}
DATA: dict[str, Any] = {
    "mixinglaws_5mix": {
        "source": "mixinglaws_5mix",
        "where": "step == 30000 and n_params < 2.5e8",
        "more": "step == 30000 and (n_params < 2.5e8 or size_label == '410M')",
        "losses": [f"agg_{d}" for d in ("academic", "prose", "dialogue", "symbolic", "internet")],
    },
    "proxies_v1": {"source": None, "where": "n_params < 1e6", "more": None, "losses": None},
    "regmix": REGMIX,
}
PATIENCE = 7200.0
"""Seconds that our own engine may take, its two refits included."""
DRAWS = 4000
"""Of every sampler, four chains together: the default of `fit`."""
ENGINES = ("marginal", "nutpie", "numpyro", "pymc", "bootstrap")


def load(name: str, shared: Path, key: str) -> "xr.Dataset":
    """The runs of a data set; with ``more``, one run beyond those of ``where``."""
    from bayescamel.runs.table import read_runs

    spec = DATA[name]
    if spec["source"] is None:
        source = HERE.parent / "panel" / "proxies_v1.csv"
    else:
        source = shared / spec["source"] / "runs.csv"
    base = read_runs(source, where=spec["where"], losses=spec["losses"], renormalise=True)
    if key == "where":
        return base
    if spec["more"] is None:  # a copy of the first run under another name stands for a new one
        extra = base.isel(run=[0]).assign_coords(run=["one-more"])
    else:
        pool = read_runs(source, where=spec["more"], losses=spec["losses"], renormalise=True)
        new = [run for run in pool["run"].values if run not in set(base["run"].values)][:1]
        extra = pool.sel(run=new)
    import xarray as xr

    return xr.concat([base, extra], dim="run")


def cell(name: str, engine: Any, shared: Path) -> dict[str, object]:
    """Fit one data set one way, in this process."""
    began = time.perf_counter()
    from bayescamel.inference.fit import fit

    runs, law = load(name, shared, "where"), DATA[name].get("law", "camel")
    if engine == "bootstrap":
        fit(runs, law, method="point", progress=False).bootstrap(200)
        return {"cold_s": time.perf_counter() - began, **memory()}
    posterior = fit(runs, law, engine=engine, progress=False)
    cold = time.perf_counter() - began
    status = posterior.status
    steps = float(posterior.tree["sample_stats"]["n_steps"].mean())
    row = {
        "cold_s": cold,
        "leapfrogs": steps,
        "rhat_max": status.rhat_max,
        "ess_bulk": status.ess_bulk_min,
        "ess_tail": status.ess_tail_min,
        "divergences": status.divergences,
        "ess_per_s": status.ess_bulk_min / cold,
    }
    if engine == "marginal":
        more = load(name, shared, "more")
        for warm in ("warm_compile_s", "warm_s"):  # the second time nothing is compiled
            began = time.perf_counter()
            refit = fit(more, law, warm_start=posterior, progress=False)
            row[warm] = time.perf_counter() - began
        row["warm_converged"] = refit.status.converged
    return row | memory()


def memory() -> dict[str, object]:
    """Peak resident memory of this process in MB."""
    return {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def launch(name: str, engine: str, shared: Path, limit: float) -> dict[str, object]:
    """Run a cell in a process of its own."""
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, __file__, "--shared", str(shared), "--cell", name, engine]
        flags = "--xla_force_host_platform_device_count=4" if engine == "numpyro" else ""
        environment = os.environ | {"XDG_CACHE_HOME": cache, "XLA_FLAGS": flags}
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=limit, check=True
            )
        except subprocess.TimeoutExpired:
            late = {"cold_s": f"> {limit:.0f}"}
            if engine != "bootstrap":  # were every draw an independent one
                late["ess_per_s"] = f"< {DRAWS / limit:.3g}"
            return {"data": name, "engine": engine, **late}
    return {"data": name, "engine": engine, **json.loads(done.stdout.strip().splitlines()[-1])}


def main() -> None:
    """Fill the table cell by cell; a cell that is there already is kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--limit", type=float, default=600.0)
    parser.add_argument("--data", nargs="*", default=list(DATA), choices=DATA)
    parser.add_argument("--engines", nargs="*", default=ENGINES, choices=ENGINES)
    parser.add_argument("--cell", nargs=2)
    options = parser.parse_args()
    if options.cell:
        print(json.dumps(cell(options.cell[0], options.cell[1], options.shared)))
        return
    path = options.out / "engines.json"
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    for name in options.data:
        for engine in options.engines:
            if any((row["data"], row["engine"]) == (name, engine) for row in rows):
                continue
            limit = PATIENCE if engine == "marginal" else options.limit
            rows.append(launch(name, engine, options.shared, limit))
            print(rows[-1], flush=True)
            packages = ("jax", "numpyro", "nutpie", "pymc", "numpy")
            about = {
                "command": "python results/sampling/engines.py --shared ../shared/data --out "
                f"results/sampling --data {' '.join(options.data)} "
                f"--engines {' '.join(options.engines)} --limit {options.limit:g}",
                "cores": len(os.sched_getaffinity(0)),
                "versions": {package: version(package) for package in packages},
            }
            path.write_text(json.dumps({"about": about, "rows": rows}, indent=1))
            write_table(rows, about, options.out / "engines.md")


def write_table(rows: list[dict[str, object]], about: dict[str, object], path: Path) -> None:
    """The rows as Markdown, each data set's together whatever the order they came in."""
    order = [(name, engine) for name in DATA for engine in ENGINES]
    rows = sorted(rows, key=lambda row: order.index((str(row["data"]), str(row["engine"]))))
    columns = ["data", "engine", "cold_s", "warm_s", "leapfrogs", "rhat_max", "ess_bulk"]
    columns += ["ess_tail", "ess_per_s", "divergences", "peak_mb"]
    lines = [
        f"`{about['command']}`, {about['cores']} cores, {about['versions']}.",
        "",
        "`marginal` is our engine, the others sample the plain program; `bootstrap` is 200",
        "replicates of the Huber L-BFGS point fit. `> n`: ended after n seconds, the `--limit` of",
        f"that row, when there were fewer than {DRAWS:,} draws, so fewer effective ones.",
        "",
        "| " + " | ".join(columns) + " |",
        "|" + "---|" * len(columns),
    ]
    for row in rows:
        cells = [row.get(column, "") for column in columns]
        words = [f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in cells]
        lines.append("| " + " | ".join(words) + " |")
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
