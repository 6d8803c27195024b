"""Checks of a run table: values that runs can have, and runs that a law can be fitted to."""

import numpy as np
import xarray as xr

from bayescamel.exceptions import RunTableError
from bayescamel.input import WEIGHT_TOLERANCE, shown
from bayescamel.runs.columns import BENCHMARK_KINDS, SIZES, column
from bayescamel.runs.sizes import SAME_SIZE, mean_mixture, n_sizes

ROUNDING = 1e-7
"""A sum that misses 1 by less does so in single precision alone, and is left as it is."""

MAX_LOSS = 1000.0
"""Nats per token: guessing among 10^400 tokens. A larger one is a perplexity or an overflow."""

RENORMALISE_LIMIT = 0.01
"""How far they may be when the caller asks to renormalise: the rounding of weights by hand."""


def refuse(problems: list[str]) -> None:
    """Refuse a table for all that is wrong with it, in one line.

    Raises
    ------
    RunTableError
        When there is a problem.
    """
    if len(problems) == 1:
        raise RunTableError(problems[0])
    if problems:
        numbered = ". ".join(f"({i}) {problem}" for i, problem in enumerate(problems, 1))
        raise RunTableError(f"{len(problems)} problems: {numbered}")


def check_values(runs: xr.Dataset, text: xr.Dataset, problems: list[str]) -> None:
    """Add values that no run can have to the problems, by run, column and value.

    Parameters
    ----------
    text
        By variable, where a cell held something other than a number; it is no empty cell.
    """

    def find(name: str, bad: xr.DataArray, problem: str, remedy: str) -> None:
        bad = bad & ~text[name]
        if not bad.any():
            return
        place = np.unravel_index(int(np.argmax(bad.to_numpy())), bad.shape)
        cell = runs[name][place]
        title = name
        if cell.ndim == 0 and runs[name].ndim == 2:
            title = column(name, cell[runs[name].dims[1]].item())  # type: ignore[arg-type]
        value = "" if np.isnan(cell) else f" = {cell.item():g}"
        others = int(bad.sum()) - 1
        more = f" (and {others} more such cell{'s' * (others > 1)})" * (others > 0)
        run = shown(repr(cell["run"].item()))
        problems.append(f"run {run}: {shown(title)}{value} {problem}{more}; {remedy}")

    for name in ("n_params", "n_tokens"):
        if name in runs:
            find(name, runs[name].isnull(), "is empty", "fill it in or drop the run")
    if "mixture" in runs:
        mixture = runs["mixture"]
        find("mixture", mixture.isnull(), "is empty", "write 0 for an unused domain")
        find("mixture", mixture < 0, "is negative", "a weight is a share")
    for name in (*SIZES, "loss"):
        if name in runs:
            values = runs[name]
            find(name, values == np.inf, "is infinite", "leave it empty if not measured")
            find(name, values <= 0, "is not positive", "leave it empty if not measured")
    if "loss" in runs:
        large = (runs["loss"] > MAX_LOSS) & (runs["loss"] < np.inf)
        remedy = "leave it empty if the run diverged, or call it ppl_* if it is a perplexity"
        find("loss", large, "is no loss in nats per token", remedy)
    for name in BENCHMARK_KINDS:
        if name in runs:
            outside = (runs[name] < 0) | (runs[name] > 1)
            find(name, outside, "is outside 0 to 1", "give a share, not a percentage")
    if "unique" in runs:
        few = runs["unique"] <= 0
        find("unique", few, "is not positive", "leave it empty where tokens have no end")
    if "n_active_params" in runs and "n_params" in runs:
        over = runs["n_active_params"] > runs["n_params"]
        find("n_active_params", over, "exceeds n_params", "count both alike")


def weights_summing_to_one(
    runs: xr.Dataset, renormalise: bool, problems: list[str], notes: list[str]
) -> xr.DataArray:
    """Return the mixtures as shares that sum to 1.

    Sums within `WEIGHT_TOLERANCE` of 1 are scaled, and a note says so; so are percentages, where
    every run's weights sum to 100. All else is a problem.
    """
    mixture = runs["mixture"]
    total = mixture.sum("domain")
    limit = RENORMALISE_LIMIT if renormalise else WEIGHT_TOLERANCE
    # A weight of 0.99 in text is a little less than that in binary.
    limit += 1e-12
    if (abs(total / 100 - 1) <= limit).all():
        mixture, total = mixture / 100, total / 100
        notes.append("weights are percentages: they sum to 100 in every row")
    miss = abs(total - 1)
    if (miss > limit).any():
        worst = int(np.argmax(miss.to_numpy()))
        off = float(total[worst]) - 1
        many = int((miss > limit).sum())
        others = f" ({many} runs in all)" if many > 1 else ""
        if abs(off) <= RENORMALISE_LIMIT + 1e-12:
            remedy = "pass renormalise=True (--renormalise) if that is rounding"
        elif renormalise:
            remedy = f"renormalising mends at most {RENORMALISE_LIMIT:.0%}"
        else:
            remedy = "correct the table"
        problems.append(
            f"run {shown(repr(mixture['run'][worst].item()))}: its weights sum to {1 + off:.6g}, "
            f"off by {off:+.2g}{others}; {remedy}"
        )
    rounded = int((miss > ROUNDING).sum())
    if rounded:
        notes.append(
            f"weights of {rounded} runs were scaled to sum to 1; they missed it by "
            f"{float(miss.max()):.2g} at most"
        )
        return mixture / total
    return mixture


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
    if not runs.sizes["validation"]:
        raise RunTableError("the runs have accuracies and no 'loss_*' column, which a law needs")
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
