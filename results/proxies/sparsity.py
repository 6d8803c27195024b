"""What sparse runs teach of the capacity of a Mixture-of-Experts model: the posterior of s.

    python results/proxies/sparsity.py --runs runs.csv > results/proxies/sparsity.md

Effective capacity is ``N_active (N / N_active)^s``: s = 0 where idle experts add nothing, 1 where a
sparse model is as good as a dense one of all its parameters. The law is fitted to the runs that the
demo fits, dense and sparse; the held-out ones say whether s carries to a larger sparse model.
Whether the line is straight is told by s from each sparse size alone, beside all dense runs:
returns that bend with size or with sparsity would show as an s that moves with it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.special import logit
from scipy.stats import norm

mpl.use("Agg")

from matplotlib import pyplot as plt

import bayescamel as bc
from bayescamel.demo import coverage90, hold_out_above, predict_runs
from bayescamel.models.hierarchy import SPARSITY
from bayescamel.runs.bundled import FITTED_PARAMS
from bayescamel.runs.sizes import active_params, sparse_runs

Floats = npt.NDArray[np.float64]


def prior_density(s: Floats) -> Floats:
    """Density of the default prior, a normal on the logit."""
    location = logit(SPARSITY.typical)
    return np.asarray(norm.pdf(logit(s), location, SPARSITY.location_sd) / (s * (1 - s)))


def draw(draws: Floats, out: Path) -> None:
    """Posterior of s as a histogram, its prior as a line."""
    figure, axis = plt.subplots(figsize=(4.6, 3), layout="constrained")
    grid = np.linspace(0.002, 0.998, 500)
    axis.hist(draws, bins=40, range=(0, 1), density=True, color="C0", alpha=0.7, label="posterior")
    axis.plot(grid, prior_density(grid), color="0.4", lw=1.2, label="prior")
    axis.axvline(float(np.median(draws)), color="C0", lw=1, ls="--")
    axis.set(xlim=(0, 1), xlabel="s in N_active (N / N_active)^s", ylabel="density")
    axis.legend(frameon=False)
    figure.savefig(out, dpi=130)
    plt.close(figure)


def by_size(fitted: xr.Dataset, options: argparse.Namespace) -> None:
    """Print s from the dense runs and one sparse size at a time."""
    sparse, active = sparse_runs(fitted), active_params(fitted)
    total = fitted["n_params"].to_numpy()
    print("\n| active | total over active | runs | s | 90 % |\n|---|---|---|---|---|")
    pairs = np.unique(np.stack([active[sparse], total[sparse]]), axis=1).T
    for used, size in pairs:
        one = sparse & (active == used) & (total == size)
        numbers = {"draws": options.draws // 2, "tune": options.tune}
        posterior = bc.fit(fitted.isel(run=~sparse | one), progress=False, **numbers)
        low, middle, high = np.quantile(posterior.flat("sparsity"), (0.05, 0.5, 0.95))
        doubt = "" if posterior.status.converged else f" (R-hat {posterior.status.rhat_max:.3f})"
        print(
            f"| {used:,.0f} | {size / used:.1f} | {one.sum()} | {middle:.2f}{doubt} | "
            f"{low:.2f} to {high:.2f} |",
            flush=True,
        )


def main() -> None:
    """Fit, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "sparsity.png")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--tune", type=int, default=1000)
    options = parser.parse_args()
    fitted, held_out = hold_out_above(bc.read_runs(options.runs), FITTED_PARAMS)
    sparse = sparse_runs(fitted)
    if not sparse.any():
        parser.error(f"{options.runs} has no sparse runs to learn s from")
    posterior = bc.fit(fitted, draws=options.draws, tune=options.tune)
    draws = posterior.flat("sparsity")
    low, middle, high = np.quantile(draws, (0.05, 0.5, 0.95))
    print(f"{posterior.status}\n")
    print(
        f"{sparse.sum()} sparse and {(~sparse).sum()} dense runs: s is {middle:.2f}, 90 % between "
        f"{low:.2f} and {high:.2f} (prior: {SPARSITY.typical} at the median).\n"
    )
    print("| held-out runs | number | mean relative error, % | 90 % intervals that cover, % |")
    print("|---|---|---|---|")
    kinds = sparse_runs(held_out)
    for kind, which in (("dense", ~kinds), ("sparse", kinds)):
        if which.any():
            runs = held_out.isel(run=which)
            predicted = predict_runs(posterior, runs, 0)
            error = float((abs(predicted["mean"] / runs["loss"] - 1)).mean())
            covered = coverage90(predicted, runs["loss"])
            print(f"| {kind} | {which.sum()} | {100 * error:.2f} | {100 * covered:.0f} |")
    draw(draws, options.out)
    by_size(fitted, options)


if __name__ == "__main__":
    main()
