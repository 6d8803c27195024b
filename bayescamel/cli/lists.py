"""What there is to choose from, and a table to try on."""

from pathlib import Path
from typing import Annotated

import typer

from bayescamel.cli import options
from bayescamel.cli.common import answer, guarded, say, tabled
from bayescamel.output import check_output, write_whole


@guarded
def laws(json: options.Json = False) -> None:
    """List the laws that `fit --law` and `fit-benchmarks --law` know."""
    from bayescamel.benchmarks.laws import BENCHMARK_LAWS
    from bayescamel.laws import LAWS

    losses = {name: LAWS[name].title for name in sorted(LAWS)}
    benchmarks = {name: BENCHMARK_LAWS[name].title for name in sorted(BENCHMARK_LAWS)}
    if json:
        answer({"laws": losses, "benchmark_laws": benchmarks})
        return
    say(tabled(("law of losses", "what it is"), losses.items()))
    say("\n" + tabled(("law of benchmarks", "what it is"), benchmarks.items()))


@guarded
def acquisitions(json: options.Json = False) -> None:
    """List what `study create --acquisition` can choose runs by."""
    from bayescamel.designs import ACQUISITIONS

    first = {
        name: (chosen.__doc__ or "").strip().splitlines()[0]
        for name, chosen in ACQUISITIONS.items()
    }
    if json:
        answer({"acquisitions": first})
    else:
        say(tabled(("acquisition", "what it is"), first.items()))


@guarded
def example(
    out: Annotated[Path, typer.Argument(help="Run table to write, .csv.")],
    force: options.Force = False,
    json: options.Json = False,
) -> None:
    """Write the bundled runs as a table to try the commands on."""
    from importlib.resources import files

    from bayescamel.runs.bundled import PROXIES

    check_output(out, force)
    content = (files("bayescamel") / "data" / PROXIES).read_bytes()
    write_whole(out, content)
    if json:
        answer({"out": str(out)})
    else:
        say(f"{content.count(b'\n') - 1} runs: {out}; try: bayescamel fit {out} --out posterior.nc")
