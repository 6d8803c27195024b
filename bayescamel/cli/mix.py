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
    domains = [str(name) for name in best.mixture["domain"].to_numpy()]
    share = {name: float(best.mixture.sel(domain=name)) for name in domains}
    interval = {name: best.interval.sel(domain=name).to_numpy().tolist() for name in domains}
    if json:
        answer(
            {
                "mixture": share,
                "interval": interval,
                "expected": float(best.expected),
                "regret": float(best.regret),
            }
        )
        return

    from rich.console import Console
    from rich.table import Table

    shown = Table("training domain", title="recommended mixture")
    for column in ("weight", "90 % of the draws' optima"):
        shown.add_column(column, justify="right")
    for name in domains:
        low, high = interval[name]
        shown.add_row(name, f"{share[name]:.3f}", f"{low:.3f} to {high:.3f}")
    console = Console()
    console.print(shown)
    console.print(
        f"expected objective {float(best.expected):.4f} nats per token, "
        f"expected regret {float(best.regret):.4f}"
    )
