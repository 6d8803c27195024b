"""The forms in which mixtures come, and the one that the package works with."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
import xarray as xr

from bayescamel.exceptions import MixtureError
from bayescamel.input import WEIGHT_TOLERANCE
from bayescamel.runs.checks import ROUNDING
from bayescamel.runs.columns import bare

type Mixtures = (
    Mapping[str, float] | Sequence[Mapping[str, float]] | pd.DataFrame | np.ndarray | xr.DataArray
)
"""One mixture as name → weight, or several in any of the usual forms."""


def as_mixtures(mixtures: Mixtures, domains: Iterable[str]) -> xr.DataArray:
    """Bring one or several mixtures into one form, and check them.

    Parameters
    ----------
    mixtures
        One mixture as name → weight or several of these (an absent domain weighs 0); a DataFrame
        with one column a domain, ``w_`` prefix or not; an array of shape (mixtures, domains) or
        (domains,) in the order of `domains`; or a DataArray with a dim ``domain``, such as the
        ``mixture (run, domain)`` of a run table.
    domains
        The training domains.

    Returns
    -------
    DataArray, dims (mixture, domain)
        Domains in the order of `domains`; a DataFrame's index or a DataArray's coordinate names
        the mixtures, else they are numbered.

    Raises
    ------
    MixtureError
        When a domain is unknown, a weight is negative or not finite, or the weights of a mixture
        miss 1 by more than 0.1 %; by less they are scaled, as in a table of runs.
    """
    known = [str(domain) for domain in domains]
    result = _arranged(mixtures, known)
    values = result.to_numpy()
    if not len(values):
        raise MixtureError("no mixture was given")
    bad = ~np.isfinite(values) | (values < 0)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise MixtureError(
            f"{_name(result, row)}: {known[column]} = {values[row, column]:g} is no weight; "
            "a weight is a share, 0 to 1"
        )
    off = values.sum(axis=1) - 1
    worst = int(np.argmax(abs(off)))
    if abs(off[worst]) > WEIGHT_TOLERANCE + 1e-12:
        raise MixtureError(
            f"{_name(result, worst)}: the weights sum to {1 + off[worst]:.6g}, off by "
            f"{off[worst]:+.2g}; they must sum to 1"
        )
    # What misses 1 in single precision alone stays as it is.
    return result / (1 + off)[:, None] if abs(off[worst]) > ROUNDING else result


def _name(mixtures: xr.DataArray, row: int) -> str:
    return "mixture" if len(mixtures) == 1 else f"mixture {mixtures['mixture'][row].item()!r}"


def _arranged(mixtures: Mixtures, domains: list[str]) -> xr.DataArray:
    if isinstance(mixtures, xr.DataArray):
        return _from_array(mixtures, domains)
    if isinstance(mixtures, pd.DataFrame):
        named = mixtures.rename(columns=partial(bare, "mixture"))
        _check_domains(named.columns, domains)
        weights = named.reindex(columns=domains, fill_value=0.0).to_numpy(dtype=np.float64)
        return _labelled(weights, domains, mixtures.index)
    if isinstance(mixtures, np.ndarray):
        weights = np.atleast_2d(mixtures).astype(np.float64)
        if weights.ndim != 2 or weights.shape[1] != len(domains):
            raise MixtureError(
                f"an array of shape {mixtures.shape} is not (mixtures, {len(domains)} domains)"
            )
        return _labelled(weights, domains, None)
    rows = [mixtures] if isinstance(mixtures, Mapping) else list(mixtures)
    for row in rows:
        _check_domains(row, domains)
    given = [[float(row.get(domain, 0.0)) for domain in domains] for row in rows]
    return _labelled(np.array(given).reshape(len(rows), len(domains)), domains, None)


def _from_array(mixtures: xr.DataArray, domains: list[str]) -> xr.DataArray:
    rows = [str(dim) for dim in mixtures.dims if dim != "domain"]
    if "domain" not in mixtures.indexes or rows not in ([], ["mixture"], ["run"]):
        raise MixtureError(
            f"an array with dims {mixtures.dims} is no mixture: it needs a dim 'domain' with "
            "names and at most one other, 'mixture' or 'run'"
        )
    _check_domains(mixtures["domain"].to_numpy(), domains)
    row = rows[0] if rows else "mixture"
    full = mixtures if rows else mixtures.expand_dims(row)
    ordered = full.reindex(domain=domains, fill_value=0.0).transpose(row, "domain")
    labels = ordered.indexes.get(row)
    return _labelled(ordered.to_numpy().astype(np.float64), domains, labels)


def _labelled(weights: np.ndarray, domains: list[str], labels: pd.Index | None) -> xr.DataArray:
    # As an array: an index brings its own name, which need not be "mixture".
    numbered = np.arange(len(weights)) if labels is None else labels.to_numpy()
    return xr.DataArray(
        weights, {"mixture": numbered, "domain": domains}, ("mixture", "domain"), "mixtures"
    )


def _check_domains(names: Iterable[object], domains: list[str]) -> None:
    seen = set()
    for name in map(str, names):
        if name not in domains:
            raise MixtureError(f"unknown domain {name!r}; there are: {', '.join(domains)}")
        if name in seen:
            raise MixtureError(f"domain {name!r} is given twice")
        seen.add(name)
