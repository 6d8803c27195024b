"""Decisions on runs made by others: which of the measured mixtures to train at the next size.

Data Mixing Laws (Ye et al., ICLR 2025, arXiv:2403.16952): 26 mixtures of five domains, each
trained at four sizes; step 30,000, five group losses. Fitted on the smaller sizes, each method
names one of the 26 mixtures for a larger size, where all of them were measured.

    python results/decisions/mixinglaws.py --runs ../shared/data/mixinglaws_5mix/runs.csv \
        --posteriors FOLDER > results/decisions/mixinglaws.md

FOLDER keeps the posteriors between calls. RegMix needs the extra `peers`.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import bayescamel as bc
from bayescamel.comparison.regmix import regmix
from bayescamel.decisions import optimal_mixture, rank_mixtures
from bayescamel.inference.pointfit import PointFit, fit_point
from bayescamel.laws import get_law
from bayescamel.posterior import Posterior

DOMAINS = ("academic", "prose", "dialogue", "symbolic", "internet")
LOSSES = [f"agg_{name}" for name in DOMAINS]
SIZES = ("70M", "160M", "305M", "410M")
HORIZONS = (("410M", ("70M", "160M", "305M")), ("305M", ("70M", "160M")), ("410M", ("70M", "160M")))
OBJECTIVES = {name: {f"agg_{name}": 1.0} for name in DOMAINS} | {"mean": None}
METHODS = (
    "bayescamel",
    "its law's curve alone",
    "joint law, point fit",
    "camel, point fit",
    "RegMix",
    "best at the largest fitted size",
    "nearest to uniform",
)


def read(path: Path, sizes: tuple[str, ...]) -> xr.Dataset:
    """The runs of some sizes."""
    where = f"step == 30000 and size_label in {list(sizes)}"
    return bc.read_runs(path, where=where, losses=LOSSES)


def posterior_of(path: Path, sizes: tuple[str, ...], folder: Path) -> Posterior:
    """Fit, or load what an earlier call fitted to the same sizes."""
    file = folder / f"camel-{'-'.join(sizes)}.nc"
    if file.exists():
        return Posterior.load(file)
    posterior = bc.fit(read(path, sizes), progress=False)
    posterior.save(file)
    return posterior


def by_mixture(runs: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Mixtures (M, domain) in a fixed order, and their losses (M, validation)."""
    weights = runs["mixture"].to_numpy()
    order = np.lexsort(weights.T)
    return weights[order], runs["loss"].to_numpy()[order]


def total(loss: np.ndarray, objective: dict[str, float] | None) -> np.ndarray:
    """The objective of losses (..., validation)."""
    weights = bc.objective_weights(objective, LOSSES)
    return np.asarray(loss @ weights)


def decide(
    runs: xr.Dataset, posterior: Posterior, held_out: xr.Dataset, points: dict[str, PointFit]
) -> pd.DataFrame:
    """Realised regret of every method for every objective."""
    mixtures, losses = by_mixture(held_out)
    target = bc.Target(float(held_out["n_params"][0]), float(held_out["n_tokens"][0]))
    largest = runs.isel(run=(runs["n_params"] == runs["n_params"].max()).to_numpy())
    measured, before = by_mixture(largest)
    np.testing.assert_array_equal(measured, mixtures)
    uniform = int(np.abs(mixtures - 1 / mixtures.shape[1]).sum(axis=1).argmin())
    rows = []
    for name, objective in OBJECTIVES.items():
        ranked = rank_mixtures(posterior, target, mixtures, objective)
        noisy = rank_mixtures(posterior, target, mixtures, objective, kind="run")
        curve = rank_mixtures(posterior, target, mixtures, objective, residuals=False)
        chosen = {
            "bayescamel": int(ranked["mixture"][0]),
            "its law's curve alone": int(curve["mixture"][0]),
            "RegMix": int(np.argmin(regmix(runs, objective).predict(mixtures))),
            "best at the largest fitted size": int(np.argmin(total(before, objective))),
            "nearest to uniform": uniform,
        }
        for label, point in points.items():
            predicted = point.predict(target, mixtures)["loss"].to_numpy()
            chosen[label] = int(np.argmin(total(predicted, objective)))
        truth = total(losses, objective)
        stated = noisy.sel(mixture=chosen["bayescamel"])
        row = {"objective": name} | {
            method: truth[chosen[method]] - truth.min() for method in METHODS
        }
        rows.append(
            row
            | {
                "stated": float(stated["regret"]),
                "stated90": float(stated["regret90"]),
                "range": float(np.ptp(truth)),
            }
        )
    return pd.DataFrame(rows)


def free(posterior: Posterior, referee: Posterior, held_out: xr.Dataset) -> pd.DataFrame:
    """Recommendations that are not among the measured mixtures, judged by the referee."""
    mixtures, losses = by_mixture(held_out)
    target = bc.Target(float(held_out["n_params"][0]), float(held_out["n_tokens"][0]))
    rows = []
    for name, objective in OBJECTIVES.items():
        best = optimal_mixture(posterior, target, objective)
        best_measured = mixtures[total(losses, objective).argmin()]
        both = np.stack([best.recommended.to_numpy(), best_measured])
        loss = referee.predict(target, both)["loss"].to_numpy()
        values = total(loss.reshape(-1, *loss.shape[2:]), objective)
        gain = values[:, 1] - values[:, 0]
        rows.append(
            {
                "objective": name,
                "mixture": " ".join(f"{w:.2f}" for w in best.recommended.to_numpy()),
                "tied": best.tied,
                "distance": best.distance,
                "regret": best.regret,
                "extrapolated": best.gain_extrapolated,
                "gain": gain.mean(),
                "sure": (gain > 0).mean(),
            }
        )
    return pd.DataFrame(rows)


def why(everything: pd.DataFrame) -> str:
    """Where each other method did better or worse than ours, and by how much."""
    lines = ["", "| against | better | equal | worse | of the difference, the largest case |"]
    lines.append("|---|---|---|---|---|")
    for method in METHODS[1:]:
        gain = everything[method] - everything["bayescamel"]
        equal = np.isclose(gain, 0)
        largest = gain.abs().max() / max(abs(gain.sum()), 1e-12)
        lines.append(
            f"| {method} | {((gain > 0) & ~equal).sum()} | {equal.sum()} | "
            f"{((gain < 0) & ~equal).sum()} | {gain.sum():+.4f} in all, {largest:.0%} of it |"
        )
    return "\n".join(
        [
            *lines,
            "",
            "`better`: cases in which our choice has the lower regret. The correction by residuals",
            "was designed with these held-out sizes in view, so its margin over the curve alone is",
            "not a clean test; what it corrects, persistence of residuals among the fitted "
            "sizes, is",
            "estimated without them.",
        ]
    )


def markdown(table: pd.DataFrame, digits: int = 4) -> str:
    """A table as text."""
    head = "| " + " | ".join(table.columns) + " |\n|" + "---|" * len(table.columns)
    lines = [
        "| " + " | ".join(f"{v:.{digits}f}" if isinstance(v, float) else str(v) for v in row) + " |"
        for row in table.itertuples(index=False)
    ]
    return "\n".join([head, *lines])


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--posteriors", type=Path, required=True)
    options = parser.parse_args()
    options.posteriors.mkdir(parents=True, exist_ok=True)
    print("Realised regret in nats per token of the measured mixture that each method names, of")
    print("26, at a size that was not fitted. `stated` is the posterior's expected regret of its")
    print("own choice as single runs would show it, `stated90` what it stays below with")
    print("probability 0.9, `range` best to worst of the 26.")
    tables = []
    for size, below in HORIZONS:
        runs, held_out = read(options.runs, below), read(options.runs, (size,))
        posterior = posterior_of(options.runs, below, options.posteriors)
        points = {
            "joint law, point fit": fit_point(runs, get_law("joint")),
            "camel, point fit": fit_point(runs, get_law("camel")),
        }
        table = decide(runs, posterior, held_out, points)
        tables.append(table)
        mean = table.mean(numeric_only=True).to_frame().T.assign(objective="all, mean")
        print(f"\n## {size}, fitted on {', '.join(below)}\n")
        print(f"{posterior.status}\n")
        print(markdown(pd.concat([table, mean[table.columns]])), flush=True)
    everything = pd.concat(tables)
    inside = everything["bayescamel"] <= everything["stated90"]
    print("\n## All horizons\n")
    print(markdown(everything[list(METHODS)].mean().rename("mean regret").to_frame().T))
    print(
        f"\nThe realised regret of our choice is within its 90 % interval (0 to `stated90`) in "
        f"{inside.sum()} of {len(inside)} cases; stated {everything['stated'].mean():.4f}, "
        f"realised {everything['bayescamel'].mean():.4f} on average."
    )
    print(why(everything))
    size, below = HORIZONS[0]
    referee = posterior_of(options.runs, SIZES, options.posteriors)
    held_out = read(options.runs, (size,))
    table = free(posterior_of(options.runs, below, options.posteriors), referee, held_out)
    print(f"\n## Freely, at {size}\n")
    print(f"Weights of {', '.join(DOMAINS)}. Nobody trained these mixtures: `gain` over the best")
    print("measured mixture, and how `sure` it is, are judged by a posterior that has seen the")
    print(f"{size} runs as well. `distance`: total variation to the nearest measured mixture.\n")
    print(markdown(table))


if __name__ == "__main__":
    main()
