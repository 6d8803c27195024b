"""Checks of a run table: values that runs can have, and runs that a law can be fitted to."""

import numpy as np
import xarray as xr

from bayescamel.exceptions import RunTableError
from bayescamel.input import shown
from bayescamel.runs.columns import column
from bayescamel.runs.sizes import SAME_SIZE, mean_mixture, n_sizes

WEIGHT_TOLERANCE = 1e-6
"""How far the weights of a run may be from summing to 1: the rounding of a float in text."""

MAX_LOSS = 1000.0
"""Nats per token: guessing among 10^400 tokens. A larger one is a perplexity or an overflow."""

RENORMALISE_LIMIT = 0.01
"""How far they may be when the caller asks to renormalise: the rounding of weights by hand."""


def check_values(runs: xr.Dataset) -> None:
    """Refuse values that no run can have.

    Raises
    ------
    RunTableError
        Naming the run, the column and the value.
    """
    for name in ("n_params", "n_tokens"):
        if name in runs:
            _refuse(runs[name], runs[name].isnull(), "is empty", "fill it in or drop the run")
    _refuse(runs["mixture"], runs["mixture"].isnull(), "is empty", "write 0 for an unused domain")
    _refuse(runs["mixture"], runs["mixture"] < 0, "is negative", "a weight is a share")
    for name in ("n_params", "n_active_params", "n_tokens", "loss"):
        if name in runs:
            values = runs[name]
            _refuse(values, values == np.inf, "is infinite", "leave it empty if not measured")
            _refuse(values, values <= 0, "is not positive", "leave it empty if not measured")
    large = "is no loss in nats per token"
    _refuse(runs["loss"], runs["loss"] > MAX_LOSS, large, "leave it empty if the run diverged")
    for name in ("accuracy", "score"):
        if name in runs:
            outside = (runs[name] < 0) | (runs[name] > 1)
            _refuse(runs[name], outside, "is outside 0 to 1", "give a share, not a percentage")
    if "n_active_params" in runs:
        active = runs["n_active_params"]
        _refuse(active, active > runs["n_params"], "exceeds n_params", "count both alike")


def _refuse(values: xr.DataArray, bad: xr.DataArray, problem: str, remedy: str) -> None:
    if not bad.any():
        return
    place = np.unravel_index(int(np.argmax(bad.to_numpy())), bad.shape)
    cell = values[place]
    name = str(values.name)
    if values.ndim == 2:
        name = column(name, cell[values.dims[1]].item())  # type: ignore[arg-type]  # its kind
    value = "" if np.isnan(cell) else f" = {cell.item():g}"
    run = shown(repr(cell["run"].item()))
    raise RunTableError(f"run {run}: {shown(name)}{value} {problem}; {remedy}")


def weights_summing_to_one(runs: xr.Dataset, renormalise: bool) -> xr.DataArray:
    """Return the mixtures, scaled when asked.

    Raises
    ------
    RunTableError
        When the weights of a run miss 1 by more than rounding, or by more than 1 % when
        `renormalise` is set; it says which run misses it most, and by how much.
    """
    mixture = runs["mixture"]
    total = mixture.sum("domain")
    miss = abs(total - 1)
    limit = RENORMALISE_LIMIT if renormalise else WEIGHT_TOLERANCE
    # A weight of 0.99 in text is a little less than that in binary.
    if (miss > limit + 1e-12).any():
        worst = int(np.argmax(miss.to_numpy()))
        off = float(total[worst]) - 1
        many = int((miss > limit + 1e-12).sum())
        others = f" ({many} runs in all)" if many > 1 else ""
        if renormalise:
            remedy = f"renormalising mends at most {RENORMALISE_LIMIT:.0%}"
        elif abs(off) <= RENORMALISE_LIMIT + 1e-12:
            remedy = "pass renormalise=True (--renormalise) if that is rounding"
        else:
            remedy = "correct the table"
        raise RunTableError(
            f"run {shown(repr(mixture['run'][worst].item()))}: its weights sum to {1 + off:.6g}, "
            f"off by {off:+.2g}{others}; {remedy}"
        )
    return mixture / total if renormalise else mixture


def runs_needed(n_domain: int) -> int:
    """How many runs a law needs at least: one a training domain, and two sizes' worth more."""
    return n_domain + 3


def check_fittable(runs: xr.Dataset, minimum_runs: int | None = None, least_sizes: int = 2) -> None:
    """Refuse runs that no law over size and mixture can be fitted to.

    Parameters
    ----------
    runs
        As `bayescamel.read_runs` returns them.
    minimum_runs
        How many runs with a loss the law needs; None: `runs_needed` for their domains.
    least_sizes
        How many sizes it needs; 1 where priors tell how losses fall with size.

    Raises
    ------
    RunTableError
        When there are too few runs, or all have one size and that is too few, or a validation
        domain has no loss or one number only, or a training domain no weight.
    """
    mean_mixture(runs)
    measured = runs["loss"].notnull()
    for domain in runs["validation"].to_numpy()[~measured.any("run").to_numpy()]:
        raise RunTableError(f"no run has a loss on {shown(domain)!r}: leave that column out")
    usable = runs.isel(run=measured.any("validation").to_numpy())
    count, n_domain = usable.sizes["run"], runs.sizes["domain"]
    least = runs_needed(n_domain) if minimum_runs is None else minimum_runs
    if count < least:
        raise RunTableError(
            f"{count} runs with a loss are too few: this law needs at least {least} for "
            f"{n_domain} training domains"
        )
    if n_sizes(usable) < least_sizes:
        size = float(usable["n_params"][0])
        raise RunTableError(
            f"all {count} runs have one size (n_params = {size:g}) to {SAME_SIZE:.0%}: a law over "
            "size cannot be learned from it; add runs of at least one other size"
        )
    for domain in usable["validation"].to_numpy()[_constant(usable["loss"].to_numpy())]:
        value = float(usable["loss"].sel(validation=domain).max())
        raise RunTableError(
            f"loss_{shown(domain)} is {value:g} in every run, so it was not measured: leave that "
            "column out"
        )


def _constant(loss: np.ndarray) -> np.ndarray:
    """Which columns (run, validation) hold one number throughout."""
    several = np.isfinite(loss).sum(axis=0) > 2
    return np.asarray((np.nanmax(loss, axis=0) == np.nanmin(loss, axis=0)) & several)


def why_not_fitted(runs: xr.Dataset) -> str | None:
    """What `check_fittable` says of the runs; None where it lets them pass."""
    try:
        check_fittable(runs)
    except RunTableError as error:
        return str(error)
    return None


def can_be_fitted(runs: xr.Dataset) -> bool:
    """Whether `check_fittable` lets the runs pass."""
    return why_not_fitted(runs) is None
