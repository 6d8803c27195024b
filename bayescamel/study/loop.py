"""The loop: ask, train, tell, until the budget is spent or the next batch is not worth it.

It can be ended at any instant. Leases of runs that were under way are given back on Ctrl-C, and
run out by themselves after a kill; a record that was written and not told is told before more is
asked for.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bayescamel.exceptions import ConflictError, StudyError
from bayescamel.study.candidate import Candidate
from bayescamel.study.launchers import Finished, Launcher
from bayescamel.study.leases import Leases
from bayescamel.study.study import Study

POLL = 0.2
"""Seconds between looks at the trainers."""

LEASE = 600.0
"""Seconds of a lease; it is renewed while the loop lives, so that a killed one's runs come back."""


@dataclass
class Progress:
    """What the loop is doing, for those who watch.

    Parameters
    ----------
    doing
        In a few words.
    running
        Seconds since its start, by run_id.
    candidates
        Runs that were started, by run_id.
    said
        What happened, latest last.
    """

    doing: str = "starting"
    running: dict[str, float] = field(default_factory=dict)
    candidates: dict[str, Candidate] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)


class Loop:
    """Runs a study.

    Parameters
    ----------
    study, launcher
        What is asked and told, and where it is trained.
    folder
        Where records are.
    batch
        Runs asked for at a time: the posterior is refitted that often.
    stop_early
        Whether to stop when the next batch is not worth its FLOPs, or at the budget's end only.
    worker
        Who asks, for the log; None: this process.
    watch
        Called with what is going on, several times a second.
    """

    def __init__(
        self,
        study: Study,
        launcher: Launcher,
        folder: Path,
        *,
        batch: int = 1,
        stop_early: bool = True,
        lease: float = LEASE,
        worker: str | None = None,
        watch: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self._study = study
        self._launcher = launcher
        self._folder = folder
        self._batch = batch
        self._stop_early = stop_early
        self._leases = Leases(study, lease)
        self._worker = worker
        self._watch = watch
        self._queue: list[Candidate] = []
        self._ending = ""
        self.progress = Progress()

    def run(self) -> str:
        """Train until there is nothing left to do; returns why it ended.

        Raises
        ------
        StorageError
            When the database stays away; what was trained is told at the next start.
        """
        with self._leases:
            try:
                while True:
                    self._collect()
                    if self._launcher.free() > 0:
                        self._fill()
                    held = self._leases.held()
                    self._show("training" if held else "done")
                    if not held:
                        return self._ending
                    time.sleep(POLL)
            finally:
                self._launcher.stop()

    def _tell_leftovers(self) -> None:
        """Tell what trainers wrote whose loop was killed before it was told."""
        held = self._leases.held()
        for run in self._study.snapshot().pending():
            record = self._folder / f"{run.run_id}.json"
            if run.run_id in held or not record.exists():
                continue
            try:
                self._study.tell(run.run_id, record)
                self._say(f"{run.run_id} told")
            except StudyError as error:
                # Perhaps half written by a trainer that was killed: not the run's fault.
                self._say(f"{run.run_id} will be trained again: {error}")

    def _collect(self) -> None:
        for ended in self._launcher.finished():
            self._leases.release(ended.run_id)
            if ended.record is not None:
                self._tell(ended)
            else:
                self._study.fail(ended.run_id, ended.reason)
                self._say(f"{ended.run_id} failed: {ended.reason}")

    def _tell(self, ended: Finished) -> None:
        assert ended.record is not None
        try:
            self._study.tell(ended.run_id, ended.record)
            self._say(f"{ended.run_id} told")
        except ConflictError as error:
            # Another worker got the run after its lease ran out here, and was first.
            self._say(str(error))
        except StudyError as error:
            self._study.fail(ended.run_id, str(error))
            self._say(f"{ended.run_id} failed: {error}")

    def _fill(self) -> None:
        """Start runs on free devices, asking for more when none wait."""
        if not self._queue and not self._ending:
            self._ask()
        while self._queue and self._launcher.free() > 0:
            candidate = self._queue.pop(0)
            self.progress.candidates[candidate.run_id] = candidate
            self._launcher.start(candidate)

    def _ask(self) -> None:
        self._tell_leftovers()
        n = max(self._batch, self._launcher.free())
        if self._stop_early:
            self._show("weighing the next batch")
            stop = self._study.should_stop(n)
            if stop.stop:
                self._ending = stop.reason
                return
        self._show("choosing runs")
        self._queue = self._study.ask(n, lease=self._leases.seconds, worker=self._worker)
        self._leases.hold(candidate.run_id for candidate in self._queue)
        if not self._queue:
            self._ending = "the budget pays for no further run"

    def _show(self, doing: str) -> None:
        self.progress.doing = doing
        self.progress.running = self._launcher.running()
        self._watch(self.progress)

    def _say(self, words: str) -> None:
        self.progress.said.append(words)
        self._show(self.progress.doing)
