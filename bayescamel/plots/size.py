"""Loss over the size of the model, at mixtures that the reader names."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bayescamel.mixtures import Mixtures, as_mixtures
from bayescamel.plots.axes import crop, legend, panels, plain_log, size_axis
from bayescamel.plots.hovering import Backend, finished, tell
from bayescamel.plots.style import GREY, INK, INTERVAL90, ORANGE, chosen, look, named, styled
from bayescamel.runs.sizes import active_params, count, is_sparse, sparse_runs
from bayescamel.targets import Target

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayescamel.draws.prediction import Kind
    from bayescamel.posterior import Posterior

POINTS = 32
"""Sizes at which a curve is evaluated."""

NEAR = 0.1
"""Total variation within which a run counts as one of the named mixture's, and is drawn dark."""


@styled
def loss_over_size(
    posterior: "Posterior",
    mixtures: "Mixtures | Mapping[str, Mapping[str, float]] | None" = None,
    *,
    target: Target | None = None,
    held_out: xr.Dataset | None = None,
    validation: Sequence[str] | None = None,
    kind: "Kind" = "mean",
    axes: Any = None,
    backend: Backend = "matplotlib",
) -> "Figure | Any":
    """Predicted loss over size with 90 % bands, the runs, and what lies beyond them.

    Parameters
    ----------
    mixtures
        At which mixtures, as `Posterior.predict` takes them, or by a name of the reader's
        (``{"ours": {"code": 0.3, "web": 0.7}}``); None: the mean mixture of the runs.
    target
        Marked, and the curve goes there.
    held_out
        Runs that were not fitted, drawn with an open mark; the curve goes there too.
    validation
        Which validation domains; None: the first twelve.
    kind
        As in `Posterior.predict`.
    axes
        One for each validation domain.
    backend
        "plotly" gives a figure of that library, whose points say their run under the mouse.

    Returns
    -------
    Figure
        Tokens go along with size as they do in the runs, see `tokens_along`, and the axis says
        which they are. With sparse models among the runs size is the active one, sparse runs are
        triangles, and the curve is of dense models unless the target is sparse. Runs within a total
        variation of 0.1 of a drawn mixture are dark. Beyond
        the fitted sizes the ground darkens with `bayescamel.draws.prediction.extrapolation`.
    """
    names = chosen(posterior.runs["validation"].to_numpy(), validation, "validation domain")
    table = by_name(mixtures, posterior)
    curve = over_size(posterior, table, target, held_out, kind)
    figure, made = panels(len(names), axes)
    for axis, name in zip(made, names, strict=True):
        _shade(axis, curve)
        _runs(axis, posterior.runs, table, name, "fitted run", filled=True)
        if held_out is not None:
            _runs(axis, held_out, table, name, "held out", filled=False)
        band = curve.sel(validation=name)
        for i, mixture in enumerate(band["mixture"].to_numpy()):
            one, style = band.isel(mixture=i), look(i)
            sizes = one["size"].to_numpy()
            axis.fill_between(
                sizes, one["lower90"], one["upper90"], color=style.color, alpha=0.2, lw=0
            )
            axis.plot(
                sizes,
                one["mean"],
                color=style.color,
                ls=style.linestyle,
                lw=1.3,
                label=f"{named(mixture)}, 90 % band",
            )
        if target is not None:
            axis.axvline(target.active, color=INK, lw=0.8, ls=":", label="target")
        tables = [posterior.runs] if held_out is None else [posterior.runs, held_out]
        known = [active_params(table) for table in tables]
        known += [] if target is None else [np.array([target.active])]
        axis.set_yscale("log")
        bounds = np.concatenate([band[key].to_numpy().ravel() for key in ("lower90", "upper90")])
        # A mixture without a domain can have three times the others' loss there.
        crop(axis, bounds, np.concatenate([t["loss"].sel(validation=name) for t in tables]))
        plain_log(axis)
        size_axis(axis, np.concatenate(known), f"{curve.attrs['size']} ({curve.attrs['tokens']})")
        axis.set_title(named(name))
    made[0].set_ylabel("loss, nats per token")
    legend(made)
    return finished(figure, backend)


def by_name(mixtures: Any, posterior: "Posterior") -> xr.DataArray:
    """Mixtures (mixture, domain) with the names that a reader gave them."""
    domains = posterior.runs["domain"].to_numpy()
    if mixtures is None:
        mean = as_mixtures(posterior.centre.mixture, domains)
        return mean.assign_coords(mixture=["mean mixture"])
    if isinstance(mixtures, Mapping) and all(isinstance(m, Mapping) for m in mixtures.values()):
        given = as_mixtures(list(mixtures.values()), domains)
        return given.assign_coords(mixture=list(mixtures))
    given = as_mixtures(mixtures, domains)
    return given.assign_coords(mixture=[f"mixture {name}" for name in given["mixture"].to_numpy()])


def over_size(
    posterior: "Posterior",
    mixtures: xr.DataArray,
    target: Target | None = None,
    held_out: xr.Dataset | None = None,
    kind: "Kind" = "mean",
) -> xr.Dataset:
    """``mean, lower90, upper90 (size, mixture, validation)`` and ``extrapolation (size)``.

    Sizes are active ones; ``attrs`` say in words what a size is, and which ``tokens`` they see.
    """
    runs = posterior.runs
    tables = [runs] if held_out is None else [runs, held_out]
    anchors = token_anchors(tables, target)
    fitted = active_params(runs)
    known = np.array([fitted.min(), fitted.max(), *anchors])
    sizes = np.geomspace(known.min(), known.max() * 1.15, POINTS)
    active = 1.0
    if target is not None and target.n_active_params is not None:
        active = target.n_active_params / target.n_params
    parts = []
    for size, tokens in zip(sizes, tokens_along(sizes, anchors), strict=True):
        model = Target(float(size) / active, tokens, None if active == 1.0 else float(size))
        predicted = posterior.predict(model, mixtures, kind=kind)
        loss = predicted["loss"]
        low, high = np.quantile(loss, INTERVAL90, axis=(0, 1))
        part = loss.mean(("chain", "draw")).to_dataset(name="mean")
        dims = part["mean"].dims
        parts.append(
            part.assign(
                lower90=(dims, low),
                upper90=(dims, high),
                extrapolation=float(predicted["extrapolation"].min()),
            )
        )
    words = [] if active == 1.0 else [f"{1 / active:.3g} times as many in all"]
    if "n_tokens" in runs:
        low, high = (count(float(t)) for t in (min(anchors.values()), max(anchors.values())))
        words.append(f"{low} tokens" if low == high else f"{low} to {high} tokens")
    along = xr.Variable("size", sizes)
    sparse = active < 1.0 or any(map(is_sparse, tables))
    return xr.concat(parts, dim=along).assign_attrs(
        tokens=", ".join(words) or "dense", size="active parameters" if sparse else "parameters"
    )


def token_anchors(tables: Sequence[xr.Dataset], target: Target | None) -> dict[float, float]:
    """Median tokens by active size, of runs and of the target; empty where the runs tell none.

    Of dense runs for a dense target or none, of sparse ones for a sparse target, where there are
    such.
    """
    wanted = target is not None and target.active < target.n_params
    kinds = [sparse_runs(table) == wanted for table in tables]
    some = any(kind.any() for kind in kinds)
    anchors: dict[float, float] = {}
    for table, kind in zip(tables, kinds, strict=True):
        if "n_tokens" in table:
            sizes = active_params(table)
            for size in np.unique(sizes[kind] if some else sizes):
                same = (sizes == size) & (kind if some else True)
                anchors[float(size)] = float(table["n_tokens"].isel(run=same).median())
    if target is not None and target.n_tokens is not None:
        anchors[target.active] = target.n_tokens
    return dict(sorted(anchors.items()))


def tokens_along(sizes: np.ndarray, anchors: Mapping[float, float]) -> list[float | None]:
    """Tokens of models of these sizes: those of the anchors, and between them on a log scale.

    Outside they go on as the nearest anchor's: nobody said that a larger model sees more.
    """
    if not anchors:
        return [None] * len(sizes)
    x, y = (np.log(np.array(list(part))) for part in (anchors.keys(), anchors.values()))
    return [float(t) for t in np.exp(np.interp(np.log(sizes), x, y))]


def _runs(
    axis: "Axes", runs: xr.Dataset, mixtures: xr.DataArray, name: str, label: str, *, filled: bool
) -> None:
    loss = runs["loss"].sel(validation=name).to_numpy()
    apart = np.abs(runs["mixture"].to_numpy()[:, None] - mixtures.to_numpy()).sum(axis=2) / 2
    near = apart.min(axis=1) <= NEAR
    sizes, sparse, names = active_params(runs), sparse_runs(runs), runs["run"].to_numpy()
    far_face: dict[str, Any] = (
        {"color": GREY} if filled else {"facecolors": "none", "edgecolors": ORANGE}
    )
    near_face = {"color": INK if filled else ORANGE}
    far_look = {"s": 9, "alpha": 0.45 if filled else 0.9, "zorder": 2, **far_face}
    for marker, kind in (("o", ~sparse), ("^", sparse)):
        what = f"{label}, sparse" if marker == "^" else label
        for of, words, face in (
            (kind & ~near, what, far_look),
            (kind & near, f"{what}, near the mixture", {"s": 13, "zorder": 3, **near_face}),
        ):
            if of.any():
                points = axis.scatter(sizes[of], loss[of], label=words, marker=marker, **face)
                tell(points, names[of])


def _shade(axis: "Axes", curve: xr.Dataset) -> None:
    sizes, far = curve["size"].to_numpy(), curve["extrapolation"].to_numpy()
    for i in np.flatnonzero(far[1:] > 0.05):
        axis.axvspan(
            sizes[i], sizes[i + 1], color=GREY, alpha=min(0.32, 0.06 + 0.1 * far[i + 1]), lw=0
        )
