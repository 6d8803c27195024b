"""What a study's FLOPs bought: uncertainty at the target and expected regret as runs came in."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescamel.exceptions import PlotError
from bayescamel.inference.fit import fit
from bayescamel.plots.axes import legend, panels
from bayescamel.plots.style import BLUE, GREY, INTERVAL90, ORANGE, styled
from bayescamel.study.outlook import fittable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bayescamel.decisions import OptimalMixture
    from bayescamel.study import Study

STEPS = 4
"""Moments of a study that are looked back at."""


@styled
def learning(
    history: "Study | Sequence[tuple[float, OptimalMixture]]", axes: Any = None
) -> "Figure":
    """What FLOPs bought: the objective at the target and the expected regret as runs came in.

    Parameters
    ----------
    history
        FLOPs spent and the decision then, such as ``(study.snapshot().spent(),
        study.best_mixture())`` after each batch; or a study, which `look_back` fits again.
    axes
        Two.

    Returns
    -------
    Figure
        Left the objective that is expected of the recommendation, with its 90 % interval; right
        the expected regret with the quantile of 90 %.
    """
    if not isinstance(history, Sequence):
        history = look_back(history)
    if not history:
        raise PlotError("no decision was given")
    figure, (left, right) = panels(2, axes, size=(3.1, 2.5))
    spent = np.array([flops for flops, _ in history])
    bests = [best for _, best in history]
    low, high = np.quantile(np.stack([b.values.to_numpy() for b in bests]), INTERVAL90, axis=1)
    left.fill_between(spent, low, high, color=BLUE, alpha=0.2, lw=0, label="90 % interval")
    left.plot(spent, [b.expected for b in bests], "o-", color=BLUE, ms=3, label="expected")
    left.set_ylabel(f"objective at the target, {bests[-1].unit}")
    right.plot(spent, [b.regret for b in bests], "o-", color=ORANGE, ms=3, label="expected regret")
    above = [float(b.regret_quantile(0.9)) for b in bests]
    right.plot(spent, above, "s:", color=GREY, ms=3, label="not exceeded in 90 % of the draws")
    right.set(ylabel=f"regret, {bests[-1].unit}", ylim=(0, None))
    for axis in (left, right):
        axis.set_xlabel("FLOPs spent")
    legend([left, right])
    return figure


def look_back(study: "Study", steps: int = STEPS) -> "list[tuple[float, OptimalMixture]]":
    """FLOPs spent and the decision after the first runs of a study, then more, then all.

    Each moment is fitted anew, as the study fits, to the runs that were told of those asked for
    until then.

    Raises
    ------
    PlotError
        When the study has too few runs for any.
    """
    seen, settings = study.snapshot(), study.settings
    found = []
    for n in np.unique(np.linspace(0, len(seen.runs), steps + 1).astype(int))[1:]:
        then = replace(seen, runs=seen.runs[:n])
        if (runs := fittable(then, settings)) is not None:
            posterior = fit(runs, law=settings.fit.law, sampler=settings.fit, progress=False)
            best = posterior.optimal_mixture(settings.target, settings.objective)
            found.append((then.spent(), best))
    if not found:
        raise PlotError("the study has too few runs for a decision")
    return found
