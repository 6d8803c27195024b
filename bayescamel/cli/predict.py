"""``bayescamel predict``: the losses of a model that was not trained."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayescamel.cli import limits, options
from bayescamel.cli.common import answer, guarded, quiet_stdout, say_caveats, weights, worth
from bayescamel.exceptions import MixtureError

if TYPE_CHECKING:
    import xarray as xr


class Kind(StrEnum):
    """What a prediction is of."""

    curve = "curve"
    mean = "mean"
    run = "run"


TITLES = {
    Kind.curve: "the law's curve",
    Kind.mean: "expected",
    Kind.run: "one new run",
}


@guarded
def predict(
    posterior: options.PosteriorFile,
    params: options.Params,
    tokens: options.Tokens = None,
    active_params: options.ActiveParams = None,
    mixture: Annotated[
        list[str] | None,
        typer.Option(help="name=weight, once a domain; default: the runs' mean mixture."),
    ] = None,
    available: limits.Available = None,
    kind: Annotated[
        Kind, typer.Option(help="The law's curve, the expected loss, or one new run around it.")
    ] = Kind.mean,
    benchmarks: Annotated[
        Path | None,
        typer.Option(help="What `bayescamel fit-benchmarks` wrote: predict those, not losses."),
    ] = None,
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """Predict the loss on each validation domain, or each benchmark, with 90 % intervals."""
    from bayescamel.targets import Target

    target = Target(params, tokens, active_params, limits.read_available(available))
    given = weights(mixture, "mixture", MixtureError) if mixture else None
    with quiet_stdout():
        from bayescamel.draws.prediction import impossible
        from bayescamel.posterior import Posterior

        fitted, second = Posterior.load(posterior), None
        doubts: tuple[str, ...] = ()
        if benchmarks is None:
            prediction = fitted.predict(target, given, kind=kind.value, seed=seed)
            loss = prediction["loss"]
            doubts = impossible(loss.to_numpy(), loss["validation"].to_numpy())
            table = _intervals(loss)
        else:
            from bayescamel.benchmarks import BenchmarkPosterior

            second = BenchmarkPosterior.load(benchmarks)
            prediction = fitted.predict_benchmarks(
                target,
                given,
                benchmarks=second,
                kind=kind.value,
                seed=seed,
            )
            table = _benchmarks(prediction)
    distance = float(prediction["extrapolation"][0])
    if json:
        what = "losses" if second is None else "benchmarks"
        answer({what: table, "extrapolation": distance} | worth(fitted, second, doubts=doubts))
        return
    _show(table, kind, distance)
    say_caveats(fitted, second)


type _Row = dict[str, float | bool]


def _intervals(draws: "xr.DataArray") -> dict[str, _Row]:
    from bayescamel.draws.summary import summarise

    table = summarise(draws.isel(mixture=0, drop=True)).to_dataframe()
    return {str(name): {str(k): float(v) for k, v in row.items()} for name, row in table.iterrows()}


def _benchmarks(prediction: "xr.Dataset") -> dict[str, _Row]:
    """Accuracies, or smooth scores where no accuracy was fitted."""
    measure = "accuracy" if "accuracy" in prediction else "score"
    table = _intervals(prediction[measure])
    for name, row in table.items():
        row["above_chance"] = bool(prediction["above_chance"].sel(benchmark=name))
    return table


def _show(table: dict[str, _Row], kind: Kind, distance: float) -> None:
    from rich.console import Console
    from rich.table import Table

    of_benchmarks = any("above_chance" in row for row in table.values())
    what = "benchmark" if of_benchmarks else "validation domain"
    unit = "accuracy, 0 to 1" if of_benchmarks else "loss, nats per token"
    shown = Table(what, title=f"{unit} ({TITLES[kind]})")
    for column in ("mean", "90 % interval"):
        shown.add_column(column, justify="right")
    if of_benchmarks:
        shown.add_column("")
    for name, row in table.items():
        cells = [name, f"{row['mean']:.4f}", f"{row['lower90']:.4f} to {row['upper90']:.4f}"]
        if of_benchmarks:
            cells.append("" if row["above_chance"] else "at chance in every fitted run: unknown")
        shown.add_row(*cells)
    console = Console()
    console.print(shown)
    far = ": beyond the runs by more than they reach" if distance > 1 else ""
    console.print(f"extrapolation distance: {distance:.2f}{far}")
