"""``bayescamel mix``: the mixture to train a target on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayescamel.cli import limits, options
from bayescamel.cli.common import (
    answer,
    converged,
    guarded,
    quiet_stdout,
    say_caveats,
    weights,
    worth,
)
from bayescamel.exceptions import StorageError, TargetError
from bayescamel.input import shown

if TYPE_CHECKING:
    import xarray as xr

    from bayescamel.decisions import Objective, OptimalMixture


@guarded
def mix(
    posterior: options.PosteriorFile,
    params: options.Params,
    tokens: options.Tokens = None,
    active_params: options.ActiveParams = None,
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
    minimum: limits.Floors = None,
    maximum: limits.Ceilings = None,
    group: limits.Groups = None,
    available: limits.Available = None,
    max_epochs: limits.MaxEpochs = None,
    reference: limits.Reference = None,
    near: limits.Nearness = None,
    out: Annotated[
        Path | None, typer.Option(help="Write weights, tokens and epochs as .yaml or .json.")
    ] = None,
    layout: Annotated[
        str,
        typer.Option(
            help="Whose training code reads it: plain (ours), olmo-core, megatron, nemo, "
            "streaming, litgpt or datasets."
        ),
    ] = "plain",
    place: Annotated[
        list[str] | None,
        typer.Option(help="domain=path of its data, for that code; default: its name."),
    ] = None,
    lattice: Annotated[
        int | None, typer.Option(help="Round weights to parts of this whole number: 100.")
    ] = None,
    seed: options.Seed = 0,
    force: options.Force = False,
    json: options.Json = False,
) -> None:
    """Recommend the mixture with the least expected objective, with 90 % intervals."""
    from bayescamel.decisions.recipe import basis_of, check_recipe, recipe, write_recipe
    from bayescamel.decisions.risk import Risk
    from bayescamel.targets import Target

    aim = None if objective is None else weights([objective], "objective", TargetError)
    given = None if reference is None else limits.read_reference(reference)
    within = limits.constraints(minimum, maximum, group, available, max_epochs, near, given)
    target = Target(params, tokens, active_params, within.available)
    attitude = Risk.parse(risk)
    places = _places(place or [])
    if out is not None:
        check_recipe(out, force, layout)
    with quiet_stdout():
        from bayescamel.decisions import optimal_mixture
        from bayescamel.posterior import Posterior

        fitted, second = Posterior.load(posterior), None
        if benchmarks is None:
            wanted: Objective = aim
        else:
            from bayescamel.benchmarks import BenchmarkPosterior

            second = BenchmarkPosterior.load(benchmarks)
            wanted = second.objective(fitted, aim, seed)
        best = optimal_mixture(
            fitted,
            target,
            wanted,
            constraints=within,
            reference=given,
            risk=attitude,
            seed=seed,
        )
    basis = basis_of(best, posterior.name, converged(fitted, second))
    plan = recipe(best.recommended, target, within.available, lattice, basis)
    if out is not None:
        write_recipe(plan, out, force, layout, places)
    if json:
        said = facts(best) | worth(fitted, second, doubts=best.doubts)
        answer(said | {key: plan[key] for key in ("parts", "tokens", "epochs") if key in plan})
    else:
        _show(best, plan)
        say_caveats(fitted, second)


def by_domain(values: "xr.DataArray") -> dict[str, object]:
    """Numbers of training domains, or bounds of theirs, by name."""
    names = map(str, values["domain"].to_numpy())
    return dict(zip(names, values.transpose("domain", ...).to_numpy().tolist(), strict=True))


def _places(items: list[str]) -> dict[str, str]:
    found = {}
    for item in items:
        name, equals, path = item.partition("=")
        if not (equals and name and path):
            raise StorageError(f"place {shown(repr(item))} is not of the form domain=path")
        found[name.strip()] = path.strip()
    return found


def facts(best: "OptimalMixture") -> dict[str, object]:
    """A decision as JSON says it."""
    regret90 = float(best.regret_quantile(0.9))
    result: dict[str, object] = {
        "recommended": by_domain(best.recommended),
        "why": best.why,
        "optimum": by_domain(best.optimum),
        "optimum_interval": by_domain(best.optimum_interval),
        "expected": best.expected,
        "unit": best.unit,
        "regret": best.regret,
        "regret90": regret90,
        "tied": best.tied,
        "extrapolation": best.extrapolation,
        "gain_extrapolated": best.gain_extrapolated,
        "binding": list(best.binding),
        "repetition": best.worth,
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
    columns = [*best.columns, "90 % of the draws' optima"]
    columns += ["tokens"] * ("tokens" in plan) + ["epochs"] * bool(plan.get("epochs"))
    for column in columns:
        shown.add_column(column, justify="right")
    for name, share in plan["weights"].items():
        low, high = best.optimum_interval.sel(domain=name).to_numpy()
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
    console.print(f"expected objective {best.expected:.4f} {best.unit}; {best.regret_in_words}")
    for note in best.notes():
        console.print(note)
