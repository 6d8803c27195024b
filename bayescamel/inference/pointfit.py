"""A law fitted the peers' way, and its bootstrap: what they predict."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from bayescamel.draws.status import Status
from bayescamel.exceptions import FitError
from bayescamel.laws.base import Law
from bayescamel.mixtures import Mixtures
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.models.problem import Problem, build, hierarchy_for
from bayescamel.posterior import Posterior
from bayescamel.runs.sizes import Centre, scales
from bayescamel.targets import Target

OPTIMUM_TOLERANCE = 0.01
"""Starts whose objective is within this share of the best are taken to have found it."""


@dataclass(frozen=True)
class PointFit:
    """One set of parameters, fitted by Huber loss, L-BFGS and many starts.

    Parameters
    ----------
    parameters
        The law's parameters and coefficients, in units of the reference loss, and ``sigma
        (validation)``, the residual sd with a correction for the number of parameters.
    runs
        The run table that was fitted.
    hierarchy, centre
        Which law, and the point around which it is written.
    positions
        The optimum as the optimiser has it, shape (problem, dimension): where a bootstrap starts.
    agreeing
        How many of the starts found the optimum, in the validation domain where fewest did.
    """

    parameters: xr.Dataset
    runs: xr.Dataset
    hierarchy: Hierarchy
    centre: Centre
    positions: np.ndarray
    agreeing: int

    @property
    def law(self) -> Law:
        """The law that was fitted."""
        return self.hierarchy.law

    def predict(self, target: Target, mixtures: Mixtures | None = None) -> xr.Dataset:
        """Losses of a model at the target: ``loss (mixture, validation)``, nats per token.

        And ``extrapolation (mixture)``, as in `bayescamel.draws.prediction.predict`.
        """
        single = self.parameters.expand_dims(("chain", "draw")).assign_coords(chain=[0], draw=[0])
        draws = _as_draws(self, single)
        return draws.predict(target, mixtures).isel(chain=0, draw=0, drop=True)

    def bootstrap(self, n: int = 200, seed: int = 0) -> Posterior:
        """Fit again to `n` tables of runs drawn with replacement within each size.

        Each replicate starts from this optimum. They predict as the draws of a posterior do; a new
        run scatters around a replicate's curve by this fit's residual sd.

        Raises
        ------
        FitError
            When `n` is below 2.
        """
        if n < 2:
            raise FitError(f"n = {n}: an interval needs at least 2 replicates")
        from bayescamel.inference.point import Layout, optimise

        layout = Layout.of(self.runs, self.law)
        problem = build(self.runs, self.centre, padded=False)
        counts = _resample(scales(self.runs)[1], n, np.random.default_rng(seed))
        starts = np.broadcast_to(self.positions, (n, *self.positions.shape))
        flats, _ = optimise(
            layout.coordinates,
            problem,
            layout.batch(problem, counts),
            starts.reshape(-1, starts.shape[-1]),
        )
        named = layout.named(problem, flats.reshape(starts.shape))
        replicates = xr.Dataset(
            {
                name: (("chain", "draw", *self.parameters[name].dims), value[None])
                for name, value in named.items()
            }
            | {
                "sigma": self.parameters["sigma"].expand_dims(chain=1, draw=n),
            },
            {"chain": [0], "draw": np.arange(n)},
        )
        return _as_draws(self, replicates.assign_coords(self.parameters.coords))

    def __repr__(self) -> str:
        return (
            f"PointFit of law {self.law.name!r} to {self.runs.sizes['run']} runs: residual sd "
            f"{100 * float(self.parameters['sigma'].mean()):.2g} % of the loss, optimum found by "
            f"{self.agreeing} starts"
        )


def fit_point(runs: xr.Dataset, law: Law, seed: int = 0) -> PointFit:
    """Fit a law by Huber loss, L-BFGS and many starts; see `bayescamel.inference.point`.

    Raises
    ------
    FitError
        When no start reaches a finite optimum.
    """
    from bayescamel.inference.point import STARTS, Layout, optimise

    layout, centre = Layout.of(runs, law), Centre.of(runs)
    problem = build(runs, centre, padded=False)
    starts = layout.starts(STARTS, seed)
    batch = layout.batch(problem, np.ones((STARTS, len(problem.loss))))
    flats, values = optimise(
        layout.coordinates, problem, batch, starts.reshape(-1, starts.shape[-1])
    )
    values = values.reshape(starts.shape[:2])
    if not np.isfinite(values).any(axis=0).all():
        raise FitError(
            "no start of the optimiser reached a finite objective: check the losses and weights "
            "for values far from the rest"
        )
    best = np.argmin(values, axis=0)
    positions = flats.reshape(starts.shape)[best, np.arange(len(best))]
    agreeing = (values <= (1 + OPTIMUM_TOLERANCE) * values.min(axis=0)).sum(axis=0).min()
    named = layout.named(problem, positions[None])
    hierarchy = hierarchy_for(runs, law, "none")
    dims = {parameter.name: parameter.dims for parameter in hierarchy.parameters()}
    parameters = xr.Dataset(
        {name: (dims.get(name, ("validation",)), value[0]) for name, value in named.items()},
        {dim: runs[dim].to_numpy() for dim in ("validation", "domain")},
    )
    per_domain = layout.coordinates.dimension * len(layout.groups) / runs.sizes["validation"]
    parameters["sigma"] = ("validation", _residual_sd(hierarchy, problem, parameters, per_domain))
    return PointFit(parameters, runs, hierarchy, centre, positions, int(agreeing))


def _residual_sd(
    hierarchy: Hierarchy, problem: Problem, parameters: xr.Dataset, n_parameters: float
) -> np.ndarray:
    """By validation domain, in units of the reference loss."""
    values = {str(name): value.to_numpy() for name, value in parameters.items()}
    coefficients = np.stack([values[c.name] for c in hierarchy.law.coefficients], axis=-1)
    fitted = hierarchy.curve(np, values, coefficients, problem.inputs()).T
    squares = (problem.measured * (problem.loss - fitted) ** 2).sum(axis=0)
    # Where there are hardly more losses than parameters, one degree of freedom is left.
    return np.asarray(np.sqrt(squares / np.maximum(problem.measured.sum(axis=0) - n_parameters, 1)))


def _resample(scale: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """How often each replicate draws each run: (replicate, run), every size as often as it is."""
    counts = np.zeros((n, len(scale)))
    for rows in (np.flatnonzero(scale == size) for size in np.unique(scale)):
        counts[:, rows] = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=n)
    return counts


def _as_draws(fitted: PointFit, draws: xr.Dataset) -> Posterior:
    """Parameters with dims (chain, draw) in the form that prediction reads."""
    nothing = Status(np.nan, np.nan, np.nan, 0, np.nan, np.nan)  # nothing was sampled
    return Posterior(
        tree=xr.DataTree.from_dict({"posterior": draws}),
        runs=fitted.runs,
        hierarchy=fitted.hierarchy,
        centre=fitted.centre,
        status=nothing,
        is_point_fit=True,
    )
