"""A Rich progress bar on stderr for a fit, or silence."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Report(NamedTuple):
    """What a fit reports while it runs."""

    start: Callable[[], None]
    """One start of the optimiser is done."""
    iterations: Callable[[int, int], None]
    """So many iterations more, with so many divergences."""


@contextmanager
def progress_bar(show: bool, starts: int, iterations: int) -> Iterator[Report]:
    """Show how many of the `starts` (0: none are made) and `iterations` are done."""
    if not show:
        yield Report(lambda: None, lambda _iterations, _divergences: None)
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
            bars.update(sampling, advance=n, note=f"{seen} divergences" if seen else "")
            # Where chains do not agree yet, there are more than were planned.
            done = bars.tasks[sampling].completed
            bars.update(sampling, total=max(iterations, done))

        yield Report(lambda: bars.update(search, advance=1), advance)
