"""Compare laws: inside the data by PSIS-LOO, outside by backtests and by leaving sizes out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.comparison.backtest import MIN_SIZES, backtest, by_training_set, horizons
from bayescamel.comparison.loo import LeaveOneOut, leave_one_out
from bayescamel.comparison.scores import log_density
from bayescamel.exceptions import FitError
from bayescamel.inference.fit import fit
from bayescamel.inference.progress import steps
from bayescamel.laws import get_law
from bayescamel.notebook import as_html
from bayescamel.posterior import Posterior
from bayescamel.runs.sizes import active_params

if TYPE_CHECKING:
    from collections.abc import Callable

    from bayescamel.inference.progress import Show


FORMATS = {"mre": "{:.2%}", "coverage90": "{:.0%}"}
"""Of columns that are shares."""


@dataclass(frozen=True)
class Comparison:
    """Laws side by side.

    Parameters
    ----------
    posteriors
        By law, or by the names that they were given, of the same runs.
    loo
        ArviZ's table, best first: ``elpd, p, elpd_diff, weight, se, dse, warning …``. A warning
        means that some losses are too influential for the approximation, see `influence`.
    influence
        By law, how many losses were too influential, and what became of them.
    horizons
        One row a law and horizon, scores as `bayescamel.comparison.backtest` gives them; empty
        where the runs have only two sizes, or nothing was refitted.
    by_size
        One row a law and size that was left out: ``n_losses``, and ``log_score``, the mean log
        density of its losses, nats; empty where that was not asked for.
    """

    posteriors: dict[str, Posterior]
    loo: pd.DataFrame
    influence: dict[str, LeaveOneOut]
    horizons: pd.DataFrame
    by_size: pd.DataFrame

    def _tables(self) -> list[tuple[str, pd.DataFrame]]:
        """Title and table of each part, one row a law."""
        keys = ["elpd", "elpd_diff", "dse", "weight"]
        parts = [("Inside the runs (PSIS-LOO)", self.loo[keys])]
        if len(self.horizons):
            by_law = self.horizons.groupby("law")[["mre", "coverage90", "crps"]].mean()
            parts.append(("Outside (largest sizes left out, mean over horizons)", by_law))
        if len(self.by_size):
            by_law = self.by_size.pivot_table("log_score", "law", "size")
            parts.append(("Each size left out: mean log density of its losses, nats", by_law))
        return parts

    def _influential(self) -> list[str]:
        return [f"{law}: {told}" for law, told in self.influence.items() if told.influential]

    def __str__(self) -> str:
        parts = [f"{title}:\n{table.to_string()}" for title, table in self._tables()]
        return "\n".join([*parts, *self._influential()])

    def _repr_html_(self) -> str:
        """Laws inside the runs, and outside them where sizes could be left out."""
        parts = []
        for title, table in self._tables():
            rows = [
                [str(law), *(FORMATS.get(str(c), "{:.3g}").format(row[c]) for c in table.columns)]
                for law, row in table.iterrows()
            ]
            header = ["law", *(f"{c:.3g}" if isinstance(c, float) else c for c in table.columns)]
            parts.append(as_html(title, (), (), header, rows))
        doubts = self._influential()
        return "".join(parts) + (as_html("Influential losses", doubts) if doubts else "")


def compare(
    runs: xr.Dataset | Sequence[Posterior] | Mapping[str, Posterior],
    laws: Sequence[str] | None = None,
    *,
    outside: bool | None = None,
    by_size: bool = False,
    progress: "Show" = True,
    **options: Any,
) -> Comparison:
    """Compare laws of the same runs inside and outside the data.

    What it costs is said first: each law is fitted to all runs unless posteriors are given, once
    for each number of smallest sizes where `outside`, and once for each size where `by_size`.

    Parameters
    ----------
    runs
        A run table; or fitted posteriors of the same runs, by name where two are of one law.
    laws
        Names in the registry; None with posteriors.
    outside
        Fit smaller sizes and score at larger ones. None: yes where laws were named, and there are
        more than two sizes; no where posteriors were given.
    by_size
        Leave each size out in turn, fit the rest and score there: what to go by where losses are
        too influential for leave-one-out.
    progress
        Show a bar of the fits on stderr; or a function, which is told in a few words.
    options
        Passed on to `bayescamel.fit` wherever something is fitted.

    Raises
    ------
    FitError
        When posteriors are of different runs, or two have one name, or nothing says which laws.
    """
    import arviz_stats as az  # here: a second to load

    given = None if isinstance(runs, xr.Dataset) else _by_name(runs)
    if (given is None) == (laws is None):
        raise FitError("compare takes runs and laws, or fitted posteriors alone")
    table = runs if isinstance(runs, xr.Dataset) else next(iter(given.values())).runs  # type: ignore[union-attr]
    names = list(given or laws or ())
    for name in laws or ():
        get_law(name)
    sizes = np.unique(active_params(table))
    refit = given is None if outside is None else outside
    refit = refit and len(sizes) > MIN_SIZES
    n_trained = len(list(by_training_set(horizons(table)))) if refit else 0
    fits = len(names) * ((given is None) + n_trained + by_size * len(sizes))
    with steps(progress, fits, f"{len(names)} laws, {table.sizes['run']} runs") as step:
        options = {"progress": False} | options
        posteriors = given or {}
        for name in laws or ():
            posteriors[name] = fit(table, name, **options)
            step(f"{name}, all runs")
        scored = {name: leave_one_out(posterior) for name, posterior in posteriors.items()}
        outer = []
        if refit:
            for name, posterior in posteriors.items():
                kept = options | _as_fitted(posterior, given)
                found = backtest(
                    table, [kept.pop("law", name)], methods=("bayes",), on_fit=step, **kept
                )
                outer += [result.to_dict() | {"law": name} for result in found]
        left = []
        if by_size:
            for name, posterior in posteriors.items():
                kept = {"law": name} | options | _as_fitted(posterior, given)
                left += _sizes_left_out(posterior, name, kept, step)
    return Comparison(
        posteriors,
        az.compare({name: told.elpd for name, told in scored.items()}),
        scored,
        pd.DataFrame(outer),
        pd.DataFrame(left),
    )


def _by_name(posteriors: Sequence[Posterior] | Mapping[str, Posterior]) -> dict[str, Posterior]:
    if isinstance(posteriors, Mapping):
        named = dict(posteriors)
    else:
        named = {posterior.law.name: posterior for posterior in posteriors}
    if len(named) < max(len(posteriors), 2):
        raise FitError(
            "compare takes two posteriors or more of different laws: name those of one law, "
            "{'wide': posterior, …}"
        )
    first = next(iter(named.values())).runs
    if any(not posterior.runs.identical(first) for posterior in named.values()):
        raise FitError("compare takes posteriors of the same runs: fit all laws to one table")
    return named


def _as_fitted(posterior: Posterior, given: object) -> dict[str, Any]:
    """Law, pooling and noise of a posterior that was given, for its refits."""
    if given is None:
        return {}
    hierarchy = posterior.hierarchy
    return {"law": hierarchy.law, "pooling": hierarchy.pooling, "noise": hierarchy.noise}


def _sizes_left_out(
    posterior: Posterior, name: str, options: dict[str, Any], step: "Callable[[str], None]"
) -> list[dict[str, object]]:
    """Scores of each size by a fit of the others."""
    rows = []
    runs = posterior.runs
    of_run = active_params(runs)
    for size in np.unique(of_run):
        there = of_run == size
        fitted = fit(runs.isel(run=~there), **options)
        test = runs.isel(run=there)
        density = log_density(test["loss"].to_numpy(), *fitted.run_distribution(test))
        count = int(np.isfinite(density).sum())
        rows.append(
            {"law": name, "size": float(size), "n_losses": count, "log_score": np.nanmean(density)}
        )
        step(f"{name}, without {size:.3g} parameters")
    return rows
