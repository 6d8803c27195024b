"""The default law beside others on runs that had no say in any.

    python results/panel/unseen.py --runs bayescamel/data/proxies_v2.csv --variants may-grow \
        no-own no-size-fading no-size-effect no-lopsided-noise no-run-noise > pieces.md

The runs are those of proxies_v2, but for those that repeat text; fits are Laplace's (``fast.py``).
The variants are those of the ablation.
"""

import argparse
from pathlib import Path

import numpy as np
from fast import fit_fast
from variants import VARIANTS

from bayescamel import read_runs
from bayescamel.comparison.scores import score
from bayescamel.laws import get_law
from bayescamel.models.hierarchy import Noise
from bayescamel.runs.sizes import active_params

LARGEST, LARGEST_SPARSE = 1e6, 3e6
"""Parameters above which dense and sparse runs are held out."""
SMALL = 2e5
"""Parameters below which runs are small."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--variants", nargs="*", default=[], choices=VARIANTS)
    options = parser.parse_args()
    runs = read_runs(options.runs, where="epochs_english < 1").drop_dims("benchmark")
    size, active = runs["n_params"].to_numpy(), active_params(runs)
    dense, held_out = active == size, size > np.where(active == size, LARGEST, LARGEST_SPARSE)
    medium = dense & (size > SMALL) & ~held_out
    cases = {
        "dense": (dense & ~held_out, {"dense, 1.3M": dense & held_out}),
        "dense and sparse": (
            ~held_out,
            {"dense, 1.3M": dense & held_out, "sparse, 3.8M": ~dense & held_out},
        ),
        "dense to 160k": (
            dense & (size < SMALL),
            {"dense, 476k": medium, "dense, 1.3M": dense & held_out},
        ),
    }
    laws = {"camel": (get_law("camel"), Noise())}
    laws |= {name: VARIANTS[name](*laws["camel"]) for name in options.variants}
    head = ["law", "fitted", "predicted", "error", "bias", "90 %", "log score"]
    print(f"{__doc__.split(chr(10))[0]}\n\n| {' | '.join(head)} |\n{'|---' * len(head)}|")
    for name, (law, noise) in laws.items():
        for fitted, (which, tests) in cases.items():
            posterior = fit_fast(runs.isel(run=np.flatnonzero(which)), law, noise)
            for predicted, ahead in tests.items():
                test = runs.isel(run=np.flatnonzero(ahead))
                found = score(test["loss"].to_numpy(), *posterior.run_distribution(test)).to_dict()
                cells = [f"{found['mre']:.1%}", f"{found['bias']:+.1%}"]
                cells += [f"{found['coverage90']:.0%}", f"{found['log_score']:.2f}"]
                print(f"| {name} | {fitted} | {predicted} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
