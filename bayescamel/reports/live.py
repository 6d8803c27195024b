"""The page of a study that runs: written again whenever its posterior was."""

from pathlib import Path
from typing import TYPE_CHECKING

from bayescamel.exceptions import BayesCamelError
from bayescamel.reports.page import report

if TYPE_CHECKING:
    from bayescamel.study import Study
    from bayescamel.study.loop import Progress
    from bayescamel.study.outlook import Outlook


class LivePage:
    """Keeps a study's page fresh; watches its loop.

    Parameters
    ----------
    study
        The loop's own, whose last outlook says when there is something new.
    out
        The page; what was there is overwritten.
    command
        What makes it again.
    """

    def __init__(self, study: "Study", out: Path, command: str) -> None:
        self._study = study
        self._out = out
        self._command = command
        self._shown: Outlook | None = None

    def __call__(self, progress: "Progress") -> None:
        """Write the page where the study was fitted since the last time.

        A page that cannot be written ends no training: why is among what happened.
        """
        outlook = self._study.last_outlook()
        if outlook is None or outlook is self._shown:
            return
        self._shown = outlook
        try:
            report(self._study, out=self._out, command=self._command, force=True)
        except BayesCamelError as error:
            progress.said.append(f"the page was not written: {error}")
        else:
            progress.said.append(f"page: {self._out}")
