"""The runs as arrays around their centre: what every program of a law is conditioned on."""

from typing import NamedTuple

import numpy as np
import xarray as xr

from bayescamel.laws.base import Inputs, Law
from bayescamel.models.hierarchy import Hierarchy, Noise, Pooling
from bayescamel.runs.sizes import Centre, Sizes, active_params, is_sparse, same_names, scales


class Problem(NamedTuple):
    """Arrays of one fit. Rows beyond the runs and columns beyond the scales are padding.

    Shapes: R runs, K training domains, V validation domains, S scales.
    """

    log_total: np.ndarray
    """(R,) ln(N / N₀)."""
    log_active: np.ndarray
    """(R,) ln(N_act / N₀)."""
    log_tokens: np.ndarray
    """(R,) ln(D / D₀); 0 where the runs do not tell tokens."""
    mixture: np.ndarray
    """(R, K)."""
    reference: np.ndarray
    """(K,) w⁰."""
    own: np.ndarray
    """(V, K) 1 where names match."""
    log_centre: np.ndarray
    """(2,) ln(N₀ / 1e8) and ln(D₀ / 1e10)."""
    scale: np.ndarray
    """(R, S) 1 where the run has this size."""
    loss: np.ndarray
    """(R, V) in units of the reference loss; 0 where not measured."""
    measured: np.ndarray
    """(R, V) 1 where measured, else 0."""
    unique: np.ndarray | None = None
    """(R, K) tokens that exist of each domain over the run's; None where no run repeats any."""

    def inputs(self) -> Inputs:
        """As a law wants them."""
        return Inputs(
            log_total=self.log_total,
            log_active=self.log_active,
            log_capacity=self.log_active,
            log_tokens=self.log_tokens,
            mixture=self.mixture[None],
            reference=self.reference,
            own=self.own[:, None],
            log_centre=self.log_centre,
            unique=None if self.unique is None else self.unique[None],
        )


def hierarchy_for(
    runs: xr.Dataset, law: Law, pooling: Pooling = "partial", noise: Noise | None = None
) -> Hierarchy:
    """The prior of a law for the domains of these runs."""
    return Hierarchy(
        law=law,
        n_validation=runs.sizes["validation"],
        n_domain=runs.sizes["domain"],
        pooling=pooling,
        sparse=is_sparse(runs),
        repeated=Sizes.of(runs).unique is not None,
        noise=Noise() if noise is None else noise,
    )


def bucket(n: int) -> int:
    """The padded length for n rows: steps of an eighth, so that one more run recompiles nothing."""
    step = max(8, 2 ** max(0, (n - 1).bit_length() - 3))
    return int(-(-n // step) * step)


def build(runs: xr.Dataset, centre: Centre, padded: bool = True) -> Problem:
    """Arrays of `runs` around `centre`, padded to a bucket of rows and scales."""
    n_runs = runs.sizes["run"]
    total, active = runs["n_params"].to_numpy(), active_params(runs)
    sizes, scale = scales(runs)
    rows = bucket(n_runs) if padded else n_runs
    columns = -(-len(sizes) // 4) * 4 if padded else len(sizes)

    def pad(values: np.ndarray, fill: float) -> np.ndarray:
        result = np.full((rows, *values.shape[1:]), fill)
        result[:n_runs] = values
        return result

    loss = runs["loss"].to_numpy() / centre.loss
    measured = ~np.isnan(loss)
    mixture = np.broadcast_to(centre.mixture, (rows, len(centre.mixture))).copy()
    mixture[:n_runs] = runs["mixture"].to_numpy()
    tokens = np.zeros(n_runs)
    if centre.n_tokens is not None:
        tokens = np.log(runs["n_tokens"].to_numpy() / centre.n_tokens)
    unique = Sizes.of(runs).shares
    return Problem(
        log_total=pad(np.log(total / centre.n_params), 0.0),
        log_active=pad(np.log(active / centre.n_params), 0.0),
        log_tokens=pad(tokens, 0.0),
        mixture=mixture,
        reference=centre.mixture,
        own=same_names(runs),
        log_centre=centre.logs,
        scale=pad(np.eye(columns)[scale], 0.0),
        loss=pad(np.where(measured, loss, 0.0), 0.0),
        measured=pad(measured.astype(float), 0.0),
        unique=None if unique is None else pad(unique, np.inf),
    )
