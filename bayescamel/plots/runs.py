"""Pictures of a run table: what was trained, on which mixtures, and what it measured."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bayescamel.exceptions import PlotError
from bayescamel.plots.axes import legend, panels, plain_log, size_axis
from bayescamel.plots.hovering import Backend, finished, tell
from bayescamel.plots.style import GREY, chosen, look, named, styled
from bayescamel.runs.sizes import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_LABELS = 30
"""Mixtures that can each have a line of the picture; more are rows without their weights."""

UNLABELLED = 4.0
"""Inches of height where rows have no labels to keep apart, however many there are."""


@styled
def training_grid(
    runs: xr.Dataset, ax: "Axes | None" = None, *, backend: Backend = "matplotlib"
) -> "Figure | Any":
    """What was trained: a row a mixture, a column a size; a disc grows with the repeats there.

    Parameters
    ----------
    runs
        A run table.
    ax
        Where to draw; None makes a figure.
    backend
        "plotly" gives a figure of that library, whose points say their run under the mouse.

    Returns
    -------
    Figure
        Mixtures are in the order of their heaviest domain and of its weight. A gap in a row is a
        size at which the mixture was not trained; the number beside a disc counts its runs where
        there are several, checkpoints and other numbers of tokens among them.
    """
    mixtures, row = np.unique(runs["mixture"].to_numpy().round(6), axis=0, return_inverse=True)
    row = row.ravel()
    heaviest = mixtures.argmax(axis=1)
    order = np.lexsort((-mixtures.max(axis=1), heaviest))
    rank = np.empty(len(order), int)
    rank[order] = np.arange(len(order))
    sizes = runs["n_params"].to_numpy()
    few = len(mixtures) <= MAX_LABELS
    height = max(2.4, 1.0 + 0.17 * len(mixtures)) if few else UNLABELLED
    figure, (axis,) = panels(1, ax, size=(5.4, height))
    pairs, repeats = np.unique(
        np.stack([sizes, rank[row].astype(float)], axis=1), axis=0, return_counts=True
    )
    domains = [named(name, 12) for name in runs["domain"].to_numpy()]
    shown_domains = heaviest[order][pairs[:, 1].astype(int)]
    for i, name in enumerate(domains):
        mine = shown_domains == i
        if mine.any():
            style = look(i)
            area = 14.0 + 10.0 * np.minimum(repeats[mine] - 1, 8)
            discs = axis.scatter(
                pairs[mine, 0],
                pairs[mine, 1],
                s=area,
                color=style.color,
                marker=style.marker,
                label=f"most {name}",
            )
            there = [(sizes == size) & (rank[row] == place) for size, place in pairs[mine]]
            tell(discs, (", ".join(map(str, runs["run"].to_numpy()[m])) for m in there))
    for (size, place), times in zip(pairs, repeats, strict=True):
        if times > 1 and few:
            axis.annotate(
                f"{times}",
                (size, place),
                (5, 0),
                textcoords="offset points",
                fontsize=6,
                va="center",
            )
    size_axis(axis, sizes)
    axis.margins(x=0.12)
    axis.set_ylim(-0.6, len(mixtures) - 0.4)  # whole discs in the first and the last row
    axis.invert_yaxis()
    if few:
        axis.set_yticks(
            range(len(order)), [_words(mixtures[i], domains) for i in order], fontsize=6
        )
        axis.set_ylabel("mixture (heaviest domains)")
    else:
        axis.set(yticks=[], ylabel=f"{len(mixtures)} mixtures, by their heaviest domain")
    axis.grid(axis="x", color=GREY, alpha=0.25)
    legend([axis])
    return finished(figure, backend)


def _words(weights: np.ndarray, domains: Sequence[str]) -> str:
    """The two heaviest domains of a mixture."""
    top = [i for i in np.argsort(-weights)[:2] if weights[i] > 0]
    return ", ".join(f"{domains[i]} {weights[i]:.2f}" for i in top)


@styled
def weight_pairs(
    runs: xr.Dataset,
    domains: Sequence[str] | None = None,
    axes: Any = None,
    *,
    backend: Backend = "matplotlib",
) -> "Figure | Any":
    """Weights of one training domain against those of another: which mixtures were measured.

    Parameters
    ----------
    domains
        Which; None: the four of most varied weight.
    axes
        One for each pair; None makes a figure.
    backend
        "plotly" gives a figure of that library, whose points say their run under the mouse.

    Raises
    ------
    PlotError
        When a domain is unknown, or there are fewer than two.
    """
    names = [str(name) for name in runs["domain"].to_numpy()]
    if domains is None:
        varied = np.argsort(-runs["mixture"].std("run").to_numpy(), kind="stable")[:4]
        domains = [names[i] for i in sorted(varied)]
    domains = chosen(names, domains, "training domain")
    pairs = [(a, b) for i, a in enumerate(domains) for b in domains[i + 1 :]]
    if not pairs:
        raise PlotError("a pair of weights needs two training domains")
    figure, made = panels(len(pairs), axes, columns=3, size=(2.2, 2.2))
    sizes = runs["n_params"].to_numpy()
    several = np.unique(sizes)[:7]
    for axis, (a, b) in zip(made, pairs, strict=True):
        for i, size in enumerate(several):
            mine, style = runs["mixture"].isel(run=sizes == size), look(i)
            # Open marks, the largest at the back: a mixture has often been trained at all sizes.
            points = axis.scatter(
                mine.sel(domain=a),
                mine.sel(domain=b),
                s=12.0 + 16 * (len(several) - 1 - i),
                facecolors="none",
                edgecolors=style.color,
                marker=style.marker,
                lw=0.8,
                label=f"{count(float(size))} parameters",
            )
            tell(points, mine["run"].to_numpy())
        axis.plot([0, 1], [1, 0], color=GREY, lw=0.6)
        axis.set(
            xlabel=f"weight of {named(a)}",
            ylabel=f"weight of {named(b)}",
            xlim=(-0.03, 1.03),
            ylim=(-0.03, 1.03),
            aspect="equal",
        )
    legend(made[:1])
    return finished(figure, backend)


@styled
def loss_over_weight(
    runs: xr.Dataset,
    domain: str | None = None,
    validation: Sequence[str] | None = None,
    axes: Any = None,
    *,
    backend: Backend = "matplotlib",
) -> "Figure | Any":
    """Measured losses against the weight of a training domain, a mark for each size.

    Parameters
    ----------
    domain
        Whose weight; None: for each validation domain the one whose weight its loss follows most
        (rank correlation within sizes).
    validation
        Which validation domains; None: the first twelve.
    axes
        One for each validation domain.
    backend
        "plotly" gives a figure of that library, whose points say their run under the mouse.
    """
    names = chosen(runs["validation"].to_numpy(), validation, "validation domain")
    if domain is not None:
        chosen(runs["domain"].to_numpy(), [domain], "training domain")
    figure, made = panels(len(names), axes)
    sizes = runs["n_params"].to_numpy()
    for axis, name in zip(made, names, strict=True):
        loss = runs["loss"].sel(validation=name).to_numpy()
        against = domain or _followed(runs, loss)
        weight = runs["mixture"].sel(domain=against).to_numpy()
        for i, size in enumerate(np.unique(sizes)[:7]):
            mine, style = sizes == size, look(i)
            points = axis.scatter(
                weight[mine],
                loss[mine],
                s=10,
                color=style.color,
                marker=style.marker,
                label=f"{count(float(size))} parameters",
            )
            tell(points, runs["run"].to_numpy()[mine])
        axis.set(title=named(name), xlabel=f"weight of {named(against)}", yscale="log")
        plain_log(axis)
    made[0].set_ylabel("loss, nats per token")
    legend(made)
    return finished(figure, backend)


def _followed(runs: xr.Dataset, loss: np.ndarray) -> str:
    """The training domain whose weight a loss follows most, by ranks within each size."""
    sizes, weights = runs["n_params"].to_numpy(), runs["mixture"].to_numpy()
    strength = np.zeros(weights.shape[1])
    for size in np.unique(sizes):
        mine = (sizes == size) & ~np.isnan(loss)
        if mine.sum() > 2:
            ranks = [np.argsort(np.argsort(x, axis=0), axis=0) for x in (weights[mine], loss[mine])]
            centred = [r - r.mean(axis=0) for r in ranks]
            strength += np.abs(centred[0].T @ centred[1])
    return str(runs["domain"].to_numpy()[strength.argmax()])
