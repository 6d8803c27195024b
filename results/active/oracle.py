"""What is left to gain: runs chosen with a look at the answer, on the pool of mixinglaws_5mix.

    python results/active/oracle.py RUNS.csv > results/active/oracle.md

Of the largest size the runs whose mixtures gain most at the target when the whole size is fitted,
which nobody can know who has not trained them; and beside them all smaller runs, those of the
smallest size, or those and the middle size where the largest was not taken. An acquisition can
hardly be asked for less error at the same FLOPs. No search over all subsets: there may be better.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from replay import SETTINGS, Case, expected, refit

from bayescamel.posterior import Posterior

SHARES = (0.35, 0.4, 0.45, 0.5, 1.0)
type Beside = Callable[[list[int]], list[int]]
"""Which smaller runs are taken beside these largest ones."""
SEEDS = 3


def errors(case: Case, posterior: Posterior) -> np.ndarray:
    """Mean relative error at the target by mixture."""
    off = abs(expected(case, posterior) / case.held_out["loss"].to_numpy() - 1)
    return np.asarray(off.mean(axis=1))


def by_gain(case: Case, smaller: list[int], largest: list[int], seed: int) -> list[int]:
    """The largest runs, those first whose mixtures gain most from measuring all of them."""
    without, whole = (refit(case, rows, None, seed) for rows in (smaller, [*smaller, *largest]))
    gain = errors(case, without) - errors(case, whole)
    weights = case.pool["mixture"].to_numpy()[largest]
    wanted = case.held_out["mixture"].to_numpy()[np.argsort(-gain)]
    return [largest[int(abs(weights - mixture).sum(axis=1).argmin())] for mixture in wanted]


def others(case: Case, small: list[int], middle: list[int]) -> Beside:
    """The smallest size, and the middle one on mixtures that the largest was not taken of."""
    weights = case.pool["mixture"].to_numpy()

    def beside(largest: list[int]) -> list[int]:
        taken = {tuple(row) for row in weights[largest]}
        return [*small, *(row for row in middle if tuple(weights[row]) not in taken)]

    return beside


def up_to(case: Case, order: list[int], beside: Beside, share: float) -> list[int]:
    """As many of the largest runs, in order, as this share of the pool's FLOPs pays for."""
    budget = share * case.flops.sum() * (1 + 1e-9)
    sets = ([*beside(order[:n]), *order[:n]] for n in range(len(order), -1, -1))
    return next(rows for rows in sets if case.flops[rows].sum() <= budget)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path)
    case = Case.read(parser.parse_args().runs, SETTINGS["mixinglaws"])
    sizes = case.table["n_params"].to_numpy()
    small, middle, large = (np.flatnonzero(sizes == n).tolist() for n in np.unique(sizes))
    print("`python results/active/oracle.py RUNS.csv > results/active/oracle.md`, the table of")
    print("mixinglaws_5mix: mean relative error at 410M by share of the pool's FLOPs, a column a")
    print("seed of the sampler. Largest runs are taken in the order of what their mixtures gain.\n")
    print("| runs of 70M, 160M, 305M | share of FLOPs |" + " error |" * SEEDS)
    print("|---|---|" + "---|" * SEEDS)
    orders = [by_gain(case, [*small, *middle], large, seed) for seed in range(SEEDS)]
    shown: list[set[int]] = []
    for beside in (lambda _: [*small, *middle], lambda _: small, others(case, small, middle)):
        for share in SHARES:
            chosen = [up_to(case, order, beside, share) for order in orders]
            if set(chosen[0]) in shown:  # the ways of choosing meet at their ends
                continue
            shown.append(set(chosen[0]))
            found = [
                errors(case, refit(case, rows, None, seed)).mean()
                for seed, rows in enumerate(chosen)
            ]
            counts = ", ".join(
                str(len(set(chosen[0]) & set(size))) for size in (small, middle, large)
            )
            spent = case.flops[chosen[0]].sum() / case.flops.sum()
            cells = " | ".join(f"{error:.3%}" for error in found)
            print(f"| {counts} | {spent:.1%} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
