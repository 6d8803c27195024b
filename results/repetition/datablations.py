"""What learning the worth of repeated tokens brings on the runs that it was published from.

    cd results/repetition; python datablations.py --shared ../../../shared/data

The runs of Muennighoff et al. (arXiv:2305.16264): one corpus, 7M to 8.7B parameters, 1 to 9,000
epochs. Each case is fitted twice, told of the unique tokens and not, by the priors that the panel
learned from all other tables, and scored on runs that it has not seen: longer ones, or larger ones.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from bayescamel import Posterior, fit, read_runs
from bayescamel.comparison.scores import score
from bayescamel.inference.sampler import Sampler
from bayescamel.laws import WIDE, with_priors
from bayescamel.models.hierarchy import Noise

PRIORS = Path(__file__).parents[1] / "panel" / "population.json"
SAMPLER = Sampler(chains=2, draws=300, tune=500)

CASES = {
    "to 8 epochs": (
        "split == 'train' and epochs <= 8",
        {"8 to 44 epochs": "8 < epochs <= 44", "beyond 44 epochs": "epochs > 44"},
    ),
    "to 44 epochs": (
        "split == 'train' and epochs <= 44",
        {"beyond 44 epochs": "epochs > 44"},
    ),
    "to 620M parameters and 44 epochs": (
        "split == 'train' and n_params < 7e8 and epochs <= 44",
        {
            "larger, to 4 epochs": "n_params > 7e8 and epochs <= 4",
            "larger, 4 to 44 epochs": "n_params > 7e8 and 4 < epochs <= 44",
        },
    ),
}
"""Which runs are fitted, and which are predicted from them, set before any was fitted."""


def fitted(table: pd.DataFrame, repeated: bool) -> Posterior:
    """A fit to these runs, told of their unique tokens or not."""
    told = json.loads(PRIORS.read_text())["datablations"]
    law, noise = with_priors(WIDE["camel"], told["priors"]), Noise(**told["scatter"])
    runs = read_runs(_named(table, repeated))
    return fit(runs, law, noise=noise, sampler=SAMPLER, progress=False)


def _named(table: pd.DataFrame, repeated: bool) -> pd.DataFrame:
    name = "unique_text" if repeated else "unique"
    return table.rename(columns={"unique_tokens": name})


def r_star(posterior: Posterior) -> str:
    """Median and 90 % interval."""
    low, middle, high = np.quantile(posterior.flat("r_star"), [0.05, 0.5, 0.95])
    return f"{middle:.1f} ({low:.1f} to {high:.1f})"


def judged(posterior: Posterior, tests: dict[str, pd.DataFrame], repeated: bool) -> list[str]:
    """A row of the table for each group of runs."""
    rows = []
    status = posterior.status
    for name, test in tests.items():
        runs = read_runs(_named(test, repeated))
        mean, sd = posterior.run_distribution(runs)
        found = score(runs["loss"].to_numpy(), mean, sd)
        told = r_star(posterior) if repeated else "as fresh"
        rows.append(
            f"{name} | {len(test)} | {told} | {found.mre:.1%} | {found.bias:+.1%} | "
            f"{found.coverage90:.0%} | {found.width90:.1%} | {found.log_score:.2f} | "
            f"{status.rhat_max:.3f} |"
        )
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--case", choices=list(CASES), action="append")
    options = parser.parse_args()
    table = pd.read_csv(options.shared / "datablations" / "runs.csv")
    table["epochs"] = table["n_tokens"] / table["unique_tokens"]
    print(
        "| fitted | runs | predicted | runs | R*, 90 % | error | bias | 90 % cover | width | "
        "log score | R-hat |"
    )
    print("|---" * 11 + "|")
    for name in options.case or CASES:
        rows, held_out = CASES[name]
        train = table.query(rows)
        tests = {which: table.query(query) for which, query in held_out.items()}
        for repeated in (True, False):
            posterior = fitted(train, repeated)
            for row in judged(posterior, tests, repeated):
                print(f"| {name} | {len(train)} | {row}", flush=True)


if __name__ == "__main__":
    main()
