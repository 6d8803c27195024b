"""``bayescamel study create``: what may be trained, for which target, with which budget."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayescamel.cli import options
from bayescamel.cli.common import answer, guarded, names, quiet_stdout, say, weights
from bayescamel.cli.study.run import our_trainer
from bayescamel.exceptions import DesignError, TargetError
from bayescamel.input import as_count, read_object, shown

if TYPE_CHECKING:
    from bayescamel.designs.space import Size


@guarded
def create(
    where: options.StudyPlace,
    params: options.Params,
    tokens: Annotated[
        float,
        typer.Option(
            parser=options.count, metavar="COUNT", help="Training tokens of the target: 2T, 2e12."
        ),
    ],
    budget: Annotated[float, typer.Option(help="FLOPs that the study may spend.")],
    active_params: options.ActiveParams = None,
    space: Annotated[
        Path | None, typer.Option(help="JSON of the space, instead of what is below.")
    ] = None,
    domains: Annotated[str, typer.Option(help="Training domains: code,math,web.")] = "",
    sizes: Annotated[
        str, typer.Option(help="Proxy sizes: 1e6,4M,16M; sparse ones total:active, 16e6:4e6.")
    ] = "",
    run_tokens: Annotated[str, typer.Option(help="Tokens a proxy: 1e9,2e9 or 1e9:4e9.")] = "",
    tokens_per_param: Annotated[
        str, typer.Option(help="Or tokens a parameter: 20,40 or 10:40.")
    ] = "",
    bound: Annotated[
        list[str] | None,
        typer.Option(
            help="domain=least:most, once a domain; else a tenth of the even weight to 1."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Runs that may share all but the seed.")] = 1,
    proxies: Annotated[
        bool, typer.Option("--proxies", help="Sizes and costs of this project's own proxies.")
    ] = False,
    objective: Annotated[
        str | None, typer.Option(help="name=weight,… over validation domains; default: all alike.")
    ] = None,
    losses: Annotated[
        str | None, typer.Option(help="Validation domains; default: those of the first run.")
    ] = None,
    acquisition: Annotated[str, typer.Option(help="What chooses the runs.")] = "variance",
    start: Annotated[
        int | None,
        typer.Option(help="Runs spread before the first fit; default: two a domain; 0: none."),
    ] = None,
    law: options.LawName = "camel",
    chains: options.Chains = 4,
    draws: options.Draws = 500,
    tune: options.Tune = 700,
    seed: options.Seed = 0,
    name: options.StudyName = "study",
    json: options.Json = False,
) -> None:
    """Make a study: what may be trained, for which target, with which budget."""
    from bayescamel.designs.space import Space
    from bayescamel.targets import Target

    if space is not None:
        made = Space.from_dict(read_object(space, "space", DesignError))
    else:
        values: dict[str, Any] = {
            "domains": [part for part in domains.split(",") if part],
            "sizes": _sizes(sizes, proxies),
            "n_tokens": run_tokens or (),
            "tokens_per_param": tokens_per_param or (),
            "bounds": _bounds(bound or []),
            "seeds": seeds,
        }
        made = Space.from_dict(values)
    aim = None if objective is None else weights([objective], "objective", TargetError)
    with quiet_stdout():
        from bayescamel.study import FitOptions, Study
        from bayescamel.study.urls import masked

        created = Study.create(
            where,
            made,
            Target(params, tokens, active_params),
            budget=budget,
            objective=aim,
            acquisition=acquisition,
            start=start,
            fit=FitOptions(chains, draws, tune, seed, law=law),
            losses=names(losses),
            name=name,
        )
    first = created.settings.first_runs
    if (caveat := made.caveat()) is not None:
        say(f"caveat: {caveat} (--tokens-per-param 10:40)", err=True)
    if json:
        answer(
            {"study": masked(where), "name": name, "first_runs": first, "cheapest": made.cheapest()}
        )
    else:
        say(f"{masked(where)}: made; the first {first} runs are spread over mixtures")


def _sizes(text: str, proxies: bool) -> "list[Size]":
    from bayescamel.designs.space import Size

    make = our_trainer().proxy_size if proxies else Size
    pairs = [part.partition(":") for part in text.split(",") if part]
    try:
        numbers = [(as_count(n), as_count(active) if colon else None) for n, colon, active in pairs]
    except ValueError as error:
        raise DesignError(
            f"{shown(text)!r} is no list of sizes: write 1e6,4e6, or 16e6:4e6 for 16e6 parameters "
            "of which a token uses 4e6"
        ) from error
    return [make(n_params, n_active) for n_params, n_active in numbers]


def _bounds(items: list[str]) -> dict[str, tuple[float, float]]:
    result = {}
    for item in items:
        domain, _, interval = item.partition("=")
        least, colon, most = interval.partition(":")
        try:
            pair = (float(least or 0), float(most or 1))
        except ValueError:
            colon = ""
        if not (colon and domain):
            raise DesignError(f"bound {shown(item)!r} is not of the form domain=least:most")
        result[domain] = pair
    return result
