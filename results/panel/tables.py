"""The panel's tables: which runs of ../shared/data are read, and which horizons they give.

A *view* is a table read one way; the views of a table are averaged, and each table weighs alike.
Nothing here is chosen by a law's score. Where a table is too large for a fit of a minute, or has
sizes closer together than anyone would train on purpose, rows are taken by these rules:

- farseer, misfitting_dense: sizes within a factor of `APART` of the next smaller kept one are left
  out, but for the largest;
- RegMix: the 256 runs of the published test split at 1.3M, and its first 32 mixtures at 59M;
- dmsl_slimpajama: the last checkpoint of each run; the seven losses on its training domains;
- datablations: at most four epochs; misfitting_dense: all learning rates of a cell, and the best.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel import read_runs

PROXIES = Path(__file__).parent / "proxies_v1.csv"
"""Our first runs, of four domains (`proxies_v1.md`)."""
APART = 1.5
FITTED = (1, 2, 3, 4, 6, 9)
"""How many of the smallest sizes are fitted."""
DOZEN, STUDIES = 12, 3
"""Runs of a study that has hardly begun, of the three smallest sizes (or so many that twice a dozen
runs are there), and how many such studies are drawn."""
MOST_FITTED = 180
"""Runs fitted at most; a larger table is thinned by seed, each size in proportion."""
GROUPS = [f"agg_{d}" for d in ("academic", "prose", "dialogue", "symbolic", "internet")]
SLIMPAJAMA = ["arxiv", "book", "c4", "github", "commoncrawl", "stackexchange", "wikipedia"]


@dataclass(frozen=True)
class Case:
    """One fit of the panel and what is predicted from it.

    Parameters
    ----------
    table, view
        Where the runs are from.
    kind
        ``"sizes"``: all runs of the smallest sizes; ``"dozen"``: a study of a dozen runs.
    number
        Of sizes that are fitted, or of the study.
    train
        The fitted runs.
    tests
        Runs to predict, by size.
    """

    table: str
    view: str
    kind: str
    number: int
    train: xr.Dataset
    tests: dict[float, xr.Dataset]

    @property
    def key(self) -> str:
        """Names the fit in the file of results."""
        return f"{self.view}/{self.kind}/{self.number}"


def views(shared: Path) -> dict[str, tuple[str, xr.Dataset]]:
    """Table and runs of each view."""
    mixing = shared / "mixinglaws_5mix" / "runs.csv"
    at_end = "step == 30000 and size_label in ['70M', '160M', '305M', '410M']"
    dense = pd.read_csv(shared / "misfitting_dense" / "runs.csv")
    best = dense.loc[dense.groupby(["n_params", "n_tokens"])["loss_text"].idxmin()]
    ablations = pd.read_csv(shared / "datablations" / "runs.csv")
    few_epochs = ablations[ablations["n_tokens"] <= 4 * ablations["unique_tokens"]]
    few_epochs = few_epochs.drop(columns="unique_tokens")  # as if all were fresh
    gadre = read_runs(shared / "gadre_scaling" / "runs.csv")
    return {
        "mixinglaws_30k": ("mixinglaws_5mix", read_runs(mixing, where=at_end, losses=GROUPS)),
        "mixinglaws_20k": (
            "mixinglaws_5mix",
            read_runs(mixing, where="step == 20000", losses=GROUPS),
        ),
        "dmsl": (
            "dmsl_slimpajama",
            read_runs(
                shared / "dmsl_slimpajama" / "runs.csv", where="is_final == 1", losses=SLIMPAJAMA
            ),
        ),
        "regmix": ("regmix", _regmix(shared / "regmix" / "runs.csv")),
        "gadre": ("gadre_scaling", gadre.drop_dims("benchmark")),
        "farseer": ("farseer", _apart(read_runs(shared / "farseer" / "runs.csv"))),
        "datablations": ("datablations", read_runs(few_epochs)),
        "misfitting_best": ("misfitting_dense", _apart(read_runs(best))),
        "misfitting_all": ("misfitting_dense", _apart(read_runs(dense))),
        "proxies_v1": ("proxies_v1", read_runs(PROXIES).drop_dims("benchmark")),
    }


def _regmix(source: Path) -> xr.Dataset:
    parts = [
        read_runs(source, where=where, renormalise=True)
        for where in (
            "size_label == '1M' and split == 'test'",
            "size_label == '60M'",
            "size_label == '1B'",
        )
    ]
    return xr.concat(parts, dim="run")


def _apart(runs: xr.Dataset) -> xr.Dataset:
    """Sizes at least `APART` from each other, and the largest."""
    sizes = np.unique(runs["n_params"])
    kept = [sizes[0]]
    for size in sizes[1:]:
        if size >= APART * kept[-1]:
            kept.append(size)
    return runs.isel(run=np.isin(runs["n_params"], [*kept, sizes[-1]]))


def cases(shared: Path, names: list[str] | None = None) -> Iterator[Case]:
    """Every fit of the panel, in the order of the tables."""
    for view, (table, runs) in views(shared).items():
        if names and view not in names and table not in names:
            continue
        if view == "regmix":
            yield from _regmix_cases(runs)
            continue
        sizes = np.unique(runs["n_params"])
        of_size = {size: runs.isel(run=(runs["n_params"] == size).to_numpy()) for size in sizes}
        least = runs.sizes["domain"] + 3
        for k in FITTED:
            train = thinned(runs.isel(run=np.isin(runs["n_params"], sizes[:k])), MOST_FITTED)
            if k < len(sizes) and train.sizes["run"] >= least:
                yield Case(table, view, "sizes", k, train, {s: of_size[s] for s in sizes[k:]})
        few = 3
        while sum(of_size[s].sizes["run"] for s in sizes[:few]) < 2 * DOZEN:
            few += 1
        smallest = runs.isel(run=np.isin(runs["n_params"], sizes[:few]))
        for study in range(STUDIES if least <= DOZEN and len(sizes) > few else 0):
            train = thinned(smallest, DOZEN, seed=study)
            yield Case(table, view, "dozen", study, train, {s: of_size[s] for s in sizes[few:]})


def _regmix_cases(runs: xr.Dataset) -> Iterator[Case]:
    sizes = np.unique(runs["n_params"])
    small, large, largest = (runs.isel(run=(runs["n_params"] == s).to_numpy()) for s in sizes)
    rest, first = large.isel(run=slice(32, None)), large.isel(run=slice(32))
    both = xr.concat([small, first], dim="run")
    yield Case("regmix", "regmix", "sizes", 1, small, {sizes[1]: rest, sizes[2]: largest})
    yield Case("regmix", "regmix", "sizes", 2, both, {sizes[1]: rest, sizes[2]: largest})


def thinned(runs: xr.Dataset, most: int, seed: int = 0) -> xr.Dataset:
    """At most so many runs, drawn by seed; used tokens, sizes and mixtures as they come."""
    n = runs.sizes["run"]
    if n <= most:
        return runs
    chosen = np.random.default_rng(seed).choice(n, most, replace=False)
    return runs.isel(run=np.sort(chosen))
