"""Coverage on data that no choice was made on: RegMix's 17 Pile domains.

    python results/extrapolation/confirm.py --shared ../shared/data --out results/extrapolation

Fitted on 256 runs at 1.3M parameters and 32 of the 256 at 59M; predicted are the other 224 at 59M.
The 64 runs at 1.1B, where tokens jump 25-fold as well, are the stress case. Data: Liu et al. 2025,
arXiv:2407.01492.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import xarray as xr

from bayescamel.comparison.scores import score
from bayescamel.inference.fit import fit
from bayescamel.runs.table import read_runs


def main() -> None:
    """Fit each law, score both cases, write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--laws", nargs="*", default=["camel"])
    parser.add_argument("--fitted", type=int, default=32)
    parser.add_argument("--draws", type=int, default=500)
    options = parser.parse_args()
    source = options.shared / "regmix" / "runs.csv"
    small = read_runs(source, where="size_label == '1M' and split == 'test'", renormalise=True)
    large = read_runs(source, where="size_label == '60M'", renormalise=True)
    largest = read_runs(source, where="size_label == '1B'", renormalise=True)
    train = xr.concat([small, large.isel(run=slice(options.fitted))], dim="run")
    result: dict[str, Any] = {
        "command": "python results/extrapolation/confirm.py --shared ../shared/data --out "
        f"results/extrapolation --fitted {options.fitted} --draws {options.draws}",
    }
    for law in options.laws:
        began = time.perf_counter()
        posterior = fit(train, law, draws=options.draws)
        result[law] = {"seconds": time.perf_counter() - began, "status": str(posterior.status)}
        for name, test in (("59M", large.isel(run=slice(options.fitted, None))), ("1.1B", largest)):
            mean, sd = posterior.run_distribution(test)
            result[law][name] = score(test["loss"].to_numpy(), mean, sd).to_dict()
    (options.out / "confirm.json").write_text(json.dumps(result, indent=1))
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
