"""``bayescamel demo``: the whole job on runs that come with the package."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayescamel.cli.common import Force, Json, answer, check_output, guarded, quiet_stdout
from bayescamel.cli.fit import summary

if TYPE_CHECKING:
    from bayescamel.demo import Demo

PICTURE = "demo.png"


@guarded
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the picture demo.png.")] = Path(),
    seed: Annotated[int, typer.Option(min=0)] = 0,
    force: Force = False,
    json: Json = False,
) -> None:
    """Fit the bundled runs without their largest size, and predict that one."""
    picture = out / PICTURE
    check_output(picture, force)
    with quiet_stdout():
        from bayescamel.datasets import load_proxies
        from bayescamel.demo import run_demo
        from bayescamel.plots import plot_demo

        result = run_demo(load_proxies(), seed=seed)
        plot_demo(result, picture)
    if json:
        answer(_facts(result))
    else:
        _show(result, picture)


def _facts(result: "Demo") -> dict[str, object]:
    best = result.best.mixture
    return summary(result.posterior) | {
        "held_out_size": result.target.n_params,
        "mre": result.mre,
        "coverage90": result.coverage90,
        "recommended_mixture": {
            str(name): float(best.sel(domain=name)) for name in best["domain"].to_numpy()
        },
        "next_runs": result.next_runs.to_dict(orient="records"),
    }


def _show(result: "Demo", picture: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(str(result.posterior.status), highlight=False)
    losses = Table(
        "held-out run",
        "validation domain",
        title=f"Loss at {result.target.n_params:,.0f} parameters, which no fitted run has "
        "(nats per token)",
    )
    for column in ("predicted", "90 % interval", "observed", "inside"):
        losses.add_column(column, justify="right")
    for run in result.held_out["run"].to_numpy():
        predicted, observed = result.predicted.sel(run=run), result.held_out["loss"].sel(run=run)
        for name in observed["validation"].to_numpy():
            mean, low, high = (
                float(predicted[key].sel(validation=name)) for key in ("mean", "lower90", "upper90")
            )
            seen = float(observed.sel(validation=name))
            inside = "yes" if low <= seen <= high else "no"
            losses.add_row(
                str(run),
                str(name),
                f"{mean:.3f}",
                f"{low:.3f} to {high:.3f}",
                f"{seen:.3f}",
                inside,
            )
        losses.add_section()
    console.print(losses)
    console.print(
        f"mean relative error {result.mre:.2%}, coverage of the 90 % intervals "
        f"{result.coverage90:.0%}"
    )

    mixture = Table("training domain", title="Recommended mixture at that size")
    for column in ("weight", "90 % of the draws' optima"):
        mixture.add_column(column, justify="right")
    for name in result.best.mixture["domain"].to_numpy():
        low, high = result.best.interval.sel(domain=name).to_numpy()
        mixture.add_row(
            str(name),
            f"{float(result.best.mixture.sel(domain=name)):.3f}",
            f"{low:.3f} to {high:.3f}",
        )
    console.print(mixture)

    chosen = Table(title="Next runs: what would make the answer surer, per FLOP")
    for column in result.next_runs.columns:
        chosen.add_column(column, justify="right")
    for row in result.next_runs.itertuples(index=False):
        chosen.add_row(*(item if isinstance(item, str) else f"{item:.3g}" for item in row))
    console.print(chosen)
    console.print(f"picture: {picture}")
