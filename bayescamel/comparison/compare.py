"""Compare laws: inside the data by PSIS-LOO, outside by backtests."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.comparison.backtest import backtest
from bayescamel.comparison.scores import normal_log_density
from bayescamel.draws.scatter import curve_distribution
from bayescamel.inference.fit import fit
from bayescamel.notebook import as_html
from bayescamel.posterior import Posterior


@dataclass(frozen=True)
class Comparison:
    """Laws side by side.

    Parameters
    ----------
    posteriors
        By law, fitted to all runs.
    loo
        ArviZ's table, best first: ``elpd, p, elpd_diff, weight, se, dse, warning …``. A warning
        means that some losses are too influential for the approximation (Pareto k > 0.7).
    horizons
        One row a law and horizon, scores as `bayescamel.comparison.backtest` gives them; empty
        where the runs have only two sizes.
    """

    posteriors: dict[str, Posterior]
    loo: pd.DataFrame
    horizons: pd.DataFrame

    def __str__(self) -> str:
        parts = ["inside the runs (PSIS-LOO):", self.loo.to_string()]
        if len(self.horizons):
            by_law = self.horizons.groupby("law")[["mre", "coverage90", "crps"]].mean()
            parts += ["outside (largest sizes left out, mean over horizons):", by_law.to_string()]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        """Laws inside the runs, and outside them where sizes could be left out."""
        keys = ["elpd", "elpd_diff", "dse", "weight"]
        rows = [
            [str(law), *(f"{float(row[key]):.3g}" for key in keys)]
            for law, row in self.loo.iterrows()
        ]
        parts = [as_html("Inside the runs (PSIS-LOO)", (), (), ["law", *keys], rows)]
        if len(self.horizons):
            by_law = self.horizons.groupby("law")[["mre", "coverage90", "crps"]].mean()
            rows = [
                [str(law), f"{row['mre']:.2%}", f"{row['coverage90']:.0%}", f"{row['crps']:.4f}"]
                for law, row in by_law.iterrows()
            ]
            title = "Outside (largest sizes left out, mean over horizons)"
            header = ["law", "error", "90 % held", "CRPS, nats per token"]
            parts.append(as_html(title, (), (), header, rows))
        return "".join(parts)


def compare(runs: xr.Dataset, laws: Sequence[str], **options: Any) -> Comparison:
    """Fit laws to the same runs and compare them inside and outside the data.

    Parameters
    ----------
    runs
        A run table.
    laws
        Names in the registry.
    options
        Passed on to `bayescamel.fit`.
    """
    import arviz as az

    posteriors = {law: fit(runs, law, **options) for law in laws}
    trees = {law: with_log_likelihood(posterior) for law, posterior in posteriors.items()}
    outside = []
    if len(np.unique(runs["n_params"])) > 2:
        outside = backtest(runs, laws, methods=("bayes",), **options)
    return Comparison(
        posteriors,
        az.compare(trees),
        pd.DataFrame([result.to_dict() for result in outside]),
    )


def with_log_likelihood(posterior: Posterior) -> xr.DataTree:
    """The posterior's tree with ArviZ's ``log_likelihood`` group: dims (…, observation).

    The density of each measured loss given the curve, its size's effect and its run's noise,
    losses in nats per token; the coordinates ``run`` and ``validation`` say which loss an
    observation is.
    """
    runs = posterior.runs
    observed = runs["loss"].to_numpy()
    mean, sd = curve_distribution(posterior, runs, fitted=True)
    density = normal_log_density(observed, mean, sd)
    row, column = np.nonzero(~np.isnan(observed))
    sizes = posterior.tree["posterior"].sizes
    values = density[:, row, column].reshape(sizes["chain"], sizes["draw"], len(row))
    labels = {
        "observation": np.arange(len(row)),
        "run": ("observation", runs["run"].to_numpy()[row]),
        "validation": ("observation", runs["validation"].to_numpy()[column]),
    }
    tree = posterior.tree.copy()
    tree["log_likelihood"] = xr.DataTree(
        xr.Dataset({"loss": (("chain", "draw", "observation"), values)}, labels)
    )
    return tree


def leave_one_out(posterior: Posterior) -> Any:
    """ArviZ's PSIS-LOO result, pointwise."""
    import arviz as az

    return az.loo(with_log_likelihood(posterior), pointwise=True)
