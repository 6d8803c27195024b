"""How long a decision takes: 30 training domains, 30 validation domains, 2,000 draws.

The draws come from `camel`'s prior, which is wider than any posterior of it: no fit is needed,
and the search has more to do.

    python results/decisions/speed.py > results/decisions/speed.md

Run it twice: the first time compiles, and the compiled programs stay in the cache.
"""

import argparse
import resource
import time
from dataclasses import replace

import jax  # noqa: F401  # imported here, so that its import is not counted as a decision
import numpy as np
import pandas as pd
import xarray as xr

import bayescamel as bc
from bayescamel.decisions import optimal_mixture
from bayescamel.draws.status import Status
from bayescamel.laws import get_law
from bayescamel.mixtures.constraints import Constraints, Group, Near
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.posterior import Posterior
from bayescamel.runs.sizes import Centre, same_names

TARGET = bc.Target(1e9, 2e10)


def prior_posterior(n_domains: int, n_draws: int) -> Posterior:
    """Draws of the law's prior, in the form of a posterior."""
    rng = np.random.default_rng(0)
    names = [f"d{k:02d}" for k in range(n_domains)]
    rows = []
    for size in (1e7, 3e7, 9e7):
        for i, weights in enumerate(rng.dirichlet(np.full(n_domains, 2.0), size=40)):
            row = {"run_id": f"{size:g}-{i}", "n_params": size, "n_tokens": 20 * size}
            row |= {f"w_{name}": weight for name, weight in zip(names, weights, strict=True)}
            rows.append(row | {f"loss_{name}": 3.0 for name in names})
    runs = bc.read_runs(pd.DataFrame(rows))
    hierarchy = Hierarchy(get_law("camel"), n_domains, n_domains)
    own = same_names(runs)
    draws = [prior_draw(hierarchy, own, rng) for _ in range(n_draws)]
    dims = {p.name: p.dims for p in hierarchy.parameters()}
    dims |= {c.name: ("validation",) for c in hierarchy.law.coefficients}
    dataset = xr.Dataset(
        {
            name: (("chain", "draw", *dims[name]), np.array([draw[name] for draw in draws])[None])
            for name in dims
        },
        {"chain": [0], "draw": np.arange(n_draws), "validation": names, "domain": names},
    )
    noise = {
        "sigma": ("validation",),
        "size_effect": ("validation", "scale"),
        "size_effect_scale": (),
    }
    shape = {"validation": n_domains, "scale": 3}
    dataset = dataset.assign(
        {
            name: (("chain", "draw", *d), np.full((1, n_draws, *(shape[k] for k in d)), 0.003))
            for name, d in noise.items()
        }
    )
    tree = xr.DataTree.from_dict({"posterior": dataset})
    status = Status(1.0, float(n_draws), float(n_draws), 0, 1.0, 0.0)
    posterior = Posterior(tree, runs, hierarchy, Centre.of(runs), status)
    # The runs lie on the curve of the mean draw, but for noise.
    curve = posterior.predict(TARGET, runs["mixture"])["loss"].mean(("chain", "draw")).to_numpy()
    loss = curve * (1 + 0.003 * rng.normal(size=curve.shape))
    return replace(posterior, runs=runs.assign(loss=(("run", "validation"), loss)))


def prior_draw(
    hierarchy: Hierarchy, own: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """One draw of the law's parameters and coefficients."""
    values: dict[str, np.ndarray] = {}
    for block in hierarchy.blocks():
        matching = own if "domain" in block.dims else np.zeros(hierarchy.shape(block.dims))
        location, scale = block.prior(np, values, matching)
        values[block.name] = location + scale * rng.normal(size=hierarchy.shape(block.dims))
    result = hierarchy.constrained(np, values, own)
    locations, spreads = hierarchy.coefficient_prior(values)
    for coefficient, location, spread in zip(
        hierarchy.law.coefficients, locations, spreads, strict=True
    ):
        value = location + spread * rng.normal(size=hierarchy.n_validation)
        result[coefficient.name] = np.abs(value) if coefficient.positive else value
    return result


def main() -> None:
    """Time the decision with and without constraints, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--domains", type=int, default=30)
    parser.add_argument("--draws", type=int, default=2000)
    options = parser.parse_args()
    posterior = prior_posterior(options.domains, options.draws)
    names = [str(name) for name in posterior.runs["domain"].to_numpy()]
    tokens = {name: 1e8 * (i + 1) for i, name in enumerate(names[:10])}
    groups = (Group(tuple(names[:8]), 0.1, 0.3), Group(tuple(names[4:12]), 0.2, 0.4))
    cases = {
        "no constraints": Constraints(),
        "10 caps by tokens, 2 groups": Constraints(groups=groups, available=tokens, max_epochs=4.0),
        "within 0.2 of the mean mixture": Constraints(
            near=Near(0.2, dict(zip(names, posterior.centre.mixture, strict=True)))
        ),
    }
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"| {options.domains} domains × {options.draws} draws | s | again | worst violation |")
    print("|---|---|---|---|")
    for name, constraints in cases.items():
        seconds = []
        for seed in (0, 1):
            began = time.perf_counter()
            best = optimal_mixture(posterior, TARGET, constraints=constraints, seed=seed)
            seconds.append(time.perf_counter() - began)
        allowed = constraints.polytope(names, TARGET)
        worst = allowed.violation(np.vstack([best.recommended, best.draws])).max()
        print(f"| {name} | {seconds[0]:.1f} | {seconds[1]:.1f} | {worst:.0e} |", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"\nPeak memory {peak / 2**20:.2f} GiB, of which {before / 2**20:.2f} GiB before deciding."
    )


if __name__ == "__main__":
    main()
