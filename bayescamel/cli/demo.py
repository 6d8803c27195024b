"""``bayescamel demo``: the whole job on runs that come with the package."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayescamel.cli import options
from bayescamel.cli.common import answer, doubts_in_answer, guarded, quiet_stdout, worth
from bayescamel.cli.fit import summary
from bayescamel.cli.mix import by_domain
from bayescamel.output import check_output
from bayescamel.runs.columns import columns, names_in

if TYPE_CHECKING:
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
    """Fit the bundled runs without their largest size, and predict that one."""
    picture = out / PICTURE
    check_output(picture, force)
    with quiet_stdout(), doubts_in_answer(json):
        from bayescamel.demo import run_demo
        from bayescamel.plots.predicted import plot_demo
        from bayescamel.runs.bundled import load_proxies

        result = run_demo(load_proxies(), seed=seed)
        plot_demo(result, picture)
    if json:
        answer(_facts(result))
    else:
        _show(result, picture)


def _facts(result: "Demo") -> dict[str, object]:
    return summary(result.posterior) | {
        "held_out_size": result.target.n_params,
        "mre": result.mre,
        "coverage90": result.coverage90,
        **_kinds(result),
        **_benchmark_facts(result),
        "recommended": by_domain(result.best.recommended),
        "optimum": by_domain(result.best.optimum),
        "optimum_interval": by_domain(result.best.optimum_interval),
        "why": result.best.why,
        "next_runs": result.next_runs.to_dict(orient="records"),
    }


def _kinds(result: "Demo") -> dict[str, object]:
    """Error and coverage of dense and sparse models apart, where there are both."""
    kinds = result.by_kind
    if len(kinds) == 1:
        return {}
    return {kind: {"mre": part.mre, "coverage90": part.coverage90} for kind, part in kinds.items()}


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
    if len(kinds := result.by_kind) > 1:
        for kind, part in kinds.items():
            console.print(f"  {kind}: {part.mre:.2%}, {part.coverage90:.0%}")
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
    sizes = " and ".join(f"{n:,.0f}" for n in sorted(set(result.held_out["n_params"].values)))
    table = _table(
        f"Loss at {sizes} parameters, not fitted (nats per token)",
        ("held-out run", "validation"),
        ("predicted (90 %)", "observed", "inside"),
    )
    for run in result.held_out["run"].to_numpy():
        predicted, observed = result.predicted.sel(run=run), result.held_out["loss"].sel(run=run)
        for name in observed["validation"].to_numpy():
            mean, low, high = (
                float(predicted[key].sel(validation=name)) for key in ("mean", "lower90", "upper90")
            )
            seen = float(observed.sel(validation=name))
            inside = "" if math.isnan(seen) else "yes" if low <= seen <= high else "no"
            table.add_row(
                str(run),
                str(name),
                f"{mean:.3f} ({low:.3f}, {high:.3f})",
                f"{seen:.3f}",
                inside,
            )
        table.add_section()
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
        inside = int(((seen >= one["lower90"]) & (seen <= one["upper90"])).sum())
        table.add_row(
            str(name) if above.sel(benchmark=name) else f"{name} (at chance: unknown)",
            f"{float(one['mean'].mean()):.3f}",
            f"{float(seen.mean()):.3f}",
            f"{inside} of {int(seen.notnull().sum())}",
            f"{float((one['upper90'] - one['lower90']).mean()):.3f}",
        )
    return table


def _mixture(result: "Demo") -> "Table":
    best = result.best
    table = _table(
        "Recommended mixture at that size",
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
        (),
        (
            "parameters",
            "tokens",
            *domains,
            "FLOPs",
            "variance removed",
        ),
    )
    for _, row in result.next_runs.iterrows():
        table.add_row(
            f"{row['n_params']:.3g}",
            f"{row['n_tokens']:.3g}",
            *(f"{row[name]:.2f}" for name in columns("mixture", domains)),
            f"{row['flops']:.3g}",
            f"{row['variance_reduction']:.1%}",
        )
    return table


def _table(title: str, words: tuple[str, ...], numbers: tuple[str, ...]) -> "Table":
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table(*words, title=title, box=SIMPLE)
    for name in numbers:
        table.add_column(name, justify="right")
    return table
