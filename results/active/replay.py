"""Replay: choose runs from those that were really trained, and judge the posterior at a target.

    python results/active/replay.py RUNS.csv --setting mixinglaws --out replay.jsonl

All acquisitions begin with the same runs a seed, eight or as many as the law needs; "variance from
nothing" chooses those as well, for as many FLOPs, on draws of the prior. At each checkpoint (a
share of the FLOPs that the whole pool cost) the law is fitted to the runs chosen so far, held
against the measured losses at the target, and asked for the next batch. Every line of the output is
one checkpoint; a replay that was stopped goes on where it was.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

import bayescamel as bc
from bayescamel.designs import get_acquisition
from bayescamel.designs.candidates import target_table, training_flops
from bayescamel.designs.choose import choose
from bayescamel.designs.inputs import AcquisitionInputs
from bayescamel.designs.linear_gaussian import surrogate_of
from bayescamel.designs.predictive import PredictiveDraws
from bayescamel.designs.prior import centre_of
from bayescamel.laws import get_law
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.posterior import Posterior
from bayescamel.runs.checks import runs_needed
from bayescamel.runs.columns import columns, names_in

START_RUNS = 8
"""At least, or what the law needs."""
SHARES = (0.06, 0.085, 0.12, 0.17, 0.24, 0.34, 0.5, 0.7)
SAMPLER: dict[str, Any] = {"chains": 2, "draws": 300, "tune": 500}
FROM_NOTHING = " from nothing"
"""Behind the name of an acquisition that chooses the starting runs as well."""
RHAT = 1.1
"""A warm refit beyond this is done again from scratch."""
COMPARED = (
    *("variance", "random", "regret", "uniform-flops", "information", "variance from nothing"),
    *("space-filling", "only-large", "only-small", "weighted-regret"),
)


@dataclass(frozen=True)
class Setting:
    """Which rows of a table are the pool, and which the target."""

    pool: str
    target: str
    losses: tuple[str, ...] | None = None


SETTINGS = {
    "mixinglaws": Setting(
        pool="step == 30000 and n_params < 2.5e8",
        target="step == 30000 and size_label == '410M'",
        losses=tuple(
            f"agg_{name}" for name in ("academic", "prose", "dialogue", "symbolic", "internet")
        ),
    ),
    "dmsl": Setting(
        pool="is_final == 1 and n_params < 2e9",
        target="is_final == 1 and n_params > 2e9",
        losses=("arxiv", "book", "c4", "github", "commoncrawl", "stackexchange", "wikipedia"),
    ),
    "proxies_v1": Setting(pool="n_params < 1e6", target="n_params > 1e6"),
}


@dataclass(frozen=True)
class Case:
    """The pool as candidates, and what was measured at the target."""

    pool: xr.Dataset
    held_out: xr.Dataset
    table: pd.DataFrame
    flops: np.ndarray

    @classmethod
    def read(cls, path: Path, setting: Setting) -> "Case":
        """From a run table."""
        pool = bc.read_runs(path, where=setting.pool, losses=setting.losses)
        held_out = bc.read_runs(path, where=setting.target, losses=setting.losses)
        table = pd.DataFrame({"run_id": pool["run"].to_numpy().astype(str)})
        table["n_params"] = pool["n_params"].to_numpy()
        table["n_tokens"] = pool["n_tokens"].to_numpy()
        for name in pool["domain"].to_numpy():
            table[f"w_{name}"] = pool["mixture"].sel(domain=name).to_numpy()
        return cls(pool, held_out, table, training_flops(table))

    @property
    def target(self) -> bc.Target:
        """The held-out model."""
        tokens = float(self.held_out["n_tokens"].median())
        return bc.Target(float(self.held_out["n_params"][0]), tokens)

    def start(self, seed: int) -> list[int]:
        """Runs of the smallest size, three of the next, on mixtures of all domains."""
        sizes = np.unique(self.table["n_params"])
        rng = np.random.default_rng(seed)
        n_runs = max(START_RUNS, runs_needed(self.pool.sizes["domain"]))
        while True:
            chosen = [
                int(row)
                for size, count in zip(sizes[:2], (n_runs - 3, 3), strict=True)
                for row in rng.permutation(np.flatnonzero(self.table["n_params"] == size))[:count]
            ]
            if self.pool["mixture"].isel(run=chosen).mean("run").min() > 0.05:
                return chosen


def prior_inputs(
    table: pd.DataFrame, wanted: pd.DataFrame, flops: np.ndarray, validation: list[str], seed: int
) -> AcquisitionInputs:
    """What an acquisition sees before any run: draws of the default law's prior.

    Parameters
    ----------
    table, wanted
        The pool, and the target's runs: ``n_params, n_tokens, w_*``.
    """
    domains = tuple(names_in("mixture", table))
    numbers = ["n_params", "n_tokens", *columns("mixture", domains)]
    candidates = table[["run_id", *numbers]].reset_index(drop=True)
    hierarchy = Hierarchy(get_law("camel"), len(validation), len(domains))
    centre = centre_of(candidates, domains, len(validation))
    predictive = PredictiveDraws.prior(
        hierarchy, centre, domains, tuple(validation), candidates[numbers], seed=seed
    )
    weights = np.full(len(validation), 1 / len(validation))
    surrogate = surrogate_of(predictive, wanted[numbers], weights, candidates, seed=seed)
    history = candidates.iloc[:0].assign(flops=[])
    return AcquisitionInputs(candidates, flops, history, surrogate, seed)


def starting(case: Case, name: str, seed: int) -> list[int]:
    """Rows of the runs before the first fit."""
    begun = case.start(seed)
    if not name.endswith(FROM_NOTHING):
        return begun
    names = [str(domain) for domain in case.pool["domain"].to_numpy()]
    wanted = target_table(case.target, case.held_out["mixture"].to_numpy(), tuple(names))
    validation = [str(domain) for domain in case.pool["validation"].to_numpy()]
    inputs = prior_inputs(case.table, wanted, case.flops, validation, seed)
    acquisition = get_acquisition(name.removesuffix(FROM_NOTHING))
    return choose(acquisition, inputs, len(case.table), float(case.flops[begun].sum())).indices


def refit(case: Case, chosen: list[int], before: Posterior | None, seed: int) -> Posterior:
    """The posterior of the chosen runs; from the last one where that converges."""
    runs = case.pool.isel(run=chosen)
    if before is not None:
        warm = bc.fit(runs, **SAMPLER, seed=seed, progress=False, warm_start=before)
        if warm.status.rhat_max < RHAT:
            return warm
    fresh: Posterior = bc.fit(runs, **SAMPLER, seed=seed, progress=False)
    return fresh


def expected(case: Case, posterior: Posterior) -> np.ndarray:
    """Posterior means of the losses at the target, (mixture, validation)."""
    predicted = posterior.predict(case.target, case.held_out["mixture"].to_numpy())
    return np.asarray(predicted["loss"].mean(("chain", "draw")))


def judge(case: Case, posterior: Posterior, seed: int) -> dict[str, float]:
    """Error, coverage and realised regret at the target."""
    mixtures = case.held_out["mixture"].to_numpy()
    observed = case.held_out["loss"].to_numpy()
    mean = expected(case, posterior)
    run = posterior.predict(case.target, mixtures, kind="run", seed=seed)["loss"].to_numpy()
    low, high = np.quantile(run.reshape(-1, *run.shape[2:]), [0.05, 0.95], axis=0)
    # The mean of the losses, and each of them alone: the mixture is chosen for every one.
    aims = np.vstack([np.full(observed.shape[1], 1 / observed.shape[1]), np.eye(observed.shape[1])])
    truth, believed = observed @ aims.T, mean @ aims.T
    regret = truth[believed.argmin(axis=0), np.arange(len(aims))] - truth.min(axis=0)
    return {
        "mre": float(abs(mean / observed - 1).mean()),
        "coverage90": float(((observed >= low) & (observed <= high)).mean()),
        "width90": float(((high - low) / observed).mean()),
        "regret": float(regret[0]),
        "regret_of_all": float(regret.mean()),
    }


def next_batch(
    case: Case, posterior: Posterior, chosen: list[int], name: str, budget: float, seed: int
) -> list[int]:
    """Rows of the pool that an acquisition takes for so many FLOPs."""
    left = np.setdiff1d(np.arange(len(case.table)), chosen)
    table = case.table.iloc[left].reset_index(drop=True)
    history = case.table.iloc[chosen].assign(flops=case.flops[chosen]).reset_index(drop=True)
    mixtures = case.held_out["mixture"].to_numpy()
    weights = np.full(case.held_out.sizes["validation"], 1 / case.held_out.sizes["validation"])
    predictive = PredictiveDraws.of(posterior)
    wanted = target_table(case.target, mixtures, predictive.domains)
    surrogate = surrogate_of(predictive, wanted, weights, table, seed=seed)
    inputs = AcquisitionInputs(table, case.flops[left], history, surrogate, seed)
    return [int(left[i]) for i in choose(get_acquisition(name), inputs, len(left), budget).indices]


def replay(
    case: Case,
    name: str,
    seed: int,
    start: list[int],
    first: Posterior,
    done: list[dict[str, Any]],
    out: Path,
) -> None:
    """Append the checkpoints that are missing; `first` is the posterior of the start."""
    full = float(case.flops.sum())
    rows = {run_id: row for row, run_id in enumerate(case.table["run_id"])}
    posterior = first
    last = max(done, key=lambda entry: entry["checkpoint"], default=None)
    chosen = start if last is None else [rows[run_id] for run_id in last["runs"]]
    for number, share in enumerate((0.0, *SHARES)):
        if last is not None and number <= last["checkpoint"]:
            continue
        if number > 0:
            if posterior.runs.sizes["run"] != len(chosen):  # a replay that goes on
                posterior = refit(case, chosen, posterior, seed)
            spent = float(case.flops[chosen].sum())
            kind = name.removesuffix(FROM_NOTHING)
            batch = next_batch(case, posterior, chosen, kind, share * full - spent, seed)
            if not batch:
                continue
            chosen = [*chosen, *batch]
            posterior = refit(case, chosen, posterior, seed)
        entry = {
            "acquisition": name,
            "seed": seed,
            "checkpoint": number,
            "share": float(case.flops[chosen].sum()) / full,
            "rhat": posterior.status.rhat_max,
            "seconds": posterior.status.seconds,
            **judge(case, posterior, seed),
            "runs": [case.table["run_id"][row] for row in chosen],
        }
        write(entry, out)


def write(entry: dict[str, Any], out: Path) -> None:
    """Append a checkpoint, and say it."""
    with out.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
    print({key: value for key, value in entry.items() if key != "runs"}, flush=True)


def read(out: Path) -> list[dict[str, Any]]:
    """What was replayed so far."""
    if not out.exists():
        return []
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    """Replay every acquisition, seed by seed."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("runs", type=Path)
    made.add_argument("--setting", choices=SETTINGS, required=True)
    made.add_argument("--out", type=Path, required=True)
    made.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    made.add_argument("--acquisitions", nargs="+", default=list(COMPARED))
    options = made.parse_args()
    case = Case.read(options.runs, SETTINGS[options.setting])
    for seed in options.seeds:
        firsts: dict[tuple[int, ...], Posterior] = {}
        for name in options.acquisitions:
            mine = [e for e in read(options.out) if (e["acquisition"], e["seed"]) == (name, seed)]
            if any(entry["checkpoint"] == len(SHARES) for entry in mine):
                continue
            start = starting(case, name, seed)
            if tuple(start) not in firsts:
                firsts[tuple(start)] = refit(case, start, None, seed)
            replay(case, name, seed, start, firsts[tuple(start)], mine, options.out)
        if not any(e["acquisition"] == "all" and e["seed"] == seed for e in read(options.out)):
            posterior = refit(case, list(range(len(case.table))), None, seed)
            entry = {"acquisition": "all", "seed": seed, "checkpoint": 0, "share": 1.0}
            entry |= {"rhat": posterior.status.rhat_max, **judge(case, posterior, seed), "runs": []}
            write(entry, options.out)


if __name__ == "__main__":
    main()
