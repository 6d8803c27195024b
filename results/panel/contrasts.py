"""Objectives, and differences between mixtures, at larger models: what a decision rests on.

    python results/panel/contrasts.py --shared ../shared/data > results/panel/contrasts.md

At each held-out model (size and tokens) of the tables of mixtures with at least `LEAST_RUNS` runs:
each run's losses less their means over the model's runs; the objective (mean over validation
domains) less its mean; and the objective itself. What all mixtures share, the effect of the size
and what the law misses beyond the runs, drops out of differences; what is left is the law, its
miss at measured mixtures, and noise. *Independent* is the same with residuals of validation domains
taken for independent. Fits are Laplace's (``fast.py``), priors those that the other tables taught,
and of the bundled runs, which taught none, the default ones.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from panel import fitted
from tables import Case, cases

import bayescamel as bc
from bayescamel.draws.prediction import predict
from bayescamel.draws.residuals import Residuals
from bayescamel.draws.summary import interval90
from bayescamel.posterior import Posterior
from bayescamel.runs.sizes import sparse_runs

TABLES = ["mixinglaws_5mix", "dmsl_slimpajama", "proxies_v1", "regmix"]
BUNDLED = "proxies_v2"
LEAST_RUNS = 4
"""Of a model, for a difference to be told from their mean."""
DISTANCES = {"to 2 times": (0.0, 2.0), "2 to 5 times": (2.0, 5.0), "beyond 5 times": (5.0, np.inf)}
WHAT = ["loss", "objective", "objective, independent", "objective itself"]


def studies(shared: Path) -> Iterator[Case]:
    """Studies of sizes: the panel's, and those of the dense bundled runs."""
    yield from (case for case in cases(shared, TABLES) if case.kind == "sizes")
    runs = bc.load_proxies()
    runs = runs.isel(run=~sparse_runs(runs))
    size = runs["n_params"].to_numpy()
    sizes = np.unique(size)
    for k in range(2, len(sizes)):
        tests = {float(s): runs.isel(run=np.flatnonzero(size == s)) for s in sizes[k:]}
        train = runs.isel(run=np.flatnonzero(size <= sizes[k - 1]))
        yield Case(BUNDLED, BUNDLED, "sizes", k, train, tests)


def models(test: xr.Dataset) -> Iterator[xr.Dataset]:
    """Runs of a size by the tokens they saw."""
    tokens = test["n_tokens"].to_numpy()
    for one in np.unique(tokens):
        runs = test.isel(run=np.flatnonzero(tokens == one))
        if runs.sizes["run"] >= LEAST_RUNS:
            yield runs


def differences(shared: Path) -> pd.DataFrame:
    """A row a held-out model: what 90 % intervals cover, and rms of the error over its sd."""
    others = json.loads((Path(__file__).parent / "population.json").read_text())
    rows = []
    for case in studies(shared):
        known = others if case.table in others else {}
        posterior, _ = fitted(case, "camel", "laplace", known)
        largest = float(case.train["n_params"].max())
        for size, test in case.tests.items():
            for runs in models(test):
                place = {"table": case.table, "distance": size / largest}
                rows.append(place | told(posterior, runs))
    return pd.DataFrame(rows)


def told(posterior: Posterior, runs: xr.Dataset) -> dict[str, float]:
    """Of one model's runs."""
    model = bc.Target(float(runs["n_params"][0]), float(runs["n_tokens"][0]))
    seen, learned = runs["loss"].to_numpy(), Residuals.of((posterior,))
    unrelated = replace(learned, persistence=replace(learned.persistence, correlation=0.0))
    mixtures = posterior.mixtures(runs["mixture"].to_numpy())
    drawn, alone = (
        predict(posterior, residuals, model, mixtures, "run")["loss"].to_numpy()
        for residuals in (learned, unrelated)
    )
    drawn, alone = (values.reshape(-1, *seen.shape) for values in (drawn, alone))
    objective, true_objective = drawn.mean(axis=2), seen.mean(axis=1)
    apart = without_mean(true_objective, 0)
    pairs = {
        "loss": (without_mean(seen, 0), without_mean(drawn, 1)),
        "objective": (apart, without_mean(objective, 1)),
        "objective, independent": (apart, without_mean(alone.mean(axis=2), 1)),
        "objective itself": (true_objective, objective),
    }
    found = {"correlation": learned.persistence.correlation}
    for name, (true, values) in pairs.items():
        low, high = interval90(values, (0,))
        z = (true - values.mean(axis=0)) / values.std(axis=0)
        found |= {name: float(((low <= true) & (true <= high)).mean())}
        found |= {f"z of {name}": float(np.sqrt((z**2).mean()))}
    return found


def without_mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Less the mean over runs."""
    return np.asarray(values - values.mean(axis=axis, keepdims=True))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True)
    found = differences(parser.parse_args().shared)
    print(
        "What 90 % intervals cover at larger models, and in brackets rms of the error over its\n"
        "sd: differences between mixtures of a single loss, of the objective (beside it as if\n"
        "validation domains were independent), and the objective itself. Bundled runs were in no\n"
        "table before.\n"
    )
    head = ["", "models", "correlation", "a loss", *WHAT[1:]]
    print(f"| {' | '.join(head)} |\n{'|---' * len(head)}|")
    parts = {str(name): part for name, part in found.groupby("table", sort=False)}
    public = found[found["table"] != BUNDLED]
    for name, (low, high) in DISTANCES.items():
        parts[f"published and v1, {name}"] = public[
            (public["distance"] > low) & (public["distance"] <= high)
        ]
    for name, part in parts.items():
        mean = part.mean(numeric_only=True)
        cells = [f"{mean[what]:.0%} ({mean[f'z of {what}']:.2f})" for what in WHAT]
        print(f"| {name} | {len(part)} | {mean['correlation']:.2f} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
