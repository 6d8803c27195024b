"""Pictures of a study: what it spent, on which sizes and mixtures, when, and what it bought."""

from typing import TYPE_CHECKING, Any

import numpy as np

from bayescamel.exceptions import PlotError
from bayescamel.plots.axes import legend, panels
from bayescamel.plots.style import INK, look, named, styled
from bayescamel.runs.sizes import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayescamel.designs.allocation.plans import Plan
    from bayescamel.study import Study
    from bayescamel.study.rows import StoredRun

UNITS = (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0))

MAX_BARS = 150
"""Runs that have a bar of their own: the lines between more of them cannot be seen."""

HATCH = {"told": None, "pending": "//", "failed": "xx"}
"""By a run's state, for prints in grey."""


@styled
def allocation(study: "Study", plan: "Plan | None" = None, ax: "Axes | None" = None) -> "Figure":
    """Runs by size: told, pending and failed, beside what the plan asks for.

    Parameters
    ----------
    plan
        From `Study.plan`; None draws what was done alone.
    """
    runs = _runs(study)
    sizes = sorted(
        {run.n_params for run in runs}
        | (set() if plan is None else {float(n) for n in plan.runs["n_params"]})
    )
    place = {size: i for i, size in enumerate(sizes)}
    figure, (axis,) = panels(1, ax, size=(4.6, 2.8))
    foot = np.zeros(len(sizes))
    for i, state in enumerate(HATCH):
        counts = np.zeros(len(sizes))
        for run in runs:
            counts[place[run.n_params]] += run.state == state
        if counts.any():
            axis.bar(
                np.arange(len(sizes)) - (0.0 if plan is None else 0.2),
                counts,
                0.38,
                foot,
                color=look(i).color,
                alpha=0.75,
                hatch=HATCH[state],
                edgecolor="white",
                label=state,
            )
        foot += counts
    if plan is not None:
        wanted = np.zeros(len(sizes))
        for row in plan.runs.to_dict(orient="records"):
            wanted[place[float(row["n_params"])]] += row["n_runs"]
        axis.bar(
            np.arange(len(sizes)) + 0.2,
            wanted,
            0.38,
            color="white",
            edgecolor=INK,
            label="planned, still to come",
        )
    axis.set_xticks(range(len(sizes)), [count(size) for size in sizes])
    axis.locator_params(axis="y", integer=True)
    axis.set(xlabel="parameters", ylabel="runs")
    legend([axis])
    return figure


@styled
def proposals(study: "Study", ax: "Axes | None" = None) -> "Figure":
    """Where the study pointed: the mixture of each run in the order they were asked for.

    Returns
    -------
    Figure
        A bar a run, stacked by weight; above it the run's size. Pale bars are not told yet, those
        before the line were spread at the start. Of very many runs the bars are one surface.
    """
    runs = [run for run in _runs(study) if not run.attached]
    if not runs:
        raise PlotError("the study has asked for no run yet")
    domains = list(study.settings.space.domains)
    figure, (upper, lower) = _stacked_panels(ax)
    x = np.arange(1, len(runs) + 1)
    told = np.array([run.state == "told" for run in runs])
    foot = np.zeros(len(runs))
    for i, name in enumerate(domains):
        weights = np.array([run.mixture.get(name, 0.0) for run in runs])
        colour = look(i).color
        if len(runs) > MAX_BARS:
            label = named(name)
            lower.fill_between(
                x, foot, foot + weights, step="mid", color=colour, alpha=0.85, lw=0, label=label
            )
        else:
            bars = lower.bar(x, weights, 0.95, foot, color=colour, label=named(name))
            for bar, known in zip(bars, told, strict=True):
                bar.set_alpha(0.85 if known else 0.4)
        foot = foot + weights
    lower.axvline(study.settings.first_runs + 0.5, color=INK, lw=1.2, ls="--")
    lower.set(xlabel="run, in the order of asking", ylabel="weight", ylim=(0, 1))
    lower.locator_params(axis="x", integer=True)
    upper.scatter(x, [run.n_params for run in runs], s=12, color=INK)
    upper.set(yscale="log", ylabel="parameters")
    sizes = sorted({run.n_params for run in runs})
    upper.set_yticks(sizes, [count(size) for size in sizes])
    upper.set_yticks([], minor=True)
    legend([lower])
    return figure


def _stacked_panels(axes: Any) -> "tuple[Figure, list[Axes]]":
    if axes is not None:
        return panels(2, axes)
    figure, made = panels(2, columns=1, size=(6.0, 1.9))
    made[0].sharex(made[1])
    return figure, made


@styled
def timeline(study: "Study", ax: "Axes | None" = None) -> "Figure":
    """When runs were trained: a bar from the asking to the end, and FLOPs spent over time.

    Returns
    -------
    Figure
        Time since the first asking; bars that run into the right edge are pending.
    """
    asked: dict[str, float] = {}
    ended: dict[str, float] = {}
    for event in study.events():
        name = event["run_id"]
        if name is not None and event["kind"] == "asked":
            asked[name] = float(event["time"])
        elif name is not None and event["kind"] in ("told", "failed"):
            ended[name] = float(event["time"])
    seen = study.snapshot()
    runs = [run for run in seen.runs if run.run_id in asked]
    if not runs:
        raise PlotError("the study has asked for no run yet")
    began = min(asked.values())
    latest = max([seen.now if seen.pending() else began, *ended.values()])
    unit, seconds = next(u for u in UNITS if latest - began >= 2 * u[1] or u == UNITS[-1])
    figure, (axis,) = panels(1, ax, size=(6.0, min(6.0, 1.4 + 0.13 * len(runs))))
    states = list(HATCH)
    for i, run in enumerate(runs):
        start = (asked[run.run_id] - began) / seconds
        end = (ended.get(run.run_id, seen.now) - began) / seconds
        style = look(states.index(run.state)) if run.state in states else look(6)
        axis.barh(
            i,
            max(end - start, 1e-3 * (latest - began) / seconds),
            0.8,
            start,
            color=style.color,
            alpha=0.75,
            label=run.state,
            hatch=HATCH.get(run.state),
        )
    axis.invert_yaxis()
    few = len(runs) <= 30
    axis.set_yticks(
        range(len(runs)) if few else [], [named(run.run_id) for run in runs] if few else []
    )
    axis.set(xlabel=f"{unit} since the first run was asked for", ylabel="" if few else "runs")
    legend([axis])
    return figure


@styled
def spending(study: "Study", ax: "Axes | None" = None) -> "Figure":
    """FLOPs spent, run by run, of the budget; who waits is drawn pale.

    Returns
    -------
    Figure
        Cumulative FLOPs in the order of asking, a step a run, coloured by size.
    """
    runs = [run for run in _runs(study) if not run.attached]
    figure, (axis,) = panels(1, ax, size=(5.0, 2.8))
    budget = study.settings.budget
    x = np.arange(1, len(runs) + 1)
    sizes = np.array([run.n_params for run in runs])
    pending = np.array([run.state == "pending" for run in runs], bool)
    cost = np.array([run.flops or 0.0 if run.state == "pending" else run.spent for run in runs])
    foot = np.cumsum(cost) - cost
    for i, size in enumerate(np.unique(sizes)):
        for part, alpha in ((~pending, 0.9), (pending, 0.35)):
            mine = part & (sizes == size)
            if mine.any():
                axis.bar(
                    x[mine],
                    100 * cost[mine] / budget,
                    0.95,
                    100 * foot[mine] / budget,
                    color=look(i).color,
                    alpha=alpha,
                    label=f"{count(float(size))} parameters",
                )
    axis.axhline(100, color=INK, lw=0.8, ls="--")
    axis.locator_params(axis="x", integer=True)
    axis.set(
        xlabel="run, in the order of asking",
        ylabel=f"spent of {count(budget)} FLOPs, %",
        ylim=(0, 106),
    )
    legend([axis])
    return figure


def _runs(study: "Study") -> "tuple[StoredRun, ...]":
    runs = study.snapshot().runs
    if not runs:
        raise PlotError("the study has no run yet")
    return runs
