"""Transforms that take mixtures to unconstrained numbers and back, and distances between them.

Every function takes DataArrays with a dim ``domain`` and keeps the other dims.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import xarray as xr

from bayescamel.exceptions import MixtureError


def softmax(logits: xr.DataArray) -> xr.DataArray:
    """Mixtures from logits: w_k = exp(z_k) / Σ_j exp(z_j)."""
    return _over_domains(_softmax, logits).rename("mixtures")


def to_logits(mixtures: xr.DataArray) -> xr.DataArray:
    """Inverse of `softmax` whose logits sum to 0: Aitchison's centred log-ratio (1982).

    Raises
    ------
    MixtureError
        When a weight is 0.
    """
    _check_positive(mixtures)
    return _over_domains(_centred_log, mixtures).rename("logits")


def ilr(mixtures: xr.DataArray) -> xr.DataArray:
    """Isometric log-ratio coordinates: dim ``domain`` of K becomes ``coordinate`` of K − 1.

    Euclidean distance between coordinates is Aitchison's distance between mixtures (Egozcue et
    al., 2003, *Isometric Logratio Transformations for Compositional Data Analysis*), here with
    Helmert's orthonormal basis.

    Raises
    ------
    MixtureError
        When a weight is 0.
    """
    _check_positive(mixtures)
    result: xr.DataArray = xr.apply_ufunc(
        lambda w: _centred_log(w) @ _helmert(w.shape[-1]),
        mixtures,
        input_core_dims=[["domain"]],
        output_core_dims=[["coordinate"]],
    )
    return result.rename("ilr")


def from_ilr(coordinates: xr.DataArray, domains: Iterable[str]) -> xr.DataArray:
    """Inverse of `ilr`.

    Raises
    ------
    MixtureError
        When the coordinates are not one fewer than the domains.
    """
    names = list(domains)
    if coordinates.sizes["coordinate"] != len(names) - 1:
        raise MixtureError(
            f"{coordinates.sizes['coordinate']} coordinates are no mixture of {len(names)} "
            "domains: one fewer than the domains is needed"
        )
    result: xr.DataArray = xr.apply_ufunc(
        lambda z: _softmax(z @ _helmert(len(names)).T),
        coordinates,
        input_core_dims=[["coordinate"]],
        output_core_dims=[["domain"]],
    )
    return result.assign_coords(domain=names).rename("mixtures")


def kl_divergence(mixtures: xr.DataArray, reference: xr.DataArray) -> xr.DataArray:
    """KL(w ‖ r) = Σ_k w_k ln(w_k / r_k), nats; infinite where r lacks a domain that w has."""
    from scipy.special import rel_entr

    return _between(lambda w, r: rel_entr(w, r).sum(axis=-1), mixtures, reference, "kl_divergence")


def total_variation(mixtures: xr.DataArray, reference: xr.DataArray) -> xr.DataArray:
    """½ Σ_k |w_k − r_k|: the share of the tokens that changes domain, 0 to 1."""
    return _between(variation, mixtures, reference, "total_variation")


def variation(a: Any, b: Any) -> Any:
    """Total variation of weights (..., domain), leading axes broadcast; any array library's."""
    return 0.5 * abs(a - b).sum(axis=-1)


def _softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def _centred_log(mixtures: np.ndarray) -> np.ndarray:
    logs = np.log(mixtures)
    return np.asarray(logs - logs.mean(axis=-1, keepdims=True))


def _helmert(n: int) -> np.ndarray:
    from scipy.linalg import helmert

    return np.asarray(helmert(n).T)


def _over_domains(
    function: Callable[[np.ndarray], np.ndarray], values: xr.DataArray
) -> xr.DataArray:
    result: xr.DataArray = xr.apply_ufunc(
        function, values, input_core_dims=[["domain"]], output_core_dims=[["domain"]]
    )
    return result


def _between(
    function: Callable[[np.ndarray, np.ndarray], np.ndarray],
    mixtures: xr.DataArray,
    reference: xr.DataArray,
    name: str,
) -> xr.DataArray:
    result: xr.DataArray = xr.apply_ufunc(
        function, mixtures, reference, input_core_dims=[["domain"], ["domain"]], join="exact"
    )
    return result.rename(name)


def _check_positive(mixtures: xr.DataArray) -> None:
    bad = mixtures.to_numpy() <= 0
    if bad.any():
        place = np.argwhere(bad)[0][mixtures.get_axis_num("domain")]
        raise MixtureError(
            f"{mixtures['domain'][place].item()} has a weight that is not positive, so it has no "
            "logarithm: mix a little of every domain in first"
        )
