"""Plan against reality: predicted error of splits of a budget, and the error that came out.

    python results/active/plan.py RUNS.csv > results/active/plan.md

The pool and the target are those of replay.py (mixinglaws_5mix at step 30,000; with ``--setting
proxies_v1`` its runs of the largest number of tokens). After the same eight starting runs a seed,
each split adds runs that were really trained. Its error at the target is predicted before
(`compare_allocations`: from the prior alone, and from the posterior of the eight), and held against
that of the law fitted to all of them.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from replay import SETTINGS, Case, judge, refit
from scipy.stats import spearmanr

from bayescamel.designs.allocation.plans import compare_allocations
from bayescamel.designs.allocation.scenarios import Scenarios
from bayescamel.designs.proposals import cells
from bayescamel.designs.space import Size, Space
from bayescamel.posterior import Posterior

SPLITS: dict[str, dict[str, tuple[int, ...]]] = {
    "mixinglaws": {
        "all small": (18, 0, 0),
        "uniform FLOPs": (18, 5, 2),
        "ends": (18, 0, 4),
        "uniform runs": (4, 4, 4),
        "all middle": (0, 14, 0),
        "all large": (0, 0, 6),
    },
    "proxies_v1": {
        "all small": (13, 15, 0, 0),
        "uniform FLOPs": (13, 9, 3, 1),
        "ends": (13, 0, 0, 3),
        "uniform runs": (2, 2, 2, 2),
        "all middle": (0, 0, 10, 0),
        "all large": (0, 0, 0, 4),
    },
}
"""Runs of each size, as near to the FLOPs of the last split as the pool allows: it has few of the
smallest, of which the start takes some, and these cost little."""
TOKENS = {"proxies_v1": " and n_tokens > 1e6"}
"""Runs that count: a plan has one number of tokens a size."""


def space_of(case: Case) -> Space:
    """The pool's sizes and tokens."""
    domains = tuple(str(name) for name in case.pool["domain"].to_numpy())
    sizes = tuple(Size(float(n)) for n in np.unique(case.table["n_params"]))
    return Space(domains, sizes, n_tokens=(float(case.table["n_tokens"].iloc[0]),))


def mixture_order(case: Case, start: list[int], seed: int) -> np.ndarray:
    """Mixtures of the pool in an order drawn by lot: (M, domain).

    Those trained at most sizes come first, and of them those of the start last.
    """
    weights = case.pool["mixture"].to_numpy()
    mixtures = np.random.default_rng(seed).permutation(np.unique(weights, axis=0))
    same = (mixtures[:, None] == weights[None]).all(axis=2)
    sizes = case.table["n_params"].to_numpy()
    trained = [len(np.unique(sizes[row])) for row in same]
    begun = same[:, start].any(axis=1)
    return mixtures[np.lexsort((begun, np.negative(trained)))]


def rows_of(case: Case, order: np.ndarray, counts: tuple[int, ...], start: list[int]) -> list[int]:
    """Rows of the pool: the first so many mixtures of each size that are left."""
    place = {tuple(mixture): i for i, mixture in enumerate(order.tolist())}
    rank = [place[tuple(row)] for row in case.pool["mixture"].to_numpy().tolist()]
    left = np.setdiff1d(np.argsort(rank, kind="stable"), start, assume_unique=True)
    sizes = case.table["n_params"].to_numpy()
    chosen: list[int] = []
    for size, count in zip(np.unique(sizes), counts, strict=True):
        mine = left[sizes[left] == size]
        if len(mine) < count:
            raise RuntimeError(f"{count} runs of {size:g} parameters are asked for: {len(mine)}")
        chosen += mine[:count].tolist()
    return chosen


def predict(
    case: Case, scenarios: Scenarios, order: np.ndarray, splits: Mapping[str, tuple[int, ...]]
) -> pd.DataFrame:
    """Expected errors of splits given as numbers of runs."""
    space = space_of(case)
    flops = np.array([size.flops(space.n_tokens[0]) for size in space.sizes])
    budget = max(float(np.dot(counts, flops)) for counts in splits.values())
    shares = {name: np.array(counts) * flops / budget for name, counts in splits.items()}
    aims = case.held_out["mixture"].to_numpy()
    return compare_allocations(
        scenarios, space, case.target, budget, splits=shares, mixtures=order, target_mixtures=aims
    )


def from_prior(
    case: Case,
    posterior: Posterior,
    start: list[int],
    order: np.ndarray,
    splits: Mapping[str, tuple[int, ...]],
) -> pd.Series:
    """Before any run: the start's runs are part of every split."""
    space = space_of(case)
    validation = tuple(str(name) for name in case.pool["validation"].to_numpy())
    everywhere = cells(space, space.mixtures(24, seed=0))
    scenarios = Scenarios.prior(posterior.hierarchy, space.domains, validation, everywhere)
    begun = case.table["n_params"].iloc[start].to_numpy()
    more = [int((begun == size.n_params).sum()) for size in space.sizes]
    whole = {
        name: tuple(a + b for a, b in zip(counts, more, strict=True))
        for name, counts in splits.items()
    }
    return predict(case, scenarios, order, whole)["error"]


def compare(case: Case, splits: Mapping[str, tuple[int, ...]], seed: int) -> pd.DataFrame:
    """Predicted and realised errors of one seed, by split."""
    start = case.start(seed)
    posterior = refit(case, start, None, seed)
    order = mixture_order(case, start, seed)
    predicted = predict(case, Scenarios.of(posterior), order, splits)
    table = predicted[["error", "lower90", "upper90"]]
    table = table.assign(prior=from_prior(case, posterior, start, order, splits), seed=seed)
    for name, counts in splits.items():
        chosen = [*start, *rows_of(case, order, counts, start)]
        fitted = refit(case, chosen, posterior, seed)
        table.loc[name, "share"] = case.flops[chosen].sum() / case.flops.sum()
        table.loc[name, "realised"] = judge(case, fitted, seed)["mre"]
        print(seed, table.loc[name].to_dict(), file=sys.stderr, flush=True)
    return table


def report(found: pd.DataFrame, splits: Mapping[str, tuple[int, ...]]) -> str:
    """The Markdown table."""
    found = found.assign(within=found["realised"].between(found["lower90"], found["upper90"]))
    seeds = found["seed"].nunique()
    lines = [
        "| split | FLOPs | from the prior | after 8 runs | 90 % | realised | range | within |",
        "|---|---|---|---|---|---|---|---|",
    ]
    means = found.groupby(level=0).mean().sort_values("realised")
    for split, row in means.iterrows():
        name = str(split)
        one = found["realised"][found.index == name]
        counts = " + ".join(map(str, splits[name]))
        lines.append(
            f"| {name} ({counts}) | {row['share']:.0%} | {row['prior']:.2%} | {row['error']:.2%} | "
            f"{row['lower90']:.2%} to {row['upper90']:.2%} | {row['realised']:.2%} | "
            f"{one.min():.2%} to {one.max():.2%} | {round(row['within'] * seeds)} of {seeds} |"
        )
    rank = [spearmanr(means[key], means["realised"]).statistic for key in ("prior", "error")]
    lines.append(
        f"\nMean relative error of the losses at the target, means over {seeds} seeds. Rank "
        f"correlation with the realised error: {rank[0]:.2f} from the prior alone, {rank[1]:.2f} "
        "after the eight runs. FLOPs are shares of the pool's, the start included; in brackets "
        "the runs of each size, smallest first; “within”: seeds whose realised error is in the "
        "interval predicted for it."
    )
    return "\n".join(lines)


def main() -> None:
    """Predict, fit and print."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("runs", type=Path)
    made.add_argument("--setting", choices=SPLITS, default="mixinglaws")
    made.add_argument("--seeds", type=int, nargs="+", default=list(range(4)))
    options = made.parse_args()
    setting, splits = SETTINGS[options.setting], SPLITS[options.setting]
    pool = setting.pool + TOKENS.get(options.setting, "")
    case = Case.read(options.runs, replace(setting, pool=pool))
    found = pd.concat([compare(case, splits, seed) for seed in options.seeds])
    print(__doc__.split("\n\n")[0] + "\n\n" + report(found, splits))


if __name__ == "__main__":
    main()
