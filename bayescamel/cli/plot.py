"""``bayescamel plot``: one picture of runs, a posterior, benchmarks or a study, as a file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from bayescamel.cli import options
from bayescamel.cli.common import answer, guarded, names, opened, quiet_stdout, say, weights
from bayescamel.exceptions import MixtureError, PlotError
from bayescamel.input import shown
from bayescamel.output import check_output

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bayescamel.targets import Target


@dataclass(frozen=True)
class Asked:
    """What the options say."""

    model: "Target | None"
    domains: list[str] | None
    mixtures: Mapping[str, Mapping[str, float]] | None

    @property
    def target(self) -> "Target":
        """The target, where a picture needs one."""
        if self.model is None:
            raise PlotError("this picture is of a target: give --params (and --tokens)")
        return self.model


class Kind(NamedTuple):
    """What a picture is of: how its file is read."""

    what: str
    read: Callable[[str], Any]


def _runs(path: str) -> Any:
    from bayescamel.runs.table import read_runs

    return read_runs(path)


def _posterior(path: str) -> Any:
    from bayescamel.posterior import Posterior

    return Posterior.load(path)


def _benchmarks(path: str) -> Any:
    from bayescamel.benchmarks import BenchmarkPosterior

    return BenchmarkPosterior.load(path)


RUNS = Kind("runs.csv", _runs)
POSTERIOR = Kind("posterior.nc", _posterior)
BENCHMARKS = Kind("benchmarks.nc", _benchmarks)
STUDY = Kind("study.db", lambda where: opened(where, "study"))


def _path(posterior: Any, asked: Asked) -> "Figure":
    import numpy as np

    from bayescamel import plots
    from bayescamel.decisions import optimal_path
    from bayescamel.targets import Target

    target, fitted = asked.target, posterior.runs["n_params"].to_numpy()
    sizes = np.geomspace(fitted.min(), target.n_params, 6)
    path = optimal_path(posterior, [Target(float(n), target.n_tokens) for n in sizes])
    return plots.path(path, fitted)


def _plots() -> Any:
    from bayescamel import plots

    return plots


PICTURES: Mapping[str, tuple[Kind, Callable[[Any, Asked], "Figure"]]] = {
    "training-grid": (RUNS, lambda runs, _: _plots().training_grid(runs)),
    "weight-pairs": (RUNS, lambda runs, a: _plots().weight_pairs(runs, a.domains)),
    "loss-over-weight": (
        RUNS,
        lambda runs, a: _plots().loss_over_weight(runs, a.domains[0] if a.domains else None),
    ),
    "loss-over-size": (
        POSTERIOR,
        lambda p, a: _plots().loss_over_size(p, a.mixtures, target=a.model),
    ),
    "response-slices": (POSTERIOR, lambda p, a: _plots().response_slices(p, a.target, a.domains)),
    "elasticities": (POSTERIOR, lambda p, a: _plots().elasticities(p, a.target)),
    "ternary": (POSTERIOR, lambda p, a: _plots().ternary(p, a.target, a.domains or [])),
    "residuals": (POSTERIOR, lambda p, _: _plots().residuals(p)),
    "optimum": (POSTERIOR, lambda p, a: _plots().optimum(p.optimal_mixture(a.target))),
    "gain-and-regret": (
        POSTERIOR,
        lambda p, a: _plots().gain_and_regret(p.optimal_mixture(a.target)),
    ),
    "path": (POSTERIOR, _path),
    "benchmark-curves": (BENCHMARKS, lambda b, _: _plots().benchmark_curves(b)),
    "listening": (BENCHMARKS, lambda b, _: _plots().listening(b)),
    "spending": (STUDY, lambda study, _: _plots().spending(study)),
    "allocation": (STUDY, lambda study, _: _plots().allocation(study)),
    "proposals": (STUDY, lambda study, _: _plots().proposals(study)),
    "timeline": (STUDY, lambda study, _: _plots().timeline(study)),
}


@guarded
def plot(
    name: Annotated[str, typer.Argument(help=f"The picture: {', '.join(PICTURES)}.")],
    file: Annotated[str, typer.Argument(help="runs.csv, posterior.nc, benchmarks.nc or study.db.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A .png, .svg, .pdf or .html.")],
    params: Annotated[float | None, typer.Option(help="Parameters of the target.")] = None,
    tokens: options.Tokens = None,
    active_params: options.ActiveParams = None,
    domains: Annotated[
        str | None, typer.Option(help="Training domains to draw, separated by commas.")
    ] = None,
    mixture: Annotated[
        list[str] | None,
        typer.Option(help="A mixture to draw, several times: ours:code=0.4,prose=0.6."),
    ] = None,
    force: options.Force = False,
    json: options.Json = False,
) -> None:
    """Draw one picture."""
    from bayescamel.plots.files import check_name, save
    from bayescamel.targets import Target

    if name not in PICTURES:
        raise PlotError(f"unknown picture {shown(name)!r}; there are: {', '.join(PICTURES)}")
    check_name(out)
    check_output(out, force)
    kind, draw = PICTURES[name]
    model = None if params is None else Target(params, tokens, active_params)
    asked = Asked(model, names(domains), None if mixture is None else _named(mixture))
    with quiet_stdout():
        save(draw(kind.read(file), asked), out)
    if json:
        answer({"picture": name, "out": str(out)})
    else:
        say(f"picture: {out}")


def _named(mixtures: list[str]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for text in mixtures:
        name, _, shares = text.rpartition(":")
        found[name or f"mixture {len(found) + 1}"] = weights([shares], "mixture", MixtureError)
    return found
