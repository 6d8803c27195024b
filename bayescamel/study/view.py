"""The live view of a study that runs: budget, uncertainty, recommendation, trainers."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bayescamel.exceptions import StorageError
from bayescamel.input import printable, shown
from bayescamel.study.loop import Progress
from bayescamel.study.outlook import Outlook
from bayescamel.study.proposing import as_table
from bayescamel.study.rows import Snapshot
from bayescamel.study.study import Study

REFRESH_SECONDS = 1.0
"""Seconds between looks into the database."""

N_LINES = 6
"""Of what happened."""

MAX_LINE = 300
"""Characters of one."""


class View:
    """Shows the loop's progress on a terminal, or as lines where there is none.

    On a terminal a thread of its own draws, so that the view goes on while the loop fits.
    """

    def __init__(self, study: Study, console: Console) -> None:
        self._study = study
        self._console = console
        self._progress = Progress()
        self._seen: Snapshot | None = None
        self._looked = 0.0
        self._printed = 0

    @contextmanager
    def showing(self) -> Iterator["View"]:
        """Keep the view on the screen."""
        if not self._console.is_terminal:
            yield self
            return
        with Live(get_renderable=self._draw, console=self._console, refresh_per_second=4):
            yield self

    def __call__(self, progress: Progress) -> None:
        """Take in what is going on."""
        self._progress = progress
        if self._console.is_terminal:
            return
        for line in progress.said[self._printed :]:
            self._console.print(printable(line), markup=False, highlight=False, soft_wrap=True)
        self._printed = len(progress.said)

    def _draw(self) -> RenderableType:
        now = time.monotonic()
        if self._seen is None or now - self._looked > REFRESH_SECONDS:
            try:
                self._seen, self._looked = self._study.snapshot(), now
            except StorageError as error:
                # The loop, which cannot do without, tells when it gives up.
                return Text(printable(error))
        return picture(self._study, self._seen, self._study.last_outlook(), self._progress)


def picture(study: Study, seen: Snapshot, outlook: Outlook | None, progress: Progress) -> Group:
    """The view at one moment."""
    budget = study.settings.budget
    spent = seen.spent()
    bar = Table.grid(padding=(0, 2))
    counts = f"{len(seen.told())} told, {len(seen.pending())} pending"
    failed = sum(run.state == "failed" for run in seen.runs)
    bar.add_row(
        "FLOPs",
        ProgressBar(total=budget, completed=spent, width=30),
        f"{spent:.3g} spent, {budget - spent:.3g} left",
        counts + (f", {failed} failed" if failed else ""),
    )
    parts: list[RenderableType] = [Text(printable(progress.doing), style="bold"), bar]
    if outlook is None:
        parts.append(Text("no posterior yet: spreading runs over mixtures and small sizes"))
    else:
        parts.append(_recommendation(outlook))
    parts.append(_trainers(study, seen, progress))
    said = "\n".join(shown(line, MAX_LINE) for line in progress.said[-N_LINES:])
    parts.append(Text(said, style="dim"))
    return Group(*parts)


def _recommendation(outlook: Outlook) -> Group:
    best = outlook.best
    low, high = np.quantile(best.values, [0.05, 0.95])
    words = (
        f"objective at the target {best.expected:.4f} ± {float(best.values.std()):.4f}, "
        f"expected regret {best.regret:.2g}; 90 %: {low:.4f} to {high:.4f}"
    )
    table = Table(box=None)
    table.add_column("")
    for name in outlook.predictive.domains:
        table.add_column(Text(shown(name)), justify="right")
    shares = [best.shares(name) for name in outlook.predictive.domains]
    for label, *row in zip(best.columns, *shares, strict=True):
        table.add_row(label, *(f"{share:.3f}" for share in row))
    bounds = best.optimum_interval.to_numpy()
    table.add_row("90 % of optima", *(f"{low:.2f}-{high:.2f}" for low, high in bounds))
    return Group(Text(words), *(Text(doubt, style="bold") for doubt in outlook.doubts), table)


def _trainers(study: Study, seen: Snapshot, progress: Progress) -> Table:
    table = Table("training", "parameters", "FLOPs", "seconds", "expected", "mixture", box=None)
    speed = study.speed(seen)
    runs = {run.run_id: run for run in seen.runs}
    for run_id, seconds in list(progress.running.items()):
        run = runs.get(run_id)
        if run is None:
            continue  # asked for since the last look
        expected = "?"
        if speed is not None:
            expected = f"{speed.seconds(as_table([run], study.settings))[0]:.0f}"
        weights = " ".join(f"{shown(n, 20)} {weight:.2f}" for n, weight in run.mixture.items())
        flops = f"{run.flops or 0:.2g}"
        row = (shown(run_id), f"{run.n_params:,.0f}", flops, f"{seconds:.0f}", expected, weights)
        table.add_row(*map(Text, row))
    return table
