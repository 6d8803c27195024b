"""The sections of the page, in their order."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bayescamel import plots
from bayescamel.demo import candidate_runs, coverage90, predict_runs
from bayescamel.plots.style import INTERVAL90
from bayescamel.reports.blocks import Block, Section, Text, picture, sentence, table
from bayescamel.runs.sizes import active_params, count, parameters_named

if TYPE_CHECKING:
    from bayescamel.benchmarks import BenchmarkPosterior
    from bayescamel.comparison.backtest import Result
    from bayescamel.decisions import OptimalMixture
    from bayescamel.posterior import Posterior
    from bayescamel.study import Study
    from bayescamel.targets import Target

PANEL = (
    "On eight tables of runs (results/panel), each predicted with what the other seven "
    "taught, 90 % intervals of the law camel cover 93 % of the losses of larger models, and its "
    "error is 4.4 %."
)
"""What the intervals were worth elsewhere; a test holds it against results/panel/README.md."""

PANEL_TIMES = 8
"""Median of how many times the largest fitted size those models are; a test holds it too."""


def decision(best: "OptimalMixture") -> Section:
    """What to train, and how sure that is."""
    names = [str(name) for name in best.recommended["domain"].to_numpy()]
    rows = []
    for name in names:
        low, high = best.optimum_interval.sel(domain=name).to_numpy()
        shares = [f"{share:.3f}" for share in best.shares(name)]
        rows.append([name, *shares, f"{low:.3f} to {high:.3f}"])
    regret = (
        f"Expected objective at the target: {best.expected:.4f} {best.unit}. Expected regret of "
        f"the recommendation: {best.regret:.4f}; below {float(best.regret_quantile(0.9)):.4f} with "
        "probability 0.9."
    )
    blocks: list[Block] = [
        table(
            "Recommended mixture",
            ["training domain", *best.columns, "90 % of the draws' optima"],
            rows,
        ),
        Text(regret),
        *(Text(sentence(note)) for note in best.notes()),
        picture(
            plots.optimum(best), "Where the best mixture lies, draw by draw, weight by weight."
        ),
        picture(
            plots.gain_and_regret(best), "What the mixture of least risk gains, and may yet miss."
        ),
    ]
    return Section("decision", "What to train, and how sure that is", blocks)


def quality(
    posterior: "Posterior",
    target: "Target",
    best: "OptimalMixture",
    benchmarks: "BenchmarkPosterior | None",
) -> Section:
    """How good the target will be."""
    blocks: list[Block] = []
    mixture = best.recommended
    bands = {}
    for kind in ("mean", "run"):
        loss = posterior.predict(target, mixture, kind=kind)["loss"].isel(mixture=0)
        bands[kind] = (loss.mean(("chain", "draw")), np.quantile(loss, INTERVAL90, axis=(0, 1)))
    # A run scatters around what is expected of it: where the quantiles of few draws say less of the
    # one than of the other, that is their Monte Carlo error.
    low, high = bands["mean"][1]
    run_low, run_high = bands["run"][1]
    run = np.minimum(low, run_low), np.maximum(high, run_high)
    rows = []
    for i, name in enumerate(posterior.runs["validation"].to_numpy()):
        cells = [f"{float(bands['mean'][0][i]):.4f}"]
        cells += [_interval(low[i], high[i]), _interval(run[0][i], run[1][i])]
        rows.append([str(name), *cells])
    blocks.append(
        table(
            "Loss of the target on the recommended mixture, nats per token",
            ["validation domain", "expected", "90 % of the expectation", "90 % of one run"],
            rows,
        )
    )
    named = {"recommended": _weights(mixture)}
    if not best.tied:
        named[best.against_near.name] = _weights(best.against_near.mixture)
    blocks.append(
        picture(
            plots.loss_over_size(posterior, named, target=target),
            "Loss over size. The ground darkens where a prediction leaves the runs behind.",
        )
    )
    if benchmarks is not None:
        blocks += _accuracies(posterior, target, mixture, benchmarks)
    return Section("quality", "How good the target will be", blocks)


def _accuracies(
    posterior: "Posterior",
    target: "Target",
    mixture: xr.DataArray,
    benchmarks: "BenchmarkPosterior",
) -> list[Block]:
    predicted = posterior.predict_benchmarks(target, mixture, benchmarks=benchmarks)
    measure = "accuracy" if "accuracy" in predicted else "score"
    drawn = predicted[measure].isel(mixture=0)
    low, high = np.quantile(drawn, INTERVAL90, axis=(0, 1))
    mean = drawn.mean(("chain", "draw")).to_numpy()
    moving = predicted["above_chance"].to_numpy()
    rows = [
        [
            str(name),
            f"{mean[i]:.3f}",
            _interval(low[i], high[i], 3),
            "yes" if moving[i] else "no: unknown",
        ]
        for i, name in enumerate(drawn["benchmark"].to_numpy())
    ]
    header = ["benchmark", f"expected {measure}", "90 %", "above chance in the runs"]
    return [
        table("Benchmarks of the target on the recommended mixture", header, rows),
        Text(f"Benchmarks: {benchmarks.status}"),
        picture(plots.benchmark_curves(benchmarks), "From loss to benchmark, with the runs."),
        picture(plots.listening(benchmarks), "Which losses each benchmark listens to."),
    ]


def basis(posterior: "Posterior", target: "Target", best: "OptimalMixture") -> Section:
    """What the answer rests on."""
    runs = posterior.runs
    sizes, what = np.unique(active_params(runs)), parameters_named(runs)
    tokens = ""
    if "n_tokens" in runs:
        low, high = (count(float(runs["n_tokens"].reduce(f))) for f in (np.min, np.max))
        tokens = f", {low} tokens" if low == high else f", {low} to {high} tokens"
    words = (
        f"{runs.sizes['run']} runs of {len(sizes)} sizes, {count(float(sizes[0]))} to "
        f"{count(float(sizes[-1]))} {what}{tokens}; {runs.sizes['domain']} training domains, "
        f"{runs.sizes['validation']} validation domains. The law: {posterior.law.title}."
    )
    far = (
        f"The target lies {best.extrapolation:.2f} outside the runs, where 0 is inside and 1 is as "
        "far out as the runs reach. "
        f"{count(target.active)} {what} are {target.active / sizes[-1]:.3g} times the "
        "largest fitted size."
    )
    blocks: list[Block] = [Text(words), Text(far), Text(f"Sampling: {posterior.status}")]
    blocks += [Text(caveat, "caveat") for caveat in posterior.caveats]
    if not posterior.caveats:
        blocks.append(Text("The data say nothing against the law: there is no caveat."))
    blocks += [
        picture(plots.training_grid(runs), "What was trained."),
        picture(
            plots.elasticities(posterior, target),
            "Which data helps what at the target, around the runs' mean mixture.",
        ),
        picture(
            plots.response_slices(posterior, target),
            "Losses at the target along one weight, the others in proportion.",
        ),
    ]
    return Section("basis", "What it rests on", blocks)


def trust(
    posterior: "Posterior",
    target: "Target",
    results: "Sequence[Result] | None",
    held_out: "xr.Dataset | None" = None,
) -> Section:
    """How far to trust it."""
    blocks: list[Block] = [] if held_out is None else _held_out(posterior, held_out)
    if posterior.law.name == "camel":
        times = target.active / float(active_params(posterior.runs).max())
        little = ": what was checked nearer says little of it." if times > PANEL_TIMES else "."
        reach = (
            f" Half of those models are at most {PANEL_TIMES} times as large as the largest that "
            f"was fitted; this target is {times:.3g} times as large{little}"
        )
        blocks.append(Text(PANEL + reach))
    blocks.append(
        picture(
            plots.residuals(posterior),
            "What the law's curve misses of its own runs; those that lie furthest off are named.",
        )
    )
    if not results:
        blocks.append(
            Text(
                "No backtest was asked for (--backtest, or backtest=...). It fits the smaller "
                "sizes of these very runs and counts how often the intervals held at the larger "
                "ones; without it the intervals above are the law's word."
            )
        )
        return Section("trust", "How far to trust it", blocks)
    rows = [
        [
            f"{count(r.horizon.fitted_sizes[-1])} to {count(r.horizon.held_out_size)}",
            r.law,
            r.method,
            f"{r.scores.mre:.2%}",
            f"{r.scores.coverage90:.0%}",
            f"{r.scores.width90:.1%}",
            r.status,
        ]
        for r in results
    ]
    header = ["fitted up to, predicted", "law", "method", "error", "90 % held", "width", "status"]
    blocks += [
        table("These runs, their larger sizes predicted from the smaller ones", header, rows),
        picture(plots.horizons(results), "Error and coverage by how far out each law predicts."),
        picture(plots.calibration(results), "Whether intervals of every level held."),
    ]
    return Section("trust", "How far to trust it", blocks)


def _held_out(posterior: "Posterior", runs: xr.Dataset) -> list[Block]:
    """Runs that were not fitted, against what was said of them."""
    predicted = predict_runs(posterior, runs, seed=0)
    off = abs(predicted["mean"] / runs["loss"] - 1).mean("run")
    inside = (runs["loss"] >= predicted["lower90"]) & (runs["loss"] <= predicted["upper90"])
    covered = inside.where(runs["loss"].notnull()).mean("run")
    rows = [
        [str(name), f"{float(off[i]):.2%}", f"{float(covered[i]):.0%}"]
        for i, name in enumerate(runs["validation"].to_numpy())
    ]
    rows.append(["all", f"{float(off.mean()):.2%}", f"{coverage90(predicted, runs['loss']):.0%}"])
    return [
        table(
            f"{runs.sizes['run']} runs that were not fitted, predicted before they were looked at",
            ["validation domain", "error", "90 % held"],
            rows,
        ),
        picture(
            plots.held_out(posterior, runs, predicted),
            "Those runs: loss over size, and predicted with 90 % intervals against observed.",
        ),
    ]


def next_runs(posterior: "Posterior", target: "Target", study: "Study | None") -> Section:
    """What to do next."""
    blocks: list[Block] = []
    if study is not None:
        stop = study.should_stop()
        seen = study.snapshot()
        blocks.append(
            Text(
                f"{len(seen.told())} runs told, {len(seen.pending())} pending; "
                f"{count(seen.spent())} of {count(study.settings.budget)} FLOPs spent."
            )
        )
        blocks.append(Text(sentence(stop.reason)))
        blocks.append(picture(plots.allocation(study), "Runs by size."))
        if not all(run.attached for run in seen.runs):
            blocks.append(picture(plots.spending(study), "FLOPs spent of the budget."))
            blocks.append(picture(plots.proposals(study), "Where the study pointed."))
        return Section("next", "What to do next", blocks)
    if "n_tokens" not in posterior.runs:
        blocks.append(Text("The runs tell no tokens, so a further run has no price in FLOPs."))
        return Section("next", "What to do next", blocks)
    chosen = posterior.next_runs(candidate_runs(posterior.runs, seed=0), target, n=3)
    domains = [str(name) for name in chosen if str(name).startswith("w_")]
    rows = [
        [
            count(row["n_params"]),
            count(row["n_tokens"]),
            *(f"{row[name]:.2f}" for name in domains),
            f"{row['flops']:.3g}",
            f"{row['variance_reduction']:.1%}",
        ]
        for row in chosen.to_dict(orient="records")
    ]
    header = ["parameters", "tokens", *(name.removeprefix("w_") for name in domains)]
    blocks.append(
        table(
            "Runs that would make the prediction surest, per FLOP, among new mixtures at the "
            "fitted sizes",
            [*header, "FLOPs", "variance removed"],
            rows,
        )
    )
    return Section("next", "What to do next", blocks)


def _weights(mixture: xr.DataArray) -> dict[str, float]:
    return {str(name): float(mixture.sel(domain=name)) for name in mixture["domain"].to_numpy()}


def _interval(low: Any, high: Any, digits: int = 4) -> str:
    return f"{float(low):.{digits}f} to {float(high):.{digits}f}"
