"""``bayescamel plot``: one picture of runs, a posterior, benchmarks or a study, as a file."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bayescamel.cli import options
from bayescamel.cli.common import answer, guarded, names, quiet_stdout, read_table, say, weights
from bayescamel.cli.pictures import PICTURES, RUNS, Asked
from bayescamel.exceptions import MixtureError, PlotError, TargetError
from bayescamel.inference.sampler import Sampler
from bayescamel.input import shown
from bayescamel.output import check_output


class Drawn(StrEnum):
    """What draws."""

    matplotlib = "matplotlib"
    plotly = "plotly"


HOVERING = (
    *("training-grid", "weight-pairs", "loss-over-weight", "loss-over-size", "residuals"),
    *("path", "front"),
)
"""Pictures that plotly can draw: those where a reader asks which run a point is."""


@guarded
def plot(
    name: Annotated[str, typer.Argument(help=f"The picture: {', '.join(PICTURES)}.")],
    file: Annotated[str, typer.Argument(help="runs.csv, posterior.nc, benchmarks.nc or study.db.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A .png, .svg, .pdf or .html.")],
    params: options.MaybeParams = None,
    tokens: options.Tokens = None,
    active_params: options.ActiveParams = None,
    domains: Annotated[
        str | None, typer.Option(help="Training domains to draw, separated by commas.")
    ] = None,
    mixture: Annotated[
        list[str] | None,
        typer.Option(help="A mixture to draw, several times: ours:code=0.4,prose=0.6."),
    ] = None,
    runs: Annotated[
        Path | None, typer.Option(help="Runs that were not fitted, to hold the posterior against.")
    ] = None,
    objective: Annotated[
        str | None, typer.Option(help="name=weight,… over validation domains; default: all alike.")
    ] = None,
    against: Annotated[str | None, typer.Option(help="The front's second objective.")] = None,
    law: Annotated[
        list[str] | None, typer.Option(help="Laws to backtest; repeat for several.")
    ] = None,
    chains: options.Chains = 4,
    draws: options.Draws = 1000,
    tune: options.Tune = 700,
    seed: options.Seed = 0,
    backend: Annotated[
        Drawn, typer.Option(help="plotly, for an .html whose points say their run.")
    ] = Drawn.matplotlib,
    column: options.Columns = None,
    history: options.Histories = None,
    force: options.Force = False,
    json: options.Json = False,
) -> None:
    """Draw one picture; horizons and calibration fit the runs first, learning the study's."""
    from bayescamel.plots.files import check_name, save
    from bayescamel.targets import Target

    if name not in PICTURES:
        raise PlotError(f"unknown picture {shown(name)!r}; there are: {', '.join(PICTURES)}")
    if check_name(out) != "html" and backend is Drawn.plotly:
        raise PlotError(f"{shown(out.name)}: a picture of plotly's ends in .html")
    if backend is Drawn.plotly and name not in HOVERING:
        raise PlotError(f"plotly draws {', '.join(HOVERING)}; {name} is matplotlib's alone")
    check_output(out, force)
    asked = Asked(
        model=None if params is None else Target(params, tokens, active_params),
        domains=names(domains),
        mixtures=None if mixture is None else _named(mixture),
        others=runs,
        objective=_weights(objective),
        against=_weights(against),
        laws=law or ["camel"],
        sampler=Sampler(chains, draws, tune, seed),
        backend=backend.value,
    )
    kind, draw = PICTURES[name]
    with quiet_stdout():
        subject = read_table(file, column, history) if kind is RUNS else kind.read(file)
        save(draw(subject, asked), out)
    if json:
        answer({"picture": name, "out": str(out)})
    else:
        say(f"picture: {out}")


def _weights(text: str | None) -> dict[str, float] | None:
    return None if text is None else weights([text], "objective", TargetError)


def _named(mixtures: list[str]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for text in mixtures:
        name, _, shares = text.rpartition(":")
        found[name or f"mixture {len(found) + 1}"] = weights([shares], "mixture", MixtureError)
    return found
