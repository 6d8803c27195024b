"""Draws for the tests: a linear law, known in closed form, and camel's prior."""

from typing import Any

import numpy as np
import pandas as pd

from bayescamel.designs.candidates import target_table
from bayescamel.designs.inputs import AcquisitionInputs
from bayescamel.designs.linear_gaussian import LinearGaussian, surrogate_of
from bayescamel.designs.predictive import PredictiveDraws
from bayescamel.draws.curves import Curves
from bayescamel.draws.distances import coordinates_of, ranges
from bayescamel.laws import get_law
from bayescamel.laws.base import Coefficient, Law, Terms
from bayescamel.models.hierarchy import Hierarchy, Noise
from bayescamel.runs.sizes import Centre
from bayescamel.targets import Target

DOMAINS = ("code", "math", "web")
TARGET = Target(n_params=64e6, n_tokens=1e9)
MIXTURES = np.random.default_rng(5).dirichlet(np.ones(3), size=12)
WEIGHTS = np.array([0.5, 0.3, 0.2])
NOISE = 0.01


def _terms(xp: Any, inputs: Any) -> Terms:
    size, weights = inputs.log_total, inputs.mixture
    basis = {"E": 1.0, "A": size, "B": weights[..., 0], "C": size * weights[..., 1]}
    return Terms(basis, fixed=1.0)


LINEAR = Law(
    "linear",
    "linear in everything",
    parameters=(),
    coefficients=tuple(Coefficient(name, 0.0, 0.1, 0.1) for name in "EABC"),
    terms=_terms,
)

TRUSTED = Hierarchy(LINEAR, 3, 3, noise=Noise(beyond=0.0))
"""It misses nothing beyond the runs, so that all is known in closed form."""


def centre() -> Centre:
    return Centre(n_params=4e6, n_tokens=1e9, mixture=np.full(3, 1 / 3), loss=np.ones(3))


def linear_predictive(n_draws: int = 2000) -> PredictiveDraws:
    """Coefficients with a covariance of exactly 0.1² 1, so that draws are the closed form."""
    rng = np.random.default_rng(0)
    raw = rng.normal(size=(n_draws, 12))
    raw -= raw.mean(axis=0)
    white = raw @ np.linalg.inv(np.linalg.cholesky(np.cov(raw.T))).T
    return PredictiveDraws(
        hierarchy=TRUSTED,
        centre=centre(),
        domains=DOMAINS,
        validation=DOMAINS,
        draws=Curves(
            parameters={},
            coefficients=0.1 * white.reshape(n_draws, 3, 4),
            reference_loss=np.ones(3),
            reference=np.full(3, 1 / 3),
            own=np.eye(3),
            log_centre=np.zeros(2),
        ),
        sizes=np.array([[1e6, 1e6], [4e6, 4e6], [16e6, 16e6]]),
        size_effects=np.zeros((n_draws, 3, 3)),
        noise=np.full(3, NOISE**2),
        size_noise=np.full(3, 0.02**2),
        fitted=ranges(coordinates_of(candidate_table(2, (1e6, 16e6)))),
    )


def camel_predictive(n_draws: int = 800) -> PredictiveDraws:
    """Draws of camel's prior, with noise as on real runs."""
    hierarchy = Hierarchy(get_law("camel"), n_validation=3, n_domain=3)
    runs = candidate_table(30)
    return PredictiveDraws.prior(hierarchy, centre(), DOMAINS, DOMAINS, runs, n_draws=n_draws)


def candidate_table(n: int = 30, sizes: tuple[float, ...] = (1e6, 4e6, 16e6)) -> pd.DataFrame:
    mixtures = np.random.default_rng(3).dirichlet(np.ones(3), size=n)
    table = pd.DataFrame({"run_id": [f"c{i:02d}" for i in range(n)]})
    table["n_params"] = np.resize(sizes, n)
    table["n_tokens"] = 1e9
    return table.assign(**{f"w_{name}": mixtures[:, i] for i, name in enumerate(DOMAINS)})


def example_surrogate(
    predictive: PredictiveDraws, table: pd.DataFrame, pending: pd.DataFrame | None = None
) -> LinearGaussian:
    wanted = target_table(TARGET, MIXTURES, DOMAINS)
    return surrogate_of(predictive, wanted, WEIGHTS, table, pending)


def example_inputs(
    predictive: PredictiveDraws,
    table: pd.DataFrame,
    history: pd.DataFrame | None = None,
    seed: int = 0,
) -> AcquisitionInputs:
    flops = 6 * table["n_params"].to_numpy() * table["n_tokens"].to_numpy()
    if history is None:
        history = table.iloc[:0].assign(flops=[])
    return AcquisitionInputs(table, flops, history, example_surrogate(predictive, table), seed)
