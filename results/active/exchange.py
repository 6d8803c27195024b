"""Batches chosen jointly, against greedy ones: what exchange adds.

    python results/active/exchange.py ../shared/data RUNS.csv > results/active/exchange.md

A greedy batch takes the best run per FLOP, one after the other, each given those before it.
Exchange goes on from there: every run of the batch in turn is given up for the candidate that,
given the others, removes the most variance of the target for what is left of the budget, until none
gains a thousandth. The surrogates are those of a study's first asks, on draws of the prior, and
values are compared by the surrogate's own word: an exchange that gains nothing there gains nothing.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from replay import SETTINGS, Case, prior_inputs
from scalebench import read

from bayescamel.designs.acquisitions import VarianceReduction, target_variance
from bayescamel.designs.candidates import target_table
from bayescamel.designs.choose import choose
from bayescamel.designs.inputs import AcquisitionInputs
from bayescamel.runs.columns import names_in

SHARES = (0.001, 0.003, 0.01, 0.03)
"""Of the pool's FLOPs, that a batch may cost."""
LEAST_GAIN = 1e-3


def value(inputs: AcquisitionInputs, batch: list[int]) -> float:
    """Share of the target's variance that a batch removes."""
    before = target_variance(inputs.require_surrogate(), "losses")
    after = given_all(inputs, batch).require_surrogate()
    return 1 - target_variance(after, "losses") / before


def given_all(inputs: AcquisitionInputs, batch: list[int]) -> AcquisitionInputs:
    """The inputs after a batch, its runs observed at once."""
    surrogate = inputs.require_surrogate()
    return replace(
        inputs, surrogate=surrogate.condition_on(surrogate.only(np.array(batch)).candidates)
    )


def exchanged(inputs: AcquisitionInputs, batch: list[int], budget: float) -> list[int]:
    """The batch after exchanges of one run, and of a run more where money is left."""
    best = value(inputs, batch)
    while True:
        before = best
        for place in range(len(batch) + 1):
            others = [*batch[:place], *batch[place + 1 :]]
            given = inputs if not others else given_all(inputs, others)
            removed = VarianceReduction().scores(given) * inputs.flops
            left = budget - inputs.flops[others].sum()
            open_ = inputs.flops <= left
            open_[others] = False
            if not open_.any():
                continue
            other = [*others, int(np.argmax(np.where(open_, removed, -np.inf)))]
            if (found := value(inputs, other)) > best * (1 + LEAST_GAIN):
                batch, best = other, found
        if best <= before * (1 + LEAST_GAIN):
            return batch


def main() -> None:
    """Print the table."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("shared", type=Path)
    made.add_argument("runs", type=Path, help="run table of mixinglaws_5mix")
    made.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = made.parse_args()
    case = Case.read(options.runs, SETTINGS["mixinglaws"])
    task = read(options.shared / "scalebench", "farseer")
    domains = tuple(names_in("mixture", case.table))
    validation = [str(name) for name in case.pool["validation"].to_numpy()]
    at_target = target_table(case.target, case.held_out["mixture"].to_numpy(), domains)
    pools = {
        "mixinglaws_5mix": (case.table, at_target, case.flops, validation),
        "farseer": (task.pool, task.test, task.cost, ["text"]),
    }
    print(__doc__.split("\n\n")[0] + "\n")
    print("| pool | FLOPs | seed | greedy removes | runs | with exchange | runs | more |")
    print("|---|---|---|---|---|---|---|---|")
    for name, (table, wanted, flops, losses) in pools.items():
        for seed in options.seeds:
            inputs = prior_inputs(table, wanted, flops, losses, seed)
            for share in SHARES:
                budget = share * flops.sum()
                if budget < 2 * flops.min():
                    continue
                greedy = choose(VarianceReduction(), inputs, len(table), budget).indices
                joint = exchanged(inputs, greedy, budget)
                first, then = value(inputs, greedy), value(inputs, joint)
                cells = [name, f"{share:.1%}", str(seed), f"{first:.1%}", str(len(greedy))]
                cells += [f"{then:.1%}", str(len(joint)), f"{then / first - 1:+.1%}"]
                print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
