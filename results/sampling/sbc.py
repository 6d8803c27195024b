"""Simulation-based calibration of the default law (Talts et al. 2018).

    python results/sampling/sbc.py --replicates 500 --out results/sampling

Parameters are drawn from the prior, runs are simulated at them, the posterior is sampled, and the
rank of each true value among its draws is recorded: ranks are uniform when the sampler is right.
A χ² test of uniformity is made for each quantity, and the smallest p-value is judged by Bonferroni.

The noise is set larger than that of real runs (2 % in place of 0.3 % of the loss): what is tested
is the program and the sampler, and prior draws with nearly noise-free runs have posteriors so
narrow and curved that a few of them would take all the time. For the same reason a simulated table
with a loss beyond five reference losses is drawn anew, parameters included (a corner of the simplex
under a strong affinity). That is a condition on the data, not on the parameters:
the posterior given the data that are kept is the same, so ranks stay uniform.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.progress import track
from scipy.stats import binom, chi2, truncnorm

from bayescamel.inference import engine
from bayescamel.inference.sampler import Sampler
from bayescamel.inference.stages import largest_rhat
from bayescamel.laws import get_law
from bayescamel.mixtures import dirichlet
from bayescamel.models import compiled
from bayescamel.models.blocks import unflatten
from bayescamel.models.hierarchy import Hierarchy, Noise
from bayescamel.models.problem import Problem

DOMAINS = ("a", "b")
SIZES = 3
RUNS = 24
BINS = 10
LARGEST = 5.0
"""Reference losses; a table with a loss beyond is drawn anew."""
RANKS = 99
"""Draws that a rank is taken among, thinned so that they are nearly independent."""


def design(hierarchy: Hierarchy) -> Problem:
    """The runs that are simulated: 24 mixtures over three sizes nine times apart."""
    mixture = dirichlet(RUNS, DOMAINS, seed=1).to_numpy()
    scale = np.arange(RUNS) % SIZES
    log_size = np.log(9.0) * (scale - 1.0)
    shape = (RUNS, hierarchy.n_validation)
    return Problem(
        log_total=log_size,
        log_active=log_size,
        log_tokens=np.where(np.arange(RUNS) % 2 == 0, -0.35, 0.35),
        mixture=mixture,
        reference=mixture.mean(axis=0),
        own=np.eye(len(DOMAINS)),
        scale=np.eye(SIZES)[scale],
        loss=np.zeros(shape),
        measured=np.ones(shape),
        log_centre=np.zeros(2),
    )


def simulate(
    hierarchy: Hierarchy, problem: Problem, rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], Problem]:
    """One draw of everything from the prior, and the runs that it makes."""
    values: dict[str, np.ndarray] = {}
    for block in hierarchy.blocks():
        location, sd = block.prior(np, values, problem.own)
        shape = hierarchy.shape(block.dims, len(problem.loss))
        values[block.name] = location + sd * rng.normal(size=shape)
    parameters = hierarchy.constrained(np, values, problem.own)
    basis, loss = hierarchy.terms(np, parameters, problem.inputs())
    locations, spreads = hierarchy.coefficient_prior(values)
    for coefficient, location, spread in zip(
        hierarchy.law.coefficients, locations, spreads, strict=True
    ):
        low = -location / spread if coefficient.positive else -np.inf
        z = truncnorm(low, np.inf).rvs(size=hierarchy.n_validation, random_state=rng)
        values[coefficient.name] = location + spread * z
        loss = loss + values[coefficient.name][:, None] * basis[coefficient.name]
    tau = np.exp(values["log_size_effect_scale"])
    sigma = np.exp(hierarchy.log_noise_sd(values, problem.mixture, problem.reference)).T
    loss = np.asarray(loss).T + problem.scale @ (
        tau * rng.normal(size=(SIZES, hierarchy.n_validation))
    )
    loss = loss + sigma * rng.normal(size=loss.shape)
    return values, problem._replace(loss=loss)


def ranks(
    hierarchy: Hierarchy, problem: Problem, truth: dict[str, np.ndarray], seed: int
) -> tuple[dict[str, np.ndarray], float]:
    """Rank of each true value among thinned draws, and the largest R-hat of the fit."""
    sampler = Sampler(chains=2, draws=300, tune=400, seed=seed, target_accept=0.9)
    chains, _ = engine.sample(hierarchy, problem, sampler)
    flat = chains.unconstrained.reshape(-1, chains.unconstrained.shape[-1])
    rhat = largest_rhat(chains.unconstrained)
    thin = np.linspace(0, len(flat) - 1, RANKS).round().astype(int)
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(seed), RANKS)
        coefficients = np.asarray(compiled.effects(hierarchy, flat[thin], problem, keys)[0])
    draws = unflatten(hierarchy, flat[thin])
    for i, coefficient in enumerate(hierarchy.law.coefficients):
        draws[coefficient.name] = coefficients[..., i]
    return {name: (draws[name] < truth[name]).sum(axis=0) for name in truth}, rhat


def main() -> None:
    """Run all replicates, or take those of the output, and write the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    path = options.out / "sbc.json"
    found = json.loads(path.read_text()) if path.exists() else None
    if found is None or found["summary"]["replicates"] != options.replicates:
        found = calibrate(options.replicates)
        path.write_text(json.dumps(found, indent=1))
    histograms(found, options.out / "sbc.png")
    print(json.dumps(found["summary"], indent=1))


def calibrate(replicates: int) -> dict[str, Any]:
    """Ranks of all replicates, and what they amount to."""
    compiled.use_cache()
    hierarchy = Hierarchy(
        get_law("camel"), len(DOMAINS), len(DOMAINS), noise=Noise(sigma=0.02, size_effect=0.01)
    )
    empty = design(hierarchy)
    collected: dict[str, list[np.ndarray]] = {}
    rhats, redrawn = [], 0
    for replicate in track(range(replicates), description="SBC"):
        rng = np.random.default_rng(replicate)
        truth, problem = simulate(hierarchy, empty, rng)
        while np.abs(problem.loss).max() > LARGEST:
            truth, problem = simulate(hierarchy, empty, rng)
            redrawn += 1
        found, rhat = ranks(hierarchy, problem, truth, replicate)
        rhats.append(rhat)
        for name, value in found.items():
            collected.setdefault(name, []).append(np.atleast_1d(value).ravel())
    rows: list[dict[str, Any]] = []
    for name, values in collected.items():
        table = np.stack(values)
        for column in range(table.shape[1]):
            counts = np.bincount(table[:, column] * BINS // (RANKS + 1), minlength=BINS)
            expected = replicates / BINS
            statistic = float(((counts - expected) ** 2 / expected).sum())
            label = name if table.shape[1] == 1 else f"{name}[{column}]"
            p = float(chi2(BINS - 1).sf(statistic))
            rows.append({"quantity": label, "p": p, "counts": counts.tolist()})
    rows.sort(key=lambda row: row["p"])
    summary = {
        "command": f"python results/sampling/sbc.py --replicates {replicates} --out "
        "results/sampling",
        "replicates": replicates,
        "tables_drawn_anew": redrawn,
        "quantities": len(rows),
        "smallest_p": rows[0]["p"],
        "smallest_p_bonferroni": min(1.0, rows[0]["p"] * len(rows)),
        "share_of_p_below_5_percent": float(np.mean([row["p"] < 0.05 for row in rows])),
        "pooled_counts": [int(n) for n in np.sum([row["counts"] for row in rows], axis=0)],
        "fits_with_rhat_above_1.05": int(np.sum(np.array(rhats) > 1.05)),
    }
    return {"summary": summary, "rows": rows}


def histograms(found: dict[str, Any], path: Path) -> None:
    """Ranks of every quantity, with the band that holds 99 % of the counts of uniform ranks."""
    import matplotlib.pyplot as plt

    replicates = found["summary"]["replicates"]
    low, high = binom(replicates, 1 / BINS).ppf([0.005, 0.995])
    rows = sorted(found["rows"], key=lambda row: row["quantity"])
    columns = 5
    figure, axes = plt.subplots(
        -(-len(rows) // columns), columns, figsize=(11, 9), sharex=True, sharey=True
    )
    for axis, row in zip(axes.ravel(), rows, strict=False):
        axis.axhspan(low, high, color="0.85")
        axis.bar(np.arange(BINS), row["counts"], width=0.9, color="#4878a8")
        axis.set_title(f"{row['quantity']}  p = {row['p']:.3f}", fontsize=7)
        axis.tick_params(labelsize=6)
    for axis in axes.ravel()[len(rows) :]:
        axis.set_axis_off()
    figure.suptitle(
        f"Ranks of true values among draws, {replicates} simulated tables; "
        "grey: 99 % of uniform ranks",
        fontsize=9,
    )
    figure.supxlabel("rank, in tenths", fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
