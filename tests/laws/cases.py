"""Laws at random points: runs everywhere on the simplex, parameters drawn from their priors."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayescamel.laws import Inputs, Law
from bayescamel.models.hierarchy import Hierarchy

DOMAINS, VALIDATIONS = 4, 3
OWN = np.eye(VALIDATIONS, DOMAINS)[[0, 1, 2]]
OWN[2] = 0.0  # the last validation domain is no training domain


def inputs(seed: int = 0, n: int = 12, sparse: bool = True) -> Inputs:
    """Corners, edges and interior, sizes and tokens a hundredfold off the centre."""
    rng = np.random.default_rng(seed)
    edges = np.where(rng.uniform(size=(n, DOMAINS)) < 0.5, rng.dirichlet(np.ones(DOMAINS), n), 0)
    edges[np.arange(n), np.arange(n) % DOMAINS] += 0.1
    edges /= edges.sum(axis=1, keepdims=True)
    mixture = np.concatenate([np.eye(DOMAINS), edges, rng.dirichlet(np.full(DOMAINS, 2.0), n)])
    log_total = rng.uniform(-4.6, 4.6, len(mixture))
    log_active = log_total - (rng.uniform(0, 3, log_total.shape) if sparse else 0.0)
    return Inputs(
        log_total=log_total,
        log_active=log_active,
        log_capacity=log_active,
        log_tokens=rng.uniform(-4.6, 4.6, len(mixture)),
        mixture=mixture[None],
        reference=np.array([0.4, 0.3, 0.2, 0.1]),
        own=OWN[:, None],
        log_centre=np.array([0.7, -1.2]),
    )


def prior_draw(law: Law, rng: np.random.Generator, sparse: bool = True) -> dict[str, Any]:
    """Parameters of the law, in their own units, from its partially pooled prior."""
    hierarchy = Hierarchy(law, VALIDATIONS, DOMAINS, sparse=sparse)
    values: dict[str, Any] = {}
    for block in hierarchy.blocks():
        location, scale = block.prior(np, values, OWN)
        values[block.name] = location + scale * rng.normal(size=hierarchy.shape(block.dims))
    return {n: np.asarray(v) for n, v in hierarchy.constrained(np, values, OWN).items()}


def typical_coefficients(law: Law) -> dict[str, float]:
    """Prior means, which are positive in every law."""
    return {coefficient.name: coefficient.mean for coefficient in law.coefficients}


def loss(
    law: Law,
    where: Inputs,
    parameters: dict[str, Any],
    coefficients: Mapping[str, Any] | None = None,
    xp: Any = np,
) -> Any:
    """The law's value, (validation, run), in units of the reference loss."""
    if coefficients is None:
        coefficients = typical_coefficients(law)
    rows = [np.broadcast_to(coefficients[c.name], VALIDATIONS) for c in law.coefficients]
    hierarchy = Hierarchy(law, VALIDATIONS, DOMAINS, sparse="sparsity" in parameters)
    return hierarchy.curve(xp, parameters, np.stack(rows, axis=-1), where)
