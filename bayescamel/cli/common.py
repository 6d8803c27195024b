"""What the commands share: how they fail, how they answer, how they read small arguments."""

import contextlib
import functools
import json
import math
import re
import sys
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

import typer

from bayescamel.exceptions import BayesCamelError, ConvergenceWarning, ExtrapolationWarning
from bayescamel.extras import EXTRAS, words
from bayescamel.input import printable, shown
from bayescamel.output import write_whole

if TYPE_CHECKING:
    import xarray as xr

    from bayescamel.draws.status import Status
    from bayescamel.study import Study

IN_PYTHON = re.compile(r"\b\w+=(?:\{[^}]*\}|\S+) \((--[^)]+)\)")
"""A remedy in Python before the same one in a shell, ``force=True (--force)``; a shell is told
the second alone."""


def guarded[**P](command: Callable[P, None]) -> Callable[P, None]:
    """Turn bad input and an interrupt into one line and an exit status."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            with _warnings_as_lines():
                command(*args, **kwargs)
        except BayesCamelError as error:
            # A message of several lines (a status with its remedies) is still one line here.
            message = "; ".join(line.strip() for line in str(error).splitlines())
            say(f"bayescamel: {IN_PYTHON.sub(r'\1', message)}", err=True)
            raise typer.Exit(2) from None
        except ModuleNotFoundError as error:
            library = (error.name or "").partition(".")[0]
            if library not in EXTRAS:
                raise
            say(f"bayescamel: {words(library)}", err=True)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            typer.echo("bayescamel: interrupted", err=True)
            raise typer.Exit(130) from None

    return run


DOUBTS = (ConvergenceWarning, ExtrapolationWarning)


@contextlib.contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """Say of draws that cannot be used why in one line, once."""
    said = set()
    with warnings.catch_warnings():
        for doubt in DOUBTS:
            warnings.simplefilter("always", doubt)
        otherwise = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if not issubclass(category, DOUBTS):
                otherwise(message, category, filename, lineno, file, line)
            elif str(message) not in said:
                said.add(str(message))
                say(f"bayescamel: {message}", err=True)

        warnings.showwarning = show
        yield


def say(text: str, *, err: bool = False) -> None:
    """Print lines; what a name or a trainer's words would do to the terminal is shown as text."""
    typer.echo("\n".join(printable(line) for line in text.split("\n")), err=err)


def tabled(
    header: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[int] = ()
) -> str:
    """A table as plain lines: the same on a terminal, in a pipe and in a file.

    Parameters
    ----------
    right
        Columns of numbers.
    """
    cells = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = [
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths).rstrip(), *lines[1:]])


def write_table(rows: Sequence[Mapping[str, object]], path: Path) -> None:
    """Write rows as CSV."""
    import pandas as pd

    write_whole(path, pd.DataFrame(rows).to_csv(index=False).encode())


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


class Drawn(Protocol):
    """A posterior of any kind."""

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why its draws cannot be used."""
        ...

    @property
    def caveats(self) -> tuple[str, ...]:
        """What the data say against it."""
        ...


def converged(*posteriors: Drawn | None) -> bool:
    """Whether the draws of all of them can be used."""
    return not any(posterior.doubts for posterior in posteriors if posterior is not None)


def worth(*posteriors: Drawn | None, doubts: Iterable[str] = ()) -> dict[str, object]:
    """What every answer in JSON says of the draws it comes from; `doubts` are of the answer."""
    there = [posterior for posterior in posteriors if posterior is not None]
    return {
        "converged": converged(*there),
        "caveats": [*doubts, *(caveat for posterior in there for caveat in posterior.caveats)],
    }


def say_caveats(*posteriors: Drawn | None) -> None:
    """On stderr, a line each: what the data say against the draws of an answer."""
    for posterior in posteriors:
        for caveat in () if posterior is None else posterior.caveats:
            say(f"caveat: {caveat}", err=True)


@contextlib.contextmanager
def doubts_in_answer(json: bool) -> Iterator[None]:
    """Say of draws that did not converge so once: in words the answer's status does, with remedies.

    JSON has no remedies, so that a line says them.
    """
    with warnings.catch_warnings():
        if not json:
            warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def check_converged(posterior: Drawn, allowed: bool) -> None:
    """Exit status 3 where the draws that were written did not converge, unless that is allowed."""
    if posterior.doubts and not allowed:
        say(
            "bayescamel: written all the same, exit status 3: give --allow-unconverged to go on "
            "with such draws, --strict to write none",
            err=True,
        )
        raise typer.Exit(3)


def read_table(
    source: Any,
    columns: list[str] | None,
    history: str | None,
    *,
    where: str | None = None,
    losses: str | None = None,
    renormalise: bool = False,
) -> "xr.Dataset":
    """The runs of a table; what was scaled, left out or matched is said on standard error."""
    from bayescamel.runs.mapping import parse_mapping
    from bayescamel.runs.table import read_runs

    runs = read_runs(
        source,
        where=where,
        losses=names(losses),
        columns=parse_mapping(columns or []),
        history=history,
        renormalise=renormalise,
    )
    for note in runs.attrs.get("notes", "").splitlines():
        say(f"note: {note}", err=True)
    return runs


def diagnosis(status: "Status") -> dict[str, object]:
    """What ``--json`` says about the sampling of a fit."""
    return {
        "rhat_max": status.rhat_max,
        "ess_min": min(status.ess_bulk_min, status.ess_tail_min),
        "divergences": status.divergences,
        "seconds": status.seconds,
    }


def opened(where: str, name: str) -> "Study":
    """The study; heavy libraries are loaded here."""
    from bayescamel.study import Study

    return Study.open(where, name=name)


def known(study: "Study") -> dict[str, object]:
    """What an answer of a study in JSON says of the draws it comes from; none yet: None."""
    outlook = study.last_outlook()
    if outlook is None:
        return {"converged": None, "caveats": []}
    return {"converged": outlook.converged, "caveats": list(outlook.caveats)}


def weights(
    text: list[str], what: str, error: Callable[[str], BayesCamelError]
) -> dict[str, float]:
    """Read ``name=weight`` items, each of which may hold several between commas.

    A mixture that does not sum to 1 is refused by who reads it; an objective is scaled there, which
    is said here, since a weight may have been forgotten.
    """
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
    total = sum(result.values())
    if what == "objective" and 0 < total < math.inf and not math.isclose(total, 1, abs_tol=1e-6):
        say(f"note: weights of the objective sum to {total:.4g} and are scaled to 1", err=True)
    return result
