"""``bayescamel demo``: the whole job on runs that come with the package."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayescamel.cli import options
from bayescamel.cli.common import answer, doubts_in_answer, guarded, quiet_stdout, worth
from bayescamel.cli.fit import summary
from bayescamel.cli.mix import by_domain
from bayescamel.output import check_output
from bayescamel.runs.columns import columns, names_in
from bayescamel.runs.sizes import count, model_name

if TYPE_CHECKING:
    import xarray as xr
    from rich.table import Table

    from bayescamel.demo import Demo

PICTURE = "demo.png"


@guarded
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the picture demo.png.")] = Path(),
    seed: options.Seed = 0,
    force: options.Force = False,
    json: options.Json = False,
) -> None:
    """Fit the small ones of the bundled runs, and predict the larger ones."""
    picture = out / PICTURE
    check_output(picture, force)
    with quiet_stdout(), doubts_in_answer(json):
        from bayescamel.demo import run_demo
        from bayescamel.plots.predicted import plot_demo
        from bayescamel.runs.bundled import FITTED_PARAMS, load_proxies

        result = run_demo(load_proxies(), FITTED_PARAMS, seed=seed)
        plot_demo(result, picture)
    if json:
        answer(_facts(result))
    else:
        _show(result, picture)


def _facts(result: "Demo") -> dict[str, object]:
    return summary(result.posterior) | {
        "target_size": result.target.n_params,
        "mre": result.mre,
        "coverage90": result.coverage90,
        "by_size": {
            size: {"mre": part.mre, "coverage90": part.coverage90}
            for size, part in result.by_size.items()
        },
        **_benchmark_facts(result),
        "recommended": by_domain(result.best.recommended),
        "optimum": by_domain(result.best.optimum),
        "optimum_interval": by_domain(result.best.optimum_interval),
        "why": result.best.why,
        "next_runs": result.next_runs.to_dict(orient="records"),
    }


def _benchmark_facts(result: "Demo") -> dict[str, object]:
    if result.benchmarks is None:
        return {}
    return {
        "benchmark_abs_error": result.benchmark_error,
        "benchmark_coverage90": result.benchmark_coverage90,
        "benchmarks_converged": result.benchmarks.status.converged,
        **worth(result.posterior, result.benchmarks),
    }


def _show(result: "Demo", picture: Path) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    console.print(str(result.posterior.status))
    console.print(_losses(result))
    console.print(
        f"mean relative error {result.mre:.2%}, coverage of the 90 % intervals "
        f"{result.coverage90:.0%}"
    )
    if result.benchmarks is not None:
        console.print(_accuracies(result))
        console.print(
            f"benchmarks: {result.benchmarks.status}\n"
            f"mean absolute error {result.benchmark_error:.4f}, coverage of the 90 % intervals "
            f"{result.benchmark_coverage90:.0%}"
        )
    console.print(_mixture(result))
    console.print(_next_runs(result))
    console.print(f"picture: {picture}")


def _losses(result: "Demo") -> "Table":
    table = _table(
        "Loss of larger models, none of them fitted (nats per token), mean over runs",
        ("model", "validation"),
        ("predicted", "observed", "error", "inside 90 %", "width"),
    )
    for size, part in result.by_size.items():
        for name in part.held_out["validation"].to_numpy():
            one, seen = (
                part.predicted.sel(validation=name),
                part.held_out["loss"].sel(validation=name),
            )
            error = f"{float(abs(one['mean'] / seen - 1).mean()):.1%}"
            table.add_row(size, str(name), *_means(one, seen), error, *_intervals(one, seen))
        table.add_row(
            "", "all", "", "", f"{part.mre:.1%}", f"{part.coverage90:.0%}", "", end_section=True
        )
    return table


def _accuracies(result: "Demo") -> "Table":
    assert result.predicted_benchmarks is not None
    assert result.benchmarks is not None
    table = _table(
        "Accuracy there, from mixture and size, mean over the held-out runs",
        ("benchmark",),
        ("predicted", "observed", "inside 90 %", "width"),
    )
    above = result.benchmarks.facts["above_chance"]
    for name in above["benchmark"].to_numpy():
        one = result.predicted_benchmarks.sel(benchmark=name)
        seen = result.held_out["accuracy"].sel(benchmark=name)
        title = str(name) if above.sel(benchmark=name) else f"{name} (at chance: unknown)"
        table.add_row(title, *_means(one, seen), *_intervals(one, seen))
    return table


def _means(predicted: "xr.Dataset", seen: "xr.DataArray") -> tuple[str, str]:
    """Over runs, of what was predicted and what was observed."""
    return f"{float(predicted['mean'].mean()):.3f}", f"{float(seen.mean()):.3f}"


def _intervals(predicted: "xr.Dataset", seen: "xr.DataArray") -> tuple[str, str]:
    """How many of the observed values lie in their 90 % intervals, and the mean width of these."""
    inside = int(((seen >= predicted["lower90"]) & (seen <= predicted["upper90"])).sum())
    width = float((predicted["upper90"] - predicted["lower90"]).mean())
    return f"{inside} of {int(seen.notnull().sum())}", f"{width:.3f}"


def _mixture(result: "Demo") -> "Table":
    best = result.best
    table = _table(
        f"Recommended mixture at {model_name(result.target.n_params, result.target.active)}",
        ("training domain",),
        (*best.columns, "90 % of the draws' optima"),
    )
    for name in best.recommended["domain"].to_numpy():
        low, high = best.optimum_interval.sel(domain=name).to_numpy()
        weights = [f"{share:.3f}" for share in best.shares(name)]
        table.add_row(str(name), *weights, f"{low:.3f} to {high:.3f}")
    if best.tied:
        table.caption = best.why
    return table


def _next_runs(result: "Demo") -> "Table":
    domains = names_in("mixture", result.next_runs)
    table = _table(
        "Next runs: what would make the answer surer, per FLOP",
        ("model",),
        ("tokens", *domains, "FLOPs", "removed"),
    )
    for _, row in result.next_runs.iterrows():
        table.add_row(
            model_name(row["n_params"], row.get("n_active_params", row["n_params"])),
            count(row["n_tokens"]),
            *(f"{row[name]:.2f}" for name in columns("mixture", domains)),
            f"{row['flops']:.2g}",
            f"{row['variance_reduction']:.1%}",
        )
    table.caption = "removed: of the variance of the mean loss expected at the target"
    return table


def _table(title: str, words: tuple[str, ...], numbers: tuple[str, ...]) -> "Table":
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table(*words, title=title, box=SIMPLE, pad_edge=False, collapse_padding=True)
    for name in numbers:
        table.add_column(name, justify="right")
    return table
