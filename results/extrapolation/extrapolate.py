"""Every law at every horizon, Bayesian and point: error, coverage, scores.

    python results/extrapolation/extrapolate.py --shared ../shared/data --out results/extrapolation

On mixinglaws_5mix (step 30,000, five group losses; Ye et al. 2024, arXiv:2403.16952) and on the
bundled runs; and further out, on mixinglaws_5mix at step 20,000, where six runs of 806M were
measured, and on gadre_scaling up to 6.9B (Gadre et al. 2024, arXiv:2403.08540). Cells that are in
the output already are kept, so the script can be interrupted. ``summary`` holds the comparison that
matters: the default law against the best point fit of a law that others published at each horizon,
against every one of them averaged over horizons, and the pooled coverage; beside it the default
law's own point fit. ``stack`` averages the posteriors of three laws by how they extrapolate among
the fitted sizes. A fit that takes longer than ``--limit`` seconds is ended and said to be
unfinished.
"""

import argparse
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import bayescamel as bc
from bayescamel.comparison.backtest import (
    Horizon,
    Predictor,
    by_training_set,
    fitted,
    horizons,
    judge,
)
from bayescamel.comparison.stacking import stack
from bayescamel.inference.fit import fit
from bayescamel.laws import LAWS
from bayescamel.runs.table import read_runs

GROUPS = [f"agg_{d}" for d in ("academic", "prose", "dialogue", "symbolic", "internet")]
DEFAULT = "camel"
STACKED = ("camel", "additive", "bimix")
"""Unlike each other, and sampled within minutes: joint's chains take over ten to agree on two sizes
of mixinglaws_5mix."""
OURS = ("camel", "r1", "r2", "r2-separable")
METHODS = ("point", "bayes")  # what is quick first
CELL = ("data", "n_train", "method", "law")
FAR = "mixinglaws_5mix, step 20000"
DATA = ["mixinglaws_5mix", "bundled", FAR, "gadre_scaling"]


def load(name: str, shared: Path) -> xr.Dataset:
    """The runs of a data set."""
    if name == "bundled":
        return bc.load_proxies()
    if name == "gadre_scaling":
        return read_runs(shared / name / "runs.csv")
    where = "step == 20000"
    if name != FAR:  # 806M models have one early checkpoint each
        where = "step == 30000 and size_label in ['70M', '160M', '305M', '410M']"
    return read_runs(shared / "mixinglaws_5mix" / "runs.csv", where=where, losses=GROUPS)


def main() -> None:
    """Fill in the missing cells and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", nargs="*", default=DATA)
    names = [*sorted(LAWS, key=lambda law: (law != DEFAULT, law)), "stack"]
    parser.add_argument("--point", nargs="*", default=names[:-1])
    parser.add_argument("--bayes", nargs="*", default=names)
    parser.add_argument("--limit", type=int, default=900)
    options = parser.parse_args()
    path = options.out / "horizons.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    rows, unfinished = found.get("rows", []), found.get("unfinished", [])
    for name, train, group, method, law in cells(options):
        cell = (name, train.sizes["run"], method, law)
        if cell in {cell_of(row) for row in (*rows, *unfinished)}:
            continue
        try:
            with at_most(options.limit):
                predictor, seconds, status = fit_one(train, law, method)
        except UnfinishedError:
            unfinished.append(dict(zip(CELL, cell, strict=True)) | {"limit": options.limit})
            print(unfinished[-1], flush=True)
        else:
            for horizon in group:
                result = judge(predictor, law, method, horizon, seconds, status)
                rows.append({"data": name, **result.to_dict()})
                print(rows[-1], flush=True)
        write(rows, unfinished, path)
    write(rows, unfinished, path)
    (options.out / "horizons.md").write_text(as_markdown(rows, unfinished))


def cells(
    options: argparse.Namespace,
) -> Iterator[tuple[str, xr.Dataset, list[Horizon], str, str]]:
    """What to fit: data, its fitted runs, their horizons, method and law."""
    for name in options.data:
        for train, group in by_training_set(horizons(load(name, options.shared))):
            for method in METHODS:
                for law in options.point if method == "point" else options.bayes:
                    yield name, train, group, method, law


class UnfinishedError(Exception):
    """A fit was ended since it took too long."""


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """End what is inside after so many seconds.

    Raises
    ------
    UnfinishedError
        Then; chains stop after the stretch of iterations they are in.
    """

    def late(_signal: int, _frame: object) -> None:
        raise UnfinishedError

    signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def cell_of(row: dict[str, Any]) -> tuple[Any, ...]:
    """Which fit a row is of."""
    return tuple(row[name] for name in CELL)


def fit_one(train: xr.Dataset, law: str, method: str) -> tuple[Predictor, float, str]:
    """Fit a law, or the stack: what predicts, how many seconds it took, how it went."""
    if law != "stack":
        return fitted(train, law, method)
    began = time.perf_counter()
    stacked = stack([fit(train, law, progress=False) for law in STACKED], progress=False)
    words = ", ".join(f"{law} {float(stacked.weights.sel(law=law)):.2f}" for law in STACKED)
    return stacked, time.perf_counter() - began, words


def write(rows: list[dict[str, Any]], unfinished: list[dict[str, Any]], path: Path) -> None:
    """Rows, what they amount to, what was ended, and how they were made."""
    packages = ("jax", "numpyro", "numpy", "scipy")
    about = {
        "command": "python results/extrapolation/extrapolate.py --shared ../shared/data --out "
        "results/extrapolation",
        "cores": len(os.sched_getaffinity(0)),
        "versions": {package: version(package) for package in packages},
    }
    found = {"about": about, "summary": summary(rows), "unfinished": unfinished, "rows": rows}
    path.write_text(json.dumps(found, indent=1))


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The default law against the point-fit peers."""
    result: dict[str, object] = {}
    for name in dict.fromkeys(row["data"] for row in rows):
        here = [row for row in rows if row["data"] == name]
        point = [row for row in here if row["method"] == "point"]
        peers = [row for row in point if row["law"] not in OURS]
        own = {key(row): row["mre"] for row in point if row["law"] == DEFAULT}
        # Horizons at which what is compared is there: a script that was interrupted lacks some.
        whole = own.keys() & {key(row) for row in peers}
        ours = {key(row): row for row in here if is_ours(row) and key(row) in whole}
        if not ours:
            continue
        best = {k: min((r["mre"], r["law"]) for r in peers if key(r) == k) for k in ours}
        made = [row for row in here if row["method"] == "bayes"]
        times = Counter(row["law"] for row in made)
        counts = np.array([row["n_test"] for row in ours.values()])
        covered = np.array([row["coverage90"] for row in ours.values()])
        result[str(name)] = {
            "horizons": {
                k: {
                    "ours": row["mre"],
                    "best_peer": best[k][0],
                    "which": best[k][1],
                    "ratio": row["mre"] / best[k][0],
                    "own_point_fit": own[k],
                }
                for k, row in ours.items()
            },
            "mean_mre_ours": float(np.mean([row["mre"] for row in ours.values()])),
            "mean_mre_peers": mean_mre(peers),
            "mean_mre_posteriors": mean_mre([r for r in made if times[r["law"]] == len(ours)]),
            "pooled_coverage90": float((counts * covered).sum() / counts.sum()),
        }
    return result


def is_ours(row: dict[str, Any]) -> bool:
    """Whether a row is the default law's posterior."""
    return bool(row["law"] == DEFAULT and row["method"] == "bayes")


def mean_mre(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Mean relative error by law, averaged over horizons."""
    return {
        law: float(np.mean([row["mre"] for row in rows if row["law"] == law]))
        for law in dict.fromkeys(row["law"] for row in rows)
    }


def in_words(means: dict[str, float]) -> str:
    """Laws and their errors, the smallest first."""
    ordered = sorted(means.items(), key=lambda pair: pair[1])
    return ", ".join(f"{law} {mre:.4f}" for law, mre in ordered)


def key(row: dict[str, Any]) -> str:
    """A horizon in words."""
    return f"{len(row['fitted_sizes'])} sizes to {row['held_out_size']:.3g}"


def as_markdown(rows: list[dict[str, Any]], unfinished: list[dict[str, Any]]) -> str:
    """What it amounts to, and the rows as a table."""
    lines = [
        "`python results/extrapolation/extrapolate.py --shared ../shared/data --out "
        "results/extrapolation`; versions in horizons.json.",
        "",
    ]
    for name, found in summary(rows).items():
        lines += [
            f"## {name}",
            "",
            "| horizon | camel, Bayes | best peer | which | ratio | camel, point fit |",
            "|---|---|---|---|---|---|",
        ]
        for horizon, row in found["horizons"].items():
            words = (f"{row[c]:.4f}" for c in ("ours", "best_peer"))
            lines.append(
                f"| {horizon} | {' | '.join(words)} | {row['which']} | {row['ratio']:.2f} | "
                f"{row['own_point_fit']:.4f} |"
            )
        peers, posteriors = found["mean_mre_peers"], found["mean_mre_posteriors"]
        lines += [
            "",
            f"Mean relative error over these horizons: {found['mean_mre_ours']:.4f}; point-fit "
            f"peers: {in_words(peers)}. "
            f"90 % intervals of runs cover {found['pooled_coverage90']:.1%}, pooled.",
            "",
        ]
        if len(posteriors) > 1:
            listed = in_words(posteriors)
            lines += [f"Posteriors of laws that were sampled at all of them: {listed}.", ""]
    ended = (
        f"{row['law']} ({row['method']}) at {row['n_train']} runs of {row['data']} after "
        f"{row['limit']} s"
        for row in unfinished
    )
    lines += [f"Ended unfinished: {'; '.join(ended) or 'nothing'}.", ""]
    lines += [f"Not run: {missing(rows, unfinished)}.", ""]
    columns = [*("data", "law", "method", "n_train", "n_test", "mre", "bias", "coverage50")]
    columns += ["coverage90", "width90", "log_score", "crps", "seconds", "status"]
    lines += ["## All rows", ""]
    lines += ["| horizon | " + " | ".join(columns) + " |", "|" + "---|" * (len(columns) + 1)]
    for row in sorted(rows, key=lambda r: (r["data"], r["n_train"], r["held_out_size"], r["mre"])):
        cells = [row[column] for column in columns]
        words = (f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in cells)
        lines.append(f"| {key(row)} | " + " | ".join(words) + " |")
    return "\n".join(lines) + "\n"


def missing(rows: list[dict[str, Any]], unfinished: list[dict[str, Any]]) -> str:
    """Which cells are not there, in words."""
    training = dict.fromkeys((row["data"], row["n_train"]) for row in rows)
    done = {cell_of(row) for row in (*rows, *unfinished)}
    words = []
    for name, n_train in training:
        for method in METHODS:
            laws = [*LAWS, "stack"] if method == "bayes" else LAWS
            left = [law for law in laws if (name, n_train, method, law) not in done]
            if left:
                words.append(f"{method} at {n_train} runs of {name}: {', '.join(left)}")
    return "; ".join(words) or "nothing"


if __name__ == "__main__":
    main()
