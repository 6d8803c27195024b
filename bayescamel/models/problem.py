"""The runs as arrays around their centre: what every program of a law is conditioned on."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr

from bayescamel.exceptions import FitError
from bayescamel.laws.base import Inputs, Law
from bayescamel.models.hierarchy import Hierarchy, Noise, Pooling

MIN_TYPICAL_WEIGHT = 1e-9


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
    scale: np.ndarray
    """(R, S) 1 where the run has this size."""
    loss: np.ndarray
    """(R, V) in units of the reference loss; 0 where not measured."""
    measured: np.ndarray
    """(R, V) 1 where measured, else 0."""

    def inputs(self) -> Inputs:
        """As a law wants them: axes (run, validation) and (run, validation, domain)."""
        return Inputs(
            log_total=self.log_total[:, None],
            log_active=self.log_active[:, None],
            log_tokens=self.log_tokens[:, None],
            mixture=self.mixture[:, None, :],
            reference=self.reference,
            own=self.own,
        )

    def inputs_by_validation(self) -> Inputs:
        """The same with axes (validation, run) and (validation, run, domain)."""
        return Inputs(
            log_total=self.log_total,
            log_active=self.log_active,
            log_tokens=self.log_tokens,
            mixture=self.mixture,
            reference=self.reference,
            own=self.own[:, None],
        )


@dataclass(frozen=True)
class Centre:
    """The point around which a law is written.

    Parameters
    ----------
    n_params
        N₀, geometric mean of the sizes (active parameters of sparse models).
    n_tokens
        D₀, geometric mean of the tokens; None where the runs do not tell them.
    mixture
        w⁰ by training domain, the mean mixture.
    loss
        Reference loss by validation domain: the mean over runs, nats per token.
    """

    n_params: float
    n_tokens: float | None
    mixture: np.ndarray
    loss: np.ndarray

    @classmethod
    def of(cls, runs: xr.Dataset) -> "Centre":
        """The centre of these runs.

        Raises
        ------
        FitError
            When a training domain has no weight in any run.
        """
        mixture = runs["mixture"].to_numpy().mean(axis=0)
        for domain, weight in zip(runs["domain"].to_numpy(), mixture, strict=True):
            if weight < MIN_TYPICAL_WEIGHT:
                raise FitError(
                    f"training domain {domain!r} has no weight in any run, so nothing can be "
                    f"learned of it: drop the column w_{domain}"
                )
        tokens = runs["n_tokens"].to_numpy() if "n_tokens" in runs else None
        return cls(
            n_params=float(np.exp(np.log(np.unique(active_params(runs))).mean())),
            n_tokens=None if tokens is None else float(np.exp(np.log(tokens).mean())),
            mixture=mixture,
            loss=runs["loss"].mean("run").to_numpy(),
        )


def active_params(runs: xr.Dataset) -> np.ndarray:
    """Parameters used per token, shape (run,): all of them for a dense run."""
    total = runs["n_params"].to_numpy()
    if "n_active_params" not in runs:
        return np.asarray(total)
    active = runs["n_active_params"].to_numpy()
    return np.where(np.isnan(active), total, active)


def is_sparse(runs: xr.Dataset) -> bool:
    """Whether some run is a Mixture-of-Experts model."""
    return bool(np.any(active_params(runs) < runs["n_params"].to_numpy()))


def scales(runs: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """The distinct sizes, and which of them each run has.

    A scale is what a team tunes once; a sparse model is another scale than a dense one.

    Returns
    -------
    sizes, index
        Shapes (scale, 2), total and active parameters in ascending order, and (run,).
    """
    pairs = np.stack([runs["n_params"].to_numpy(), active_params(runs)], axis=1)
    sizes, index = np.unique(pairs, axis=0, return_inverse=True)
    return sizes, index.ravel()


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
    return Problem(
        log_total=pad(np.log(total / centre.n_params), 0.0),
        log_active=pad(np.log(active / centre.n_params), 0.0),
        log_tokens=pad(tokens, 0.0),
        mixture=mixture,
        reference=centre.mixture,
        own=same_names(runs),
        scale=pad(np.eye(columns)[scale], 0.0),
        loss=pad(np.where(measured, loss, 0.0), 0.0),
        measured=pad(measured.astype(float), 0.0),
    )


def same_names(runs: xr.Dataset) -> np.ndarray:
    """(validation, domain): 1 where a validation domain is a training domain too.

    It is when the names are equal, or when it is the training domain's name behind a prefix that
    ends in an underscore, as in ``val_math``; the longest such name counts.
    """
    domains = [str(domain) for domain in runs["domain"].to_numpy()]
    result = np.zeros((runs.sizes["validation"], len(domains)))
    for row, name in enumerate(map(str, runs["validation"].to_numpy())):
        matching = [d for d in domains if name == d or name.endswith(f"_{d}")]
        if matching:
            result[row, domains.index(max(matching, key=len))] = 1.0
    return result
