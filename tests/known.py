"""Posteriors whose best mixtures are known in closed form, made without sampling.

Their law has one reducible term by capacity and one by tokens; each validation domain listens to
the training domain of its name, and may be pulled by all:

    L_v = E + A Ñ^(-0.3) (w_v / w⁰_v)^(-γ_v) exp(-Σ_k p_vk w_k) + B D^(-0.3) (w_v / w⁰_v)^(-β_v)

With p = 0 and β = 0, Σ_v o_v L_v is least at w_v ∝ (o_v w⁰_v^γ)^(1 / (1 + γ)) for equal γ.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.draws.status import Status
from bayescamel.laws.base import Array, Coefficient, Inputs, Law, Parameter, Terms
from bayescamel.models.hierarchy import Hierarchy, Noise
from bayescamel.models.problem import build
from bayescamel.posterior import Posterior
from bayescamel.runs.sizes import Centre, scales
from bayescamel.runs.table import read_runs

REFERENCE_LOSS, E, A, B, SIGMA = 2.0, 0.4, 0.5, 0.2, 0.003
"""Unit of the loss, nats per token; coefficients and a run's noise in that unit."""


def terms(
    xp: Array,
    inputs: Inputs,
    *,
    gamma: Array,
    pull: Array,
    beta: Array,
) -> Terms:
    """The equation of this module's docstring."""
    own = inputs.own * inputs.mixture / inputs.reference
    log_own = xp.log(xp.sum(own, axis=-1) + 1e-6)  # finite at the corners, as a law has to be
    pulled = xp.sum(pull * inputs.mixture, axis=-1)
    by_capacity = xp.exp(-0.3 * inputs.log_capacity - gamma * log_own - pulled)
    by_tokens = xp.exp(-0.3 * inputs.log_tokens - beta * log_own)
    return Terms({"E": 1.0, "A": by_capacity, "B": by_tokens})


KNOWN = Law(
    name="known",
    title="known optima",
    parameters=(
        Parameter("gamma", ("validation",), "positive", 0.3, location_sd=0.3, spread=0.2),
        Parameter("pull", ("validation", "domain"), "real", 0.0, location_sd=0.3, spread=0.2),
        Parameter("beta", ("validation",), "positive", 0.3, location_sd=0.3, spread=0.2),
    ),
    coefficients=tuple(
        Coefficient(name, mean, location_sd=0.1, spread=0.1)
        for name, mean in (("E", E), ("A", A), ("B", B))
    ),
    terms=terms,
)


def known_runs(n_domains: int, sparse: bool = False) -> xr.Dataset:
    """Eighteen runs of three sizes, 20 tokens a parameter, mixtures around the centroid.

    Their losses are all the reference loss; `known_posterior` puts the law's in.
    """
    names = [f"d{k}" for k in range(n_domains)]
    rng = np.random.default_rng(0)
    rows = []
    for size in (1e7, 3e7, 9e7):
        for i, weights in enumerate(rng.dirichlet(np.full(n_domains, 5.0), size=6)):
            row = {"run_id": f"{size:g}-{i}", "n_params": size, "n_tokens": 20 * size}
            if sparse:
                row["n_active_params"] = size / (1 + i % 2)
            row |= {f"w_{name}": weight for name, weight in zip(names, weights, strict=True)}
            rows.append(row | {f"loss_{name}": REFERENCE_LOSS for name in names})
    return read_runs(pd.DataFrame(rows))


def known_posterior(
    gamma: np.ndarray,
    n_domains: int = 3,
    pull: np.ndarray | float = 0.0,
    beta: float = 0.0,
    sparsity: float | None = None,
) -> Posterior:
    """One chain whose draws have these γ (draw,), the same for all validation domains.

    The runs lie on the curve of the mean of the draws.

    Parameters
    ----------
    pull
        p, shape (draw, validation, domain) or a number.
    beta
        The tokens' exponent.
    sparsity
        s; None: dense runs only.
    """
    runs = known_runs(n_domains, sparsity is not None)
    n_draws, n_scales = len(gamma), len(scales(runs)[0])
    per_validation = (1, n_draws, n_domains)
    values = {
        "gamma": np.broadcast_to(gamma[:, None], per_validation),
        "pull": np.broadcast_to(pull, (*per_validation, n_domains)),
        "beta": np.full(per_validation, beta),
    }
    if sparsity is not None:
        values["sparsity"] = np.full((1, n_draws), sparsity)
    alike = Noise(run_spread=0, mixture_dependent=False)
    hierarchy = Hierarchy(KNOWN, n_domains, n_domains, sparse=sparsity is not None, noise=alike)
    inputs = build(runs, Centre.of(runs), padded=False).inputs()
    means = {name: value.mean((0, 1)) for name, value in values.items()}
    loss = hierarchy.curve(np, means, np.tile([E, A, B], (n_domains, 1)), inputs)
    runs = runs.assign(loss=(("run", "validation"), REFERENCE_LOSS * loss.T))
    values |= {
        "E": np.full(per_validation, E),
        "A": np.full(per_validation, A),
        "B": np.full(per_validation, B),
        "sigma": np.full(per_validation, SIGMA),
        "size_effect": np.zeros((*per_validation, n_scales)),
        "size_effect_scale": np.full((1, n_draws), SIGMA),
    }
    dims = {parameter.name: parameter.dims for parameter in hierarchy.parameters()}
    dims |= dict.fromkeys(("E", "A", "B", "sigma"), ("validation",))
    dims |= {"size_effect": ("validation", "scale"), "size_effect_scale": ()}
    names = runs["domain"].to_numpy()
    dataset = xr.Dataset(
        {name: (("chain", "draw", *dims[name]), value) for name, value in values.items()},
        {"chain": [0], "draw": np.arange(n_draws), "validation": names, "domain": names},
    )
    return Posterior(
        tree=xr.DataTree.from_dict({"posterior": dataset}),
        runs=runs,
        hierarchy=hierarchy,
        centre=replace(Centre.of(runs), loss=np.full(n_domains, REFERENCE_LOSS)),
        status=Status(1.0, 1000.0, 1000.0, 0, 1.0, 0.0),
    )


def known_optimum(posterior: Posterior, gamma: float, weights: np.ndarray) -> np.ndarray:
    """The best mixture (domain,) of Σ_v weights_v L_v for one γ, without pull and tokens."""
    best = (weights * posterior.centre.mixture**gamma) ** (1 / (1 + gamma))
    return best / best.sum()
