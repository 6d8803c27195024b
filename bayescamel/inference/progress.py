"""A Rich progress bar on stderr for a fit, or silence."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Report(NamedTuple):
    """What a fit reports while it runs."""

    start: Callable[[], None]
    """One start of the optimiser is done."""
    iterations: Callable[[int, int], None]
    """So many iterations more, with so many divergences (negative: chains are drawn anew)."""


def diverged(n: int) -> str:
    """How many divergences there are, or nothing."""
    return f"{n} divergence{'s' * (n > 1)}" if n else ""


type Show = bool | Callable[[str], None]
"""A bar, silence, or who is told in a few words."""


@contextmanager
def progress_bar(show: Show, starts: int, iterations: int) -> Iterator[Report]:
    """Show how many of the `starts` (0: none are made) and `iterations` are done."""
    if not show:
        yield Report(lambda: None, lambda _iterations, _divergences: None)
        return
    if callable(show):
        yield _in_words(show, starts, iterations)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(file=sys.stderr)) as bars:
        search = bars.add_task("modes", total=starts, note="", visible=starts > 0)
        sampling = bars.add_task("NUTS", total=iterations, note="")
        seen = 0

        def advance(n: int, divergences: int) -> None:
            nonlocal seen
            seen += divergences
            bars.update(sampling, advance=n, note=diverged(seen))
            # Where chains do not agree yet, there are more than were planned.
            done = bars.tasks[sampling].completed
            bars.update(sampling, total=max(iterations, done))

        yield Report(lambda: bars.update(search, advance=1), advance)


@contextmanager
def steps(show: Show, total: int, what: str) -> Iterator[Callable[[str], None]]:
    """Show how many of `total` fits are done, and how long the others may take.

    Parameters
    ----------
    what
        That is fitted: the cost is said in these words before the first.
    """
    if not show or not total:
        yield lambda _words: None
        return
    began, done = time.perf_counter(), 0

    def told(words: str) -> str:
        left = (time.perf_counter() - began) / done * (total - done)
        return f"fit {done} of {total}: {words}; about {left:.0f} s left"

    if callable(show):
        show(f"{total} fits: {what}")

        def say(words: str) -> None:
            nonlocal done
            done += 1
            show(told(words))

        yield say
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(file=sys.stderr)) as bars:
        task = bars.add_task(f"{total} fits: {what}", total=total)

        def advance(words: str) -> None:
            nonlocal done
            done += 1
            bars.update(task, advance=1, description=told(words))

        yield advance


def _in_words(tell: Callable[[str], None], starts: int, iterations: int) -> Report:
    done = {"starts": 0, "iterations": 0, "divergences": 0}

    def start() -> None:
        done["starts"] += 1
        tell(f"start {done['starts']} of {starts} in search of modes")

    def advance(n: int, divergences: int) -> None:
        done["iterations"] += n
        done["divergences"] += divergences
        words = f"iteration {done['iterations']} of {max(iterations, done['iterations'])}"
        tell(", ".join(filter(None, [words, diverged(done["divergences"])])))

    return Report(start, advance)
