"""Several laws at once: a posterior that averages them by how they extrapolate.

No single equation deserves trust outside its data. Each law is refitted without the largest
fitted sizes and scored on them (`bayescamel.comparison.backtest`); the weights maximise the score
of the mixture of predictive distributions (Yao, Vehtari, Simpson, Gelman 2018, with
leave-the-largest-scales-out in place of leave-one-out). Where only two sizes were fitted nothing
can be left out, and PSIS-LOO scores take their place.

Outside the data the errors of a law are biases by validation domain, so the losses of one
validation domain at one horizon count as one observation, not as many as there are runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import xarray as xr

from bayescamel.comparison import files
from bayescamel.comparison.backtest import MIN_SIZES, by_training_set, fitted, horizons
from bayescamel.comparison.loo import leave_one_out
from bayescamel.comparison.scores import log_density
from bayescamel.draws.draws import Draws, evenly
from bayescamel.draws.prediction import Kind
from bayescamel.exceptions import FitError
from bayescamel.mixtures import Mixtures
from bayescamel.posterior import Posterior
from bayescamel.runs.sizes import active_params
from bayescamel.targets import Target


@dataclass(frozen=True)
class StackedPosterior:
    """Posteriors of several laws of the same runs, with weights; predicts like any other.

    Parameters
    ----------
    components
        Posteriors by law.
    weights
        Dims (law,), summing to 1.
    scores
        Mean log predictive density that the weights come from, dims (block, law).
    """

    components: dict[str, Posterior]
    weights: xr.DataArray
    scores: xr.DataArray

    @property
    def runs(self) -> xr.Dataset:
        """The runs that all components were fitted to."""
        return next(iter(self.components.values())).runs

    def predict(
        self,
        target: Target,
        mixtures: Mixtures | None = None,
        kind: Kind = "mean",
        seed: int = 0,
    ) -> xr.Dataset:
        """Losses at the target, as `Posterior.predict`; each law gives its share of the draws."""
        parts = []
        for name, rows in self.shares().items():
            predicted = self.components[name].predict(target, mixtures, kind, seed)
            loss = predicted["loss"].stack(sample=("chain", "draw")).isel(sample=rows)
            parts.append(loss.drop_vars(["sample", "chain", "draw"]))
        joined = xr.concat(parts, dim="sample").rename(sample="draw").expand_dims("chain")
        loss = joined.transpose("chain", "draw", "mixture", "validation")
        return xr.Dataset({"loss": loss, "extrapolation": predicted["extrapolation"]})

    def run_distribution(self, runs: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
        """Mean and sd of runs' losses by draw, as `Posterior.run_distribution`."""
        parts = [
            tuple(values[rows] for values in self.components[name].run_distribution(runs))
            for name, rows in self.shares().items()
        ]
        mean, sd = (np.concatenate(values) for values in zip(*parts, strict=True))
        return mean, sd

    @property
    def n_draws(self) -> None:
        """None: each law has draws of its own."""
        return None

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why draws of a law cannot be used."""
        return tuple(
            f"law {name}: {doubt}" for name, p in self.components.items() for doubt in p.doubts
        )

    @property
    def caveats(self) -> tuple[str, ...]:
        """What the data say against each law."""
        return tuple(
            f"law {name}: {caveat}" for name, p in self.components.items() for caveat in p.caveats
        )

    def parts(self, max_draws: int) -> tuple[tuple[Draws, np.ndarray], ...]:
        """Of each law as many draws as its weight says; see `bayescamel.draws.draws.Averaged`."""
        shares = self.shares(max_draws)
        return tuple((self.components[law].thinned(rows), rows) for law, rows in shares.items())

    def shares(self, max_draws: int | None = None) -> dict[str, np.ndarray]:
        """Which draws of each component are used: as many as its weight says, evenly spread.

        All together are as many as the component with fewest has, and at most `max_draws`.
        """
        total = min(component.n_draws for component in self.components.values())
        total = total if max_draws is None else min(total, max_draws)
        shares = {}
        for name, component in self.components.items():
            count = round(float(self.weights.sel(law=name)) * total)
            if count:
                shares[name] = evenly(component.n_draws, count)
        return shares

    def save(self, path: str | Path, force: bool = False) -> None:
        """Write to a NetCDF file; see `bayescamel.comparison.files.save`."""
        files.save(self.components, self.weights, self.scores, Path(path), force)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote, without loss."""
        return cls(*files.load(Path(path)))

    def __repr__(self) -> str:
        words = ", ".join(
            f"{name} {float(self.weights.sel(law=name)):.2f}" for name in self.components
        )
        lines = [f"StackedPosterior of {self.runs.sizes['run']} runs: {words}"]
        lines += [f"  {doubt}" for doubt in self.doubts]
        return "\n".join([*lines, *(f"  caveat: {caveat}" for caveat in self.caveats)])


def stack(posteriors: Sequence[Posterior], **options: Any) -> StackedPosterior:
    """Weigh posteriors of several laws by how each extrapolates.

    Parameters
    ----------
    posteriors
        Of different laws, fitted to the same runs.
    options
        Passed on to `bayescamel.fit` for the fits without the largest sizes.

    Raises
    ------
    FitError
        When the posteriors are of different runs, or two are of one law.
    """
    components = {posterior.law.name: posterior for posterior in posteriors}
    if len(components) < len(posteriors):
        raise FitError("stack() takes one posterior a law: give each law once")
    runs = posteriors[0].runs
    if any(not posterior.runs.identical(runs) for posterior in posteriors):
        raise FitError("stack() takes posteriors of the same runs: fit all laws to one table")
    if len(np.unique(active_params(runs))) > MIN_SIZES:
        scores = extrapolation_scores(runs, list(components), **options)
    else:
        scores = xr.concat(
            [loo_scores(posterior) for posterior in posteriors],
            dim=xr.Variable("law", list(components)),
        ).transpose("block", "law")
    weights = stacking_weights(scores.to_numpy())
    return StackedPosterior(
        components, xr.DataArray(weights, {"law": list(components)}, ("law",)), scores
    )


def extrapolation_scores(runs: xr.Dataset, laws: Sequence[str], **options: Any) -> xr.DataArray:
    """Mean log predictive density by block (horizon and validation domain) and law."""
    columns = []
    names: list[str] = []
    for train, group in by_training_set(horizons(runs)):
        block = np.empty((len(group), runs.sizes["validation"], len(laws)))
        for k, law in enumerate(laws):
            predictor, _, _ = fitted(train, law, "bayes", **options)
            for i, horizon in enumerate(group):
                mean, sd = predictor.run_distribution(horizon.test)
                density = log_density(horizon.test["loss"].to_numpy(), mean, sd)
                block[i, :, k] = np.nanmean(density, axis=0)
        columns.append(block.reshape(-1, len(laws)))
        for horizon in group:
            size = f"{horizon.fitted_sizes[-1]:.3g}→{horizon.held_out_size:.3g}"
            names += [f"{size} {name}" for name in runs["validation"].to_numpy()]
    return xr.DataArray(
        np.concatenate(columns), {"block": names, "law": list(laws)}, ("block", "law")
    )


def loo_scores(posterior: Posterior) -> xr.DataArray:
    """Mean PSIS-LOO log density by validation domain, dims (block,)."""
    pointwise: xr.DataArray = leave_one_out(posterior).elpd.elpd_i
    return pointwise.groupby("validation").mean().rename(validation="block")


def stacking_weights(scores: np.ndarray) -> np.ndarray:
    """Weights that maximise Σ_b ln Σ_k w_k exp(s_bk), from a uniform prior, by EM.

    Parameters
    ----------
    scores
        Log densities, shape (block, law).

    Returns
    -------
    ndarray, shape (law,)
        The maximum after one prior observation spread over the laws, so that few blocks do not
        push a weight to exactly 0.
    """
    n_laws = scores.shape[1]
    relative = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights = np.full(n_laws, 1 / n_laws)
    for _ in range(1000):
        share = relative * weights
        share /= share.sum(axis=1, keepdims=True)
        updated = (share.sum(axis=0) + 1 / n_laws) / (len(scores) + 1)
        if np.max(np.abs(updated - weights)) < 1e-10:
            break
        weights = updated
    return weights
