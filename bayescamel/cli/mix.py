"""``bayescamel mix``: the mixture to train a target on."""

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayescamel.cli.common import (
    ActiveParams,
    Force,
    Json,
    Params,
    PosteriorFile,
    Tokens,
    answer,
    guarded,
    quiet_stdout,
    weights,
)
from bayescamel.exceptions import MixtureError, StorageError, TargetError

if TYPE_CHECKING:
    from bayescamel.decisions import Objective, OptimalMixture
    from bayescamel.mixtures.constraints import Constraints, Group


@guarded
def mix(
    posterior: PosteriorFile,
    params: Params,
    tokens: Tokens = None,
    active_params: ActiveParams = None,
    objective: Annotated[
        str | None,
        typer.Option(
            help="name=weight,… over validation domains, or over benchmarks with --benchmarks; "
            "default: all alike."
        ),
    ] = None,
    benchmarks: Annotated[
        Path | None,
        typer.Option(
            help="What `bayescamel fit-benchmarks` wrote: the objective is the expected error on "
            "benchmarks, not losses."
        ),
    ] = None,
    risk: Annotated[
        str, typer.Option(help="What is to be small: mean, quantile:0.9 or cvar:0.9.")
    ] = "mean",
    minimum: Annotated[
        list[str] | None, typer.Option("--min", help="name=weight,…: floors of weights.")
    ] = None,
    maximum: Annotated[
        list[str] | None, typer.Option("--max", help="name=weight,…: ceilings of weights.")
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(help="name+name=lower:upper, bounds on a sum of weights; repeatable."),
    ] = None,
    available: Annotated[
        Path | None, typer.Option(help="CSV of domain,tokens: unique tokens that exist.")
    ] = None,
    max_epochs: Annotated[
        float | None, typer.Option(help="How often available tokens may be repeated.")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="JSON of name: weight, the mixture to compare with.")
    ] = None,
    near: Annotated[
        float | None,
        typer.Option(
            help="Largest share of tokens that may change domain, counted from the reference or, "
            "without one, from the nearest measured mixture."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write weights, tokens and epochs as .yaml or .json.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    force: Force = False,
    json: Json = False,
) -> None:
    """Recommend the mixture with the least expected objective, with 90 % intervals."""
    from bayescamel.decisions.recipe import check_recipe, recipe, write_recipe
    from bayescamel.decisions.risk import Risk
    from bayescamel.targets import Target

    target = Target(params, tokens, active_params)
    aim = None if objective is None else weights([objective], "objective", TargetError)
    given = None if reference is None else _read_reference(reference)
    limits = _constraints(minimum, maximum, group, available, max_epochs, near, given)
    attitude = Risk.parse(risk)
    if out is not None:
        check_recipe(out, force)
    with quiet_stdout():
        from bayescamel.decisions import optimal_mixture
        from bayescamel.posterior import Posterior

        fitted = Posterior.load(posterior)
        if benchmarks is None:
            wanted: Objective = aim
        else:
            from bayescamel.benchmarks import BenchmarkPosterior

            wanted = BenchmarkPosterior.load(benchmarks).objective(fitted, aim, seed)
        best = optimal_mixture(
            fitted,
            target,
            wanted,
            constraints=limits,
            reference=given,
            risk=attitude,
            seed=seed,
        )
    plan = recipe(best.mixture, target, limits.available)
    if out is not None:
        write_recipe(plan, out, force)
    if json:
        answer(facts(best) | {key: plan[key] for key in ("tokens", "epochs") if key in plan})
    else:
        _show(best, plan)


def facts(best: "OptimalMixture") -> dict[str, object]:
    """A decision as JSON says it."""
    domains = [str(name) for name in best.mixture["domain"].to_numpy()]
    regret90 = float(best.regret_quantile(0.9))
    result: dict[str, object] = {
        "mixture": {name: float(best.mixture.sel(domain=name)) for name in domains},
        "interval": {name: best.interval.sel(domain=name).to_numpy().tolist() for name in domains},
        "expected": best.expected,
        "unit": best.unit,
        "regret": best.regret,
        "regret90": regret90,
        "tied": best.tied,
        "least": {name: float(best.least.sel(domain=name)) for name in domains},
        "extrapolation": best.extrapolation,
        "gain_extrapolated": best.gain_extrapolated,
        "binding": list(best.binding),
    }
    for key, compared in (("near", best.against_near), ("reference", best.against_reference)):
        if compared is not None:
            low, high = compared.interval
            result[f"against_{key}"] = {
                "name": compared.name,
                "probability": compared.probability,
                "gain": compared.expected,
                "gain_interval": [low, high],
            }
    return result


def _show(best: "OptimalMixture", plan: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    shown = Table("training domain", title="recommended mixture")
    columns = ["weight", *["least risk"] * best.tied, "90 % of the draws' optima"]
    columns += ["tokens"] * ("tokens" in plan) + ["epochs"] * bool(plan.get("epochs"))
    for column in columns:
        shown.add_column(column, justify="right")
    for name, share in plan["weights"].items():
        low, high = best.interval.sel(domain=name).to_numpy()
        # The plan's weight stands for the recommended one.
        cells = [f"{weight:.3f}" for weight in (share, *best.shares(name)[1:])]
        cells.append(f"{low:.3f} to {high:.3f}")
        if "tokens" in plan:
            cells.append(f"{plan['tokens'][name]:.3g}")
        if plan.get("epochs"):
            cells.append(f"{plan['epochs'][name]:.2f}" if name in plan["epochs"] else "")
        shown.add_row(name, *cells)
    console = Console(highlight=False)
    console.print(shown)
    console.print(
        f"expected objective {best.expected:.4f} {best.unit}; expected regret {best.regret:.4f}, "
        f"below {float(best.regret_quantile(0.9)):.4f} with probability 0.9"
    )
    for note in best.notes():
        console.print(note)


def _constraints(
    minimum: list[str] | None,
    maximum: list[str] | None,
    groups: list[str] | None,
    available: Path | None,
    max_epochs: float | None,
    near: float | None,
    reference: dict[str, float] | None,
) -> "Constraints":
    from bayescamel.mixtures.constraints import Constraints, Near

    return Constraints(
        lower=weights(minimum or [], "floor", MixtureError),
        upper=weights(maximum or [], "ceiling", MixtureError),
        groups=tuple(_group(text) for text in groups or []),
        available={} if available is None else _read_available(available),
        max_epochs=max_epochs,
        near=None if near is None else Near(near, reference),
    )


def _group(text: str) -> "Group":
    from bayescamel.mixtures.constraints import Group

    names, equals, bounds = text.rpartition("=")
    lower, colon, upper = bounds.partition(":")
    try:
        group = Group(
            tuple(name.strip() for name in names.split("+")),
            float(lower) if lower else 0.0,
            float(upper) if upper else 1.0,
        )
    except ValueError:
        equals = ""
    if not (equals and colon and names):
        raise MixtureError(f"group {text!r} is not of the form name+name=lower:upper")
    return group


def _read_available(path: Path) -> dict[str, float]:
    import pandas as pd

    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise StorageError(f"{path} cannot be read as a table of tokens: {error}") from None
    missing = [name for name in ("domain", "tokens") if name not in table]
    if missing:
        raise StorageError(f"{path}: no column {missing[0]!r}; domain and tokens are needed")
    numbers = pd.to_numeric(table["tokens"], errors="coerce")
    for name, tokens, text in zip(table["domain"], numbers, table["tokens"], strict=True):
        if pd.isna(tokens):
            raise StorageError(f"{path}: tokens of {name} = {text!r} is no number")
    if table["domain"].duplicated().any():
        twice = table["domain"][table["domain"].duplicated()].iloc[0]
        raise StorageError(f"{path}: domain {twice!r} is given twice")
    return dict(zip(table["domain"].astype(str), numbers.astype(float), strict=True))


def _read_reference(path: Path) -> dict[str, float]:
    try:
        content = json_module.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StorageError(f"{path} cannot be read as JSON: {error}") from None
    # What `--out` wrote serves as the next reference.
    content = content.get("weights", content) if isinstance(content, dict) else content
    try:
        return {str(name): float(weight) for name, weight in content.items()}
    except (AttributeError, TypeError, ValueError):
        raise StorageError(f"{path}: a reference is an object of name: weight") from None
