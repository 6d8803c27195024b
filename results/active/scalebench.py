"""Choosing runs on a public yardstick: scalebench (Li et al., arXiv:2604.22753).

    python results/active/scalebench.py run ../shared/data/scalebench farseer --out farseer.jsonl
    python results/active/scalebench.py table *.jsonl > results/active/scalebench.md

An empty start. The first runs are chosen on draws of the prior, the later ones on a posterior that
is fitted anew whenever the cost has grown by GROWTH. At each checkpoint, a share of the whole
pool's cost, the law fitted to the chosen runs predicts the test points, and is scored by R² over
all of them (clipped to -1 … 1), by what its 90 % intervals cover, and by the R² that it expected
before looking. Priors are those that the other tables of results/panel taught. Every line of the
output is a checkpoint; what is there is not done again. Tasks such as `farseer-internal-10` are
made of a pool's own runs: on these, and not on the three tasks, alternatives may be compared.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from replay import read as read_lines

import bayescamel as bc
from bayescamel.designs import get_acquisition
from bayescamel.designs.inputs import AcquisitionInputs
from bayescamel.designs.linear_gaussian import surrogate_of
from bayescamel.designs.predictive import PredictiveDraws
from bayescamel.designs.prior import centre_of
from bayescamel.draws.summary import interval90
from bayescamel.laws import WIDE, Law, with_priors
from bayescamel.models.hierarchy import Noise
from bayescamel.models.problem import hierarchy_for
from bayescamel.posterior import Posterior
from bayescamel.runs.checks import runs_needed
from bayescamel.runs.columns import columns, names_in

GROWTH = 1.6
"""The law is fitted anew when the cost has grown so."""
FIRST = 0.1
"""Share of the first checkpoint that may be spent on the prior's word."""
SAMPLER: dict[str, Any] = {"chains": 2, "draws": 300, "tune": 500}
RHAT = 1.1
"""Draws beyond this are made again with twice the warm-up."""
FLOPS_SHARES, RUNS_SHARES = (0.01, 0.05, 0.10), (0.20, 0.35, 0.50)
"""Checkpoints: shares of a pool's FLOPs, or for the domain task of its runs."""
DOMAIN_TOKENS = 31.5e9
"""Tokens of every run of the domain task: 30,000 steps of 2^20."""
DOMAIN_SIZES = {"70M": 18_915_328, "160M": 85_056_000, "305M": 201_541_632, "410M": 302_311_424}


@dataclass(frozen=True)
class Task:
    """A pool of runs, and the points that are wanted.

    Parameters
    ----------
    pool, test
        Run tables: ``n_params, n_tokens, w_*, loss_*``, and of the pool ``group``.
    cost
        Of each run of the pool.
    shares
        Of the cost of each group at the checkpoints.
    table
        Of results/panel, whose runs these are.
    """

    pool: pd.DataFrame
    test: pd.DataFrame
    cost: np.ndarray
    shares: tuple[float, ...]
    table: str

    def losses(self) -> list[str]:
        """Their columns."""
        return columns("loss", names_in("loss", self.pool))

    def weights(self) -> list[str]:
        """Columns of training domains."""
        return columns("mixture", names_in("mixture", self.pool))

    def inputs(self) -> list[str]:
        """Columns of what a law is told of a run."""
        unique = columns("unique", names_in("unique", self.pool))
        return ["n_params", "n_tokens", *self.weights(), *unique]


def read(folder: Path, name: str) -> Task:
    """A task of scalebench, or an internal one."""
    if name == "domain":
        return _domain(folder / "domain_mixture_scaling_law")
    if name == "data-constrained":
        pool, test = _curves(folder / "data_constrained_scaling_law")
        return _by_flops(pool, test, "datablations")
    if name == "farseer":
        pool, test = _curves(folder / "farseer_scaling_law")
        return _by_flops(pool, test, "farseer")
    if name.startswith("farseer-internal"):
        pool, _ = _curves(folder / "farseer_scaling_law")
        return _internal(pool, float(name.rpartition("-")[2]))
    raise SystemExit(f"no task {name!r}")


NAMES = {"N": "n_params", "D": "n_tokens", "params": "n_params", "tokens": "n_tokens"}
NAMES |= {"unique_tokens": "unique_text", "loss": "loss_text"}


def _curves(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    found = [pd.read_parquet(folder / f"{part}.parquet") for part in ("train", "test")]
    pool, test = (table.rename(columns=NAMES).assign(w_text=1.0) for table in found)
    return pool, test


def _by_flops(pool: pd.DataFrame, test: pd.DataFrame, table: str) -> Task:
    cost = 6.0 * pool["n_params"] * pool["n_tokens"]
    return Task(_named(pool), _named(test), cost.to_numpy(), FLOPS_SHARES, table)


def _internal(pool: pd.DataFrame, factor: float) -> Task:
    """The dozen dearest runs are wanted; in the pool are those of a `factor`-th of their FLOPs."""
    pool = pool.sort_values("n_params").reset_index(drop=True)
    flops = pool["n_params"] * pool["n_tokens"]
    limit = flops.max() / factor
    dearest = flops.nlargest(12).index
    return _by_flops(pool[flops <= limit].reset_index(drop=True), pool.loc[dearest], "farseer")


def _domain(folder: Path) -> Task:
    parts = []
    for part in ("train", "test"):
        table = pd.read_parquet(folder / f"{part}.parquet")
        table.columns = table.columns.str.replace("proportion_", "w_")
        sizes = table["group"].map(DOMAIN_SIZES).astype(float)
        parts.append(_named(table.assign(n_params=sizes, n_tokens=DOMAIN_TOKENS)))
    pool, test = parts
    return Task(pool, test, np.ones(len(pool)), RUNS_SHARES, "mixinglaws_5mix")


def _named(table: pd.DataFrame) -> pd.DataFrame:
    table = table.reset_index(drop=True)
    return table.assign(run_id=[f"r{i:03d}" for i in range(len(table))])


class Study:
    """One acquisition on one task from one seed."""

    def __init__(self, task: Task, law: Law, noise: Noise, acquisition: str, seed: int) -> None:
        self.task, self.law, self.noise = task, law, noise
        self.acquisition, self.seed = get_acquisition(acquisition), seed
        self.posterior: Posterior | None = None
        self.fitted: list[int] = []
        self.runs = bc.read_runs(task.pool.drop(columns="group"))

    def fit(self, chosen: list[int]) -> Posterior:
        """The posterior of the chosen runs."""
        if self.posterior is None or self.fitted != chosen:
            runs = self.runs.isel(run=chosen)
            options = SAMPLER | {"noise": self.noise, "seed": self.seed, "progress": False}
            self.posterior, self.fitted = bc.fit(runs, self.law, **options), chosen
            if self.posterior.status.rhat_max > RHAT:
                self.posterior = bc.fit(runs, self.law, **(options | {"tune": 1000}))
        return self.posterior

    def predictive(self, chosen: list[int]) -> PredictiveDraws:
        """Draws of the posterior, or of the prior where the runs are too few for one."""
        domains = tuple(name.removeprefix("w_") for name in self.task.weights())
        if len(chosen) >= runs_needed(len(domains)):
            return PredictiveDraws.of(self.fit(chosen))
        validation = tuple(str(name) for name in self.runs["validation"].to_numpy())
        hierarchy = hierarchy_for(self.runs, self.law, "partial", self.noise)
        centre = centre_of(self.task.pool, domains, len(validation))
        return PredictiveDraws.prior(
            hierarchy, centre, domains, validation, self.task.pool, seed=self.seed
        )

    def more(self, chosen: list[int], share: float) -> list[int]:
        """What the acquisition takes next, up to a share of each group's cost, before a refit."""
        task, cost = self.task, self.task.cost
        wanted = task.test[task.inputs()]
        table = task.pool[["run_id", *wanted.columns]]
        uniform = np.full(len(task.losses()), 1 / len(task.losses()))
        surrogate = surrogate_of(self.predictive(chosen), wanted, uniform, table, seed=self.seed)
        if chosen and self.posterior is None:  # too few for a posterior
            surrogate = surrogate.condition_on(surrogate.only(np.array(chosen)).candidates)
        history = table.iloc[chosen].assign(flops=cost[chosen])
        inputs = AcquisitionInputs(table, cost, history, surrogate, self.seed)
        group = task.pool["group"].to_numpy()
        spent = float(cost[chosen].sum())
        first = FIRST * task.shares[0] * float(cost.sum())
        enough = max(GROWTH * spent, first)
        least = runs_needed(len(task.weights()))
        taken: list[int] = []
        while len(chosen) + len(taken) < least or spent < enough:
            mine = [*chosen, *taken]
            left = pd.Series(cost).groupby(group).sum() * share
            left = left.sub(pd.Series(cost[mine]).groupby(group[mine]).sum(), fill_value=0.0)
            open_ = cost <= left[group].to_numpy() * (1 + 1e-9)
            open_[mine] = False
            if not open_.any():
                break
            best = int(np.argmax(np.where(open_, self.acquisition.scores(inputs), -np.inf)))
            taken.append(best)
            spent += float(cost[best])
            inputs = inputs.after(best)
        return taken

    def go_on(self, chosen: list[int], done: int) -> Iterator[dict[str, Any]]:
        """The checkpoints after the first `done`."""
        for number, share in list(enumerate(self.task.shares))[done:]:
            while more := self.more(chosen, share):
                chosen = [*chosen, *more]
                sizes = self.task.pool["n_params"].iloc[chosen]
                print(number, len(chosen), f"{sizes.max():.3g}", file=sys.stderr, flush=True)
            posterior = self.fit(chosen)
            yield {
                "checkpoint": number,
                "share": float(self.task.cost[chosen].sum() / self.task.cost.sum()),
                "rhat": posterior.status.rhat_max,
                "seconds": posterior.status.seconds,
                **judge(self.task, posterior),
                "runs": chosen,
            }


def judge(task: Task, posterior: Posterior) -> dict[str, float]:
    """R², the R² that was expected, and coverage, over all test points and losses."""
    truth = task.test[task.losses()].to_numpy()
    means, runs = [], []
    for row in task.test.to_dict("records"):
        available = {"text": row["unique_text"]} if "unique_text" in row else {}
        target = bc.Target(row["n_params"], row["n_tokens"], available=available)
        mixture = np.array([[row[name] for name in task.weights()]])
        # One seed a size: its effect is one number, whatever the tokens.
        seed = int(np.log(row["n_params"]) * 1e6)
        expected = posterior.predict(target, mixture)["loss"].to_numpy()
        drawn = posterior.predict(target, mixture, kind="run", seed=seed)["loss"].to_numpy()
        means.append(expected.reshape(-1, truth.shape[1]).mean(axis=0))
        runs.append(drawn.reshape(-1, truth.shape[1]))
    mean, run = np.array(means), np.stack(runs, axis=1)
    low, high = interval90(run, (0,))
    return {
        "r2": float(r_squared(truth, mean)),
        "expected_r2": float(np.mean([r_squared(one, mean) for one in run])),
        "coverage90": float(((truth >= low) & (truth <= high)).mean()),
        "mre": float(abs(mean / truth - 1).mean()),
        "width90": float(((high - low) / truth).mean()),
    }


def r_squared(truth: np.ndarray, predicted: np.ndarray) -> float:
    """R² over all numbers, clipped as scalebench does."""
    left = np.square(truth - predicted).sum() / np.square(truth - truth.mean()).sum()
    return float(np.clip(1 - left, -1, 1))


PUBLISHED = {
    "farseer": {
        "random": "-0.77 / 0.78 / 0.79",
        "V-optimal": "0.67 / 0.87 / 0.92",
        "theirs": "0.60 / 0.88 / 0.93",
        "all data": "0.91",
    },
    "data-constrained": {
        "random": "-0.74 / -0.36 / 0.12",
        "V-optimal": "0.58 / 0.83 / 0.85",
        "theirs": "0.73 / 0.85 / 0.86",
        "all data": "0.79",
    },
    "domain": {
        "random": "-0.36 / 0.41 / 0.70",
        "V-optimal": "0.57 / 0.91 / 0.95",
        "theirs": "0.64 / 0.89 / 0.95",
        "all data": "0.81",
    },
}
"""R² of the paper, means over ten seeds and ten laws a task (scalebench/ABOUT.md)."""


def report(found: pd.DataFrame) -> str:
    """The Markdown tables."""
    blocks = []
    for task, mine in found.groupby("task"):
        shares = RUNS_SHARES if task == "domain" else FLOPS_SHARES
        head = [f"{share:.0%}" for share in shares]
        lines = [f"## {task}\n", _row(["", *head, "seeds"]), _row(["---"] * (len(head) + 2))]
        for name, one in mine.groupby("acquisition"):
            for what, label in MEASURES.items():
                means = one.groupby("checkpoint")[what].agg(["mean", "sem", "count"])
                means = means.reindex(range(len(head)))
                cells = [_cell(row, what) for row in means.itertuples()]
                lines.append(_row([f"`{name}`: {label}", *cells, f"{means['count'].max():.0f}"]))
        for name, text in PUBLISHED.get(str(task), {}).items():
            numbers = text.split(" / ")
            cells = numbers if len(numbers) == len(head) else [*[""] * (len(head) - 1), *numbers]
            lines.append(_row([f"published, {name}: R²", *cells, "10"]))
        rhat = mine["rhat"]
        lines.append(f"\nR-hat: median {rhat.median():.2f}, above {RHAT}: {(rhat > RHAT).sum()} ")
        blocks.append("\n".join(lines) + f"of {len(rhat)} fits.")
    return "\n\n".join(blocks)


MEASURES = {
    "r2": "R²",
    "expected_r2": "R² expected before looking",
    "coverage90": "90 % intervals cover",
    "mre": "mean relative error",
}


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(row: Any, what: str) -> str:
    style = ".2f" if what.endswith("r2") else (".2%" if what == "mre" else ".0%")
    if np.isnan(row.mean):
        return "not run"
    spread = "" if np.isnan(row.sem) else f" ({format(row.sem, style)})"
    return f"{format(row.mean, style)}{spread}"


def run(options: argparse.Namespace) -> None:
    """Do what is missing, and append it."""
    task = read(options.folder, options.task)
    told = json.loads((Path(__file__).parents[1] / "panel" / "population.json").read_text())
    others = told[task.table]
    law, noise = with_priors(WIDE["camel"], others["priors"]), Noise(**others["scatter"])
    if options.variant:
        sys.path.append(str(Path(__file__).parents[1] / "panel"))
        from variants import VARIANTS

        law, noise = VARIANTS[options.variant](law, noise)
    for seed in options.seeds:
        for name in options.acquisitions:
            shown = f"{name}, law {options.variant}" if options.variant else name
            key = {"task": options.task, "acquisition": shown, "seed": seed}
            mine = [e for e in read_lines(options.out) if key.items() <= e.items()]
            if len(mine) == len(task.shares):
                continue
            study = Study(task, law, noise, name, seed)
            for entry in study.go_on(mine[-1]["runs"] if mine else [], len(mine)):
                with options.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(key | entry) + "\n")
                print({k: v for k, v in (key | entry).items() if k != "runs"}, flush=True)


def main() -> None:
    """Run a task, or print the tables."""
    made = argparse.ArgumentParser(description=__doc__)
    commands = made.add_subparsers(required=True)
    one = commands.add_parser("run")
    one.add_argument("folder", type=Path)
    one.add_argument("task")
    one.add_argument("--out", type=Path, required=True)
    one.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    one.add_argument("--acquisitions", nargs="+", default=["variance"])
    one.add_argument("--variant", default="", help="of the law, in results/panel/variants.py")
    one.set_defaults(do=run)
    table = commands.add_parser("table")
    table.add_argument("found", type=Path, nargs="+")
    table.set_defaults(
        do=lambda options: print(
            report(pd.DataFrame([e for path in options.found for e in read_lines(path)]))
        )
    )
    options = made.parse_args()
    options.do(options)


if __name__ == "__main__":
    main()
