"""The priors that ship: fit every table whole, then a random-effects analysis over tables.

    python results/panel/population.py --shared ../shared/data

Each table is fitted by the default law with priors that know little (`CAMEL_WIDE`); what it says of
a location of the hierarchy is divided by that prior, so that a table which says nothing of a number
has no voice in it. Over tables a number has a mean and a between-table sd (restricted maximum
likelihood, no less than `FLOOR`: eight tables do not show that none differs); the prior of a new
table's is wider by the error of the mean. Writes ``population.json``: what ships, and for each
table what the others say, by which it is judged; ``bayescamel/data/population_v1.json`` is its
entry ``all``. Fits are kept in ``population_fits.json``, so the script may be interrupted.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from fast import fit_fast
from tables import MOST_FITTED, cases, thinned, views

from bayescamel.laws import WIDE, Coefficient, Parameter
from bayescamel.models.blocks import unflatten
from bayescamel.models.hierarchy import Noise

HERE = Path(__file__).parent
ALL = "all"
LAW = WIDE["camel"]
SHIPPED = HERE.parents[1] / "bayescamel" / "data" / "population_v1.json"
FLOOR = {
    "alpha": 0.3,
    "beta": 0.3,
    "size_fading": 0.5,
    "size_slope": 0.015,
    "token_slope": 0.015,
    "crossing": 0.002,
}
"""Least sd between tables, on the unconstrained scale."""
VOICE = 0.25
"""A table has a voice in a number if it tells it at a quarter of its prior's precision or more."""
BEYOND, BEYOND_SHARED = 1.0, 0.5
"""See `Noise`. Of 0, 0.5, 1, 1.5, 2 and 3 this ``beyond`` had the best log score pooled over the
panel; it was not chosen anew without each table. The shared half is a guess."""


def main() -> None:
    """Fit what is not there, and write the priors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True)
    options = parser.parse_args()
    path = HERE / "population_fits.json"
    fits = json.loads(path.read_text()) if path.exists() else {}
    for view, (table, runs) in views(options.shared).items():
        if view not in fits:
            fits[view] = {"table": table} | fit_whole(runs, view, options.shared)
            path.write_text(json.dumps(fits, indent=1) + "\n")
            print(view, fits[view], flush=True)
    tables = sorted({fit["table"] for fit in fits.values()})
    found = {without: population(fits, without) for without in (ALL, *tables)}
    (HERE / "population.json").write_text(json.dumps(found, indent=1) + "\n")
    SHIPPED.write_text(json.dumps(found[ALL], indent=1) + "\n")
    print(json.dumps(found[ALL], indent=1))


def fit_whole(runs: xr.Dataset, view: str, shared: Path) -> dict[str, Any]:
    """Locations and their sds, and how domains differ."""
    if view == "regmix":
        train = [case.train for case in cases(shared, [view])][-1]
        runs = xr.concat([train, runs.isel(run=(runs["n_params"] > 1e9).to_numpy())], dim="run")
        runs = thinned(runs, 288)
    posterior = fit_fast(thinned(runs, MOST_FITTED if view != "regmix" else 288), LAW, Noise())
    values = unflatten(posterior.hierarchy, posterior.tree["unconstrained"]["value"].to_numpy()[0])
    draws = posterior.tree["posterior"].to_dataset().isel(chain=0)
    many = posterior.hierarchy.n_validation > 1
    return {
        "sizes": len(np.unique(runs["n_params"])),
        "runs": posterior.runs.sizes["run"],
        "domains": posterior.hierarchy.n_domain,
        "locations": {
            name: [float(value.mean()), float(value.std())]
            for name, value in values.items()
            if value.ndim == 1 and not name.endswith("_log_spread")
        },
        "spreads": {c.name: float(draws[c.name].mean("draw").std(ddof=1)) for c in LAW.coefficients}
        | {
            p.name: float(np.exp(values[f"{p.name}_log_spread"].mean()))
            for p in LAW.parameters
            if p.dims == ("validation",)
        }
        if many
        else {},
    }


def population(fits: dict[str, Any], without: str) -> dict[str, Any]:
    """Priors and scatter by every table but one."""
    kept = [fit for fit in fits.values() if fit["table"] != without]
    tables = sorted({fit["table"] for fit in kept})
    priors: dict[str, dict[str, float]] = {}
    every: list[Parameter | Coefficient] = [*LAW.parameters, *LAW.coefficients]
    for prior in every:
        if prior.name in ("elasticity", "level"):  # any run tells the level; pairs come below
            continue
        is_parameter = isinstance(prior, Parameter)
        positive = isinstance(prior, Parameter) and prior.support == "positive"
        centre = prior.typical if isinstance(prior, Parameter) else prior.mean
        wide = (np.log(centre) if positive else centre, prior.location_sd)
        told = {table: said(kept, table, f"{prior.name}_location", wide) for table in tables}
        voices = [one for one in told.values() if one is not None]
        mean, sd = pooled(np.array(voices), FLOOR[prior.name])
        spreads = [f["spreads"][prior.name] for f in kept if f["spreads"] and told[f["table"]]]
        spread = np.mean(spreads or [prior.spread])  # no table of several losses has a voice
        name = "typical" if is_parameter else "mean"
        priors[prior.name] = {
            name: rounded(np.exp(mean) if positive else mean),
            "location_sd": rounded(sd),
            "spread": rounded(spread),
        }
    many = [fit for fit in kept if fit["domains"] > 1]
    pairs = next(p for p in LAW.parameters if p.name == "elasticity")
    others: dict[str, list[float]] = {table: [] for table in tables}
    own: dict[str, list[float]] = {table: [] for table in tables}
    for fit in many:
        others[fit["table"]].append(
            fit["locations"]["elasticity_location"][0] + np.log(fit["domains"])
        )
        own[fit["table"]].append(fit["locations"]["elasticity_own_location"][0])
    priors["elasticity"] = {
        "typical": rounded(np.exp(np.mean([np.mean(v) for v in others.values() if v]))),
        "own": rounded(np.exp(np.mean([np.mean(v) for v in own.values() if v]))),
        "location_sd": pairs.location_sd,
        "spread": pairs.spread,
    }
    scatter = {
        name: rounded(
            np.exp(
                np.mean(
                    [
                        np.mean([f["locations"][block][0] for f in kept if f["table"] == table])
                        for table in tables
                    ]
                )
            )
        )
        for name, block in (("sigma", "sigma_location"), ("size_effect", "log_size_effect_scale"))
    }
    scatter |= {"beyond": BEYOND, "beyond_shared": BEYOND_SHARED}
    return {"priors": priors, "scatter": scatter}


def said(
    fits: list[dict[str, Any]], table: str, name: str, wide: tuple[float, float]
) -> tuple[float, float] | None:
    """Mean and sd of a table's likelihood for a location; None where it says little."""
    found = []
    for fit in fits:
        if fit["table"] != table:
            continue
        mean, sd = fit["locations"][name]
        precision = sd**-2 - wide[1] ** -2
        if precision > VOICE * wide[1] ** -2:
            told = (mean * sd**-2 - wide[0] * wide[1] ** -2) / precision
            found.append((told, precision**-0.5))
    return None if not found else tuple(np.mean(found, axis=0))


def pooled(told: np.ndarray, floor: float) -> tuple[float, float]:
    """Mean over tables, and sd of a new table's number around it."""
    values, errors = told.T
    best: tuple[float, float, float, float] | None = None
    for between in np.geomspace(floor, 20 * floor, 200):
        weights = 1 / (errors**2 + between**2)
        mean = float((weights * values).sum() / weights.sum())
        height = -0.5 * float(
            np.log(errors**2 + between**2).sum()
            + np.log(weights.sum())
            + (weights * (values - mean) ** 2).sum()
        )
        if best is None or height > best[0]:
            best = height, mean, float(between), float(weights.sum() ** -0.5)
    assert best is not None
    return best[1], float(np.hypot(best[2], best[3]))


def rounded(value: float) -> float:
    """To three digits."""
    return float(f"{value:.3g}")


if __name__ == "__main__":
    main()
