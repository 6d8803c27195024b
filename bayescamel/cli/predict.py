"""``bayescamel predict``: the losses of a model that was not trained."""

from enum import StrEnum
from typing import Annotated

import typer

from bayescamel.cli.common import (
    ActiveParams,
    Json,
    Params,
    PosteriorFile,
    Tokens,
    answer,
    guarded,
    quiet_stdout,
    weights,
)
from bayescamel.exceptions import MixtureError


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
    posterior: PosteriorFile,
    params: Params,
    tokens: Tokens = None,
    active_params: ActiveParams = None,
    mixture: Annotated[
        list[str] | None,
        typer.Option(help="name=weight, once a domain; default: the runs' mean mixture."),
    ] = None,
    kind: Annotated[
        Kind, typer.Option(help="The law's curve, the expected loss, or one new run around it.")
    ] = Kind.mean,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    json: Json = False,
) -> None:
    """Predict the loss on each validation domain, with 90 % intervals."""
    from bayescamel.targets import Target

    target = Target(params, tokens, active_params)
    given = weights(mixture, "mixture", MixtureError) if mixture else None
    with quiet_stdout():
        from bayescamel.posterior import Posterior

        prediction = Posterior.load(posterior).predict(target, given, kind=kind.value, seed=seed)
    losses = prediction["loss"].isel(mixture=0)
    bounds = losses.quantile([0.05, 0.95], dim=("chain", "draw"))
    table = {
        str(name): {
            "mean": float(losses.sel(validation=name).mean()),
            "lower90": float(bounds.sel(validation=name)[0]),
            "upper90": float(bounds.sel(validation=name)[1]),
        }
        for name in losses["validation"].to_numpy()
    }
    if json:
        answer(dict(table))
        return
    _show(table, kind, float(prediction["extrapolation"][0]))


def _show(table: dict[str, dict[str, float]], kind: Kind, distance: float) -> None:
    from rich.console import Console
    from rich.table import Table

    shown = Table("validation domain", title=f"loss, nats per token ({TITLES[kind]})")
    for column in ("mean", "90 % interval"):
        shown.add_column(column, justify="right")
    for name, row in table.items():
        shown.add_row(name, f"{row['mean']:.4f}", f"{row['lower90']:.4f} to {row['upper90']:.4f}")
    console = Console()
    console.print(shown)
    console.print(f"extrapolation distance: {distance:.2f}")
