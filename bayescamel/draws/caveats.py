"""Warnings, in words, about what a converged posterior may still get wrong."""

import math

import numpy as np

from bayescamel.draws.draws import Draws
from bayescamel.draws.scatter import curve_distribution
from bayescamel.input import shown
from bayescamel.models.hierarchy import LOG_NOISE_SD, LOG_NOISE_SPREAD, SIZE_EFFECT_SD
from bayescamel.runs.sizes import active_params, n_sizes
from bayescamel.runs.tokens import why_not_apart

MAX_PRIOR_SDS = 3.0
"""Prior standard deviations beyond which the scale of the size effects says that the law misses
how the losses depend on size, and not that each size was tuned a little better or worse."""


USUAL_NOISE_SD = math.hypot(LOG_NOISE_SD, LOG_NOISE_SPREAD)
"""Prior standard deviation of the logarithm of a loss's noise."""

MIN_NOISE_SDS = 3.0
"""Noise standard deviations off the curve, the median over a run's losses, from which on the run is
named. One loss may be that far off by chance, half of them on one side are not."""

SAME_WEIGHT = 1e-3
"""Change of a weight that is none: the rounding of a mixture by hand."""

MIN_RISING = 0.5
"""Correlation of a loss with ln size from which on it is said to rise with size."""

N_NAMED = 5
"""How many such runs are named."""


def caveats(draws: Draws) -> tuple[str, ...]:
    """What the data say against the law or leave open; empty where nothing does."""
    if not all(np.isfinite(v).all() for v in draws.tree["posterior"].data_vars.values()):
        return (
            "some draws are not finite, so nothing that is computed from them means anything: fit "
            "again, and look at the runs if it stays",
        )
    found = (
        *(_too_few_sizes(draws), _tokens_with_size(draws), _one_mixture(draws)),
        _larger_is_worse(draws),
        *(_sizes_off(draws), _losses_off(draws), _runs_off(draws)),
    )
    return tuple(caveat for caveat in found if caveat is not None)


def _too_few_sizes(draws: Draws) -> str | None:
    """One or two sizes: what the runs cannot tell of the curve over size is the prior's word."""
    sizes = n_sizes(draws.runs)
    if sizes > 2:
        return None
    if sizes == 1:
        return (
            "only one size was fitted: mixtures are compared at that size, and what is said of "
            "another is what the losses of other tables do with size. Train a second size before "
            "you trust it"
        )
    return (
        "only two sizes were fitted: how fast the losses fall, how far they can fall and how the "
        "mixtures' effects fade with size are told apart by the priors alone. Train a third size "
        "before you trust a much larger one"
    )


def _tokens_with_size(draws: Draws) -> str | None:
    """Tokens that follow from the size: what is said of other tokens is the prior's word."""
    if "n_tokens" not in draws.runs or n_sizes(draws.runs) < 2:
        return None
    return why_not_apart(active_params(draws.runs), draws.runs["n_tokens"].to_numpy())


def _one_mixture(draws: Draws) -> str | None:
    """All runs of one mixture: what another would do is the prior's word alone."""
    mixtures = draws.runs["mixture"].transpose("run", "domain").to_numpy()
    if (np.ptp(mixtures, axis=0) > SAME_WEIGHT).any():
        return None
    return (
        "all runs have one mixture: what another would do is told by the priors alone. Train other "
        "mixtures before you choose one"
    )


def _larger_is_worse(draws: Draws) -> str | None:
    """Losses that rise with size, which no law here can say."""
    runs = draws.runs
    log_size = np.log(active_params(runs))
    loss = runs["loss"].transpose("run", "validation").to_numpy()
    rising = [
        str(name)
        for name, values in zip(runs["validation"].to_numpy(), loss.T, strict=True)
        if _correlation(log_size, values) > MIN_RISING
    ]
    if not rising:
        return None
    more = f" and {len(rising) - N_NAMED} more" if len(rising) > N_NAMED else ""
    return (
        f"losses rise with size on {', '.join(map(shown, rising[:N_NAMED]))}{more}, where every "
        "law has them fall: look whether sizes or losses are mixed up, or larger runs trained worse"
    )


def _correlation(log_size: np.ndarray, loss: np.ndarray) -> float:
    known = np.isfinite(loss)
    if known.sum() < 3 or np.ptp(log_size[known]) == 0 or np.ptp(loss[known]) == 0:
        return 0.0
    return float(np.corrcoef(log_size[known], loss[known])[0, 1])


def _sizes_off(draws: Draws) -> str | None:
    """Effects shared by all runs of a size that stand in for the law's dependence on size.

    Then the curve fits and says little of a size that was not fitted.
    """
    if draws.is_point_fit:
        return None
    scale = float(draws.values["size_effect_scale"].median())
    usual = draws.hierarchy.noise.size_effect
    if scale <= usual * np.exp(MAX_PRIOR_SDS * SIZE_EFFECT_SD):
        return None
    return (
        f"law {draws.law.name!r} does not describe how these losses depend on size: sizes lie "
        f"{scale:.1%} off its curve, where {usual:.1%} is usual. Compare laws "
        "(bayescamel backtest) before you trust it at a larger size"
    )


def _losses_off(draws: Draws) -> str | None:
    """Losses that the law does not describe, as those of runs that never saw their domain."""
    if draws.is_point_fit:
        return None
    noise = draws.values["sigma"].median(("chain", "draw")).to_numpy()
    usual = draws.hierarchy.noise.sigma
    off = np.flatnonzero(noise > usual * np.exp(MAX_PRIOR_SDS * USUAL_NOISE_SD))
    if not len(off):
        return None
    loss = draws.runs["loss"].transpose("run", "validation").to_numpy()
    losses, names = (list(map(str, draws.runs[dim].to_numpy())) for dim in ("validation", "run"))
    words = []
    for place in off[np.argsort(-noise[off])][:N_NAMED]:
        worst = int(np.nanargmax(loss[:, place]))
        where = f"largest at {shown(repr(names[worst]))}, {loss[worst, place]:.2f} nats"
        words.append(f"{shown(losses[place])} ({noise[place]:.1%}; {where})")
    more = f" and {len(off) - N_NAMED} more" if len(off) > N_NAMED else ""
    return (
        f"law {draws.law.name!r} does not describe {', '.join(words)}{more}: runs scatter so far "
        f"around it, where {usual:.1%} is usual, and no interval of theirs is of use. Runs that "
        "hardly saw a domain lose more on it than any law says: leave them out (--where), and give "
        "a study bounds"
    )


def _runs_off(draws: Draws) -> str | None:
    """Runs that lie far off the curve in most of their losses, as one does that went wrong.

    Their noise is learned to be large, so they count little: right for a run that went wrong, and
    wrong where it is the law that misses its mixture.
    """
    mean, sd = curve_distribution(draws, draws.runs)
    loss = draws.runs["loss"].to_numpy()
    z = ((loss - mean) / sd).mean(axis=0)
    off = np.nanmedian(z, axis=1)
    worst = [i for i in np.argsort(-np.abs(off)) if abs(off[i]) > MIN_NOISE_SDS]
    if not worst:
        return None
    apart = np.nanmean(loss / mean.mean(axis=0) - 1, axis=1)
    names = draws.runs["run"].to_numpy()
    words = [f"{shown(repr(str(names[i])))} ({apart[i]:+.1%})" for i in worst[:N_NAMED]]
    more = f" and {len(worst) - N_NAMED} more" if len(worst) > N_NAMED else ""
    return (
        f"far off the curve in most of their losses, and hardly heeded: {', '.join(words)}{more}. "
        "Look at these: if they did not go wrong, it is the law that misses such mixtures or sizes"
    )
