"""``bayescamel mix``: the mixture to train a target on."""

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
from bayescamel.exceptions import TargetError


@guarded
def mix(
    posterior: PosteriorFile,
    params: Params,
    tokens: Tokens = None,
    active_params: ActiveParams = None,
    objective: Annotated[
        str | None,
        typer.Option(help="name=weight,… over validation domains; default: all alike."),
    ] = None,
    json: Json = False,
) -> None:
    """Recommend the mixture with the least expected objective, with 90 % intervals."""
    from bayescamel.targets import Target

    target = Target(params, tokens, active_params)
    aim = None if objective is None else weights([objective], "objective", TargetError)
    with quiet_stdout():
        from bayescamel.posterior import Posterior

        best = Posterior.load(posterior).optimal_mixture(target, aim)
    if not json:
        typer.echo(repr(best))
        return
    domains = [str(name) for name in best.mixture["domain"].to_numpy()]
    answer(
        {
            "mixture": {name: float(best.mixture.sel(domain=name)) for name in domains},
            "interval": {
                name: best.interval.sel(domain=name).to_numpy().tolist() for name in domains
            },
            "expected": best.expected,
            "regret": best.regret,
            "extrapolation": best.extrapolation,
        }
    )
