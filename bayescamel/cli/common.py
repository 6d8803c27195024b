"""What the commands share: how they fail, how they answer, how they read small arguments."""

import contextlib
import functools
import json
import math
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import typer

from bayescamel.exceptions import BayesCamelError
from bayescamel.input import printable, shown

if TYPE_CHECKING:
    from bayescamel.draws.status import Status
    from bayescamel.study import Study


def guarded[**P](command: Callable[P, None]) -> Callable[P, None]:
    """Turn bad input and an interrupt into one line and an exit status."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except BayesCamelError as error:
            # A message of several lines (a status with its remedies) is still one line here.
            message = "; ".join(line.strip() for line in str(error).splitlines())
            say(f"bayescamel: {message}", err=True)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            typer.echo("bayescamel: interrupted", err=True)
            raise typer.Exit(130) from None

    return run


def say(text: str, *, err: bool = False) -> None:
    """Print lines; what a name or a trainer's words would do to the terminal is shown as text."""
    typer.echo("\n".join(printable(line) for line in text.split("\n")), err=err)


@contextlib.contextmanager
def quiet_stdout() -> Iterator[None]:
    """Send what libraries print to standard error, so that the answer stands alone."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def answer(content: dict[str, object]) -> None:
    """Print one JSON object; what is not a number becomes null, which JSON can say."""
    typer.echo(json.dumps(_plain(content), allow_nan=False))


def respond(json: bool, content: dict[str, object], words: str) -> None:
    """Answer by JSON or by words."""
    if json:
        answer(content)
    else:
        say(words)


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def names(text: str | None) -> list[str] | None:
    """Names between commas; None stays None."""
    return None if text is None else [name.strip() for name in text.split(",")]


def diagnosis(status: "Status") -> dict[str, object]:
    """What ``--json`` says about the sampling of a fit."""
    return {
        "converged": status.converged,
        "rhat_max": status.rhat_max,
        "ess_min": min(status.ess_bulk_min, status.ess_tail_min),
        "divergences": status.divergences,
        "seconds": status.seconds,
    }


def opened(where: str, name: str) -> "Study":
    """The study; heavy libraries are loaded here."""
    from bayescamel.study import Study

    return Study.open(where, name=name)


def weights(
    text: list[str], what: str, error: Callable[[str], BayesCamelError]
) -> dict[str, float]:
    """Read ``name=weight`` items, each of which may hold several between commas."""
    result: dict[str, float] = {}
    for item in (part.strip() for chunk in text for part in chunk.split(",")):
        name, equals, number = item.rpartition("=")
        try:
            weight = float(number)
        except ValueError:
            equals = ""
        if not (equals and name):
            raise error(f"{what} {shown(item)!r} is not of the form name=weight")
        if name in result:
            raise error(f"{what} {shown(name)!r} is given twice")
        result[name] = weight
    return result
