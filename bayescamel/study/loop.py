"""The loop: ask, train, tell, until the budget is spent or the next batch is not worth it.

It can be ended at any instant: its trainers end with it (`bayescamel.study.keeper`), and its leases
are given back, on Ctrl-C at once, after a kill by the next ask on this machine. A record that was
written and not told is told before more is asked for.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from bayescamel.exceptions import BayesCamelError, ConflictError, StorageError, StudyError
from bayescamel.input import read_object, shown
from bayescamel.study.candidate import Candidate
from bayescamel.study.holders import this_process
from bayescamel.study.launchers import Finished, Launcher
from bayescamel.study.leases import Leases
from bayescamel.study.rows import StoredRun
from bayescamel.study.study import Study
from bayescamel.study.trainers import candidate_file, last_words

POLL_SECONDS = 0.2
"""Seconds between looks at the trainers."""

LEASE_SECONDS = 600.0
"""Seconds of a lease; it is renewed while the loop lives, so that a killed one's runs come back."""

MAX_FAILURES = 3
"""Failures in a row, with no run told between, after which the trainer is taken for broken."""

LOOK_SECONDS = 2.0
"""Seconds between looks at runs that others hold."""

GO_ON = "--until-budget"
"""How `bayescamel study run` is told not to weigh batches."""

LAST_LINES = 5
"""Of the log of a trainer that is taken for broken."""


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
    wait
        Whether to wait for runs that others hold, which may come back, or to end and name them.
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
        wait: bool = False,
        lease: float = LEASE_SECONDS,
        worker: str | None = None,
        watch: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self._study = study
        self._launcher = launcher
        self._folder = folder
        self._batch = batch
        self._stop_early = stop_early
        self._wait = wait
        self._leases = Leases(study, lease)
        self._worker = worker
        self._watch = watch
        self._queue: list[Candidate] = []
        self._ending = ""
        self._failures: list[Finished] = []
        self._asked_at: object = None
        self._looked = 0.0
        self.progress = Progress()
        study.watch_fits(self._fitting)

    def _fitting(self, words: str) -> None:
        self.progress.doing = f"fitting: {words}"

    def run(self) -> str:
        """Train until there is nothing left to do; returns why it ended.

        Raises
        ------
        StorageError
            When the database stays away; what was trained is told at the next start.
        StudyError
            When the trainer seems broken: three runs in a row failed.
        """
        with self._leases:
            try:
                while True:
                    self._collect()
                    broken = len(self._failures) >= MAX_FAILURES
                    if self._launcher.free() > 0 and not broken:
                        self._fill()
                    running = self._launcher.running()
                    held = self._leases.held()
                    if broken and not running:
                        raise StudyError(self._describe_failures())
                    if self._ending and not held:
                        self._show("done")
                        return self._ending
                    self._show("training" if held else "waiting for runs that others hold")
                    time.sleep(POLL_SECONDS)
            finally:
                self._launcher.stop()

    def _tell_leftovers(self) -> None:
        """Tell what trainers ended with whose loop was killed before it was told."""
        held = self._leases.held()
        for run in self._study.snapshot().pending():
            record = self._folder / f"{run.run_id}.json"
            if run.run_id in held or not record.exists():
                continue
            try:
                self._check_same_run(run)
                self._study.tell(run.run_id, record)
                self._told(run.run_id)
            except StorageError:
                raise
            except BayesCamelError as error:
                # Perhaps of an older study in this folder: not the run's fault.
                self._say(f"{run.run_id} will be trained again: {error}")

    def _check_same_run(self, run: StoredRun) -> None:
        """Refuse a record beside a candidate of the same name from another study."""
        path = candidate_file(self._folder, run.run_id)
        if not path.exists():
            return
        asked = json.loads(json.dumps(Candidate.of(run).to_dict()))
        if read_object(path, "candidate", StudyError) != asked:
            raise StudyError(f"{shown(path)} is of another study's run of this name")

    def _collect(self) -> None:
        for ended in self._launcher.finished():
            self._asked_at = None
            self._leases.release(ended.run_id)
            if ended.record is not None:
                self._tell(ended)
            else:
                self._fail(ended, ended.reason, ended.seconds)

    def _tell(self, ended: Finished) -> None:
        assert ended.record is not None
        try:
            self._study.tell(ended.run_id, ended.record)
            self._told(ended.run_id)
        except StorageError:
            raise
        except ConflictError as error:
            # Another worker got the run after its lease ran out here, and was first.
            self._say(str(error))
        except BayesCamelError as error:
            self._fail(ended, str(error), None)

    def _told(self, run_id: str) -> None:
        self._failures.clear()
        self._say(f"{run_id} told")

    def _fail(self, ended: Finished, reason: str, seconds: float | None) -> None:
        try:
            self._study.fail(ended.run_id, reason, seconds=seconds)
        except StudyError as error:
            # It was told elsewhere, or dropped.
            self._say(f"{ended.run_id} failed here, which changes nothing: {error}")
            return
        self._failures.append(ended)
        self._say(f"{ended.run_id} failed: {reason}")

    def _describe_failures(self) -> str:
        last = self._failures[-1]
        words = f"{len(self._failures)} runs in a row failed, so the trainer seems broken"
        if last.log is None:
            return f"{words}; the last: {last.run_id}: {last.reason}"
        lines = "\n".join(last_words(last.log, LAST_LINES))
        return f"{words}; mend it and run again; {last.log} ends:\n{lines}"

    def _fill(self) -> None:
        """Start runs on free devices, asking for more when none wait."""
        if not self._queue and not self._ending and self._changed():
            self._ask()
        while self._queue and self._launcher.free() > 0:
            candidate = self._queue.pop(0)
            self.progress.candidates[candidate.run_id] = candidate
            self._launcher.start(candidate)

    def _changed(self) -> bool:
        """Whether asking may bring more than it did the last time."""
        if self._asked_at is None:
            return True
        if not self._wait or time.monotonic() - self._looked < LOOK_SECONDS:
            return False
        self._looked = time.monotonic()
        return self._situation() != self._asked_at

    def _situation(self) -> object:
        seen = self._study.snapshot()
        back = [run.run_id for run in seen.returned()]
        return len(seen.told()), [run.run_id for run in seen.pending()], back

    def _ask(self) -> None:
        self._tell_leftovers()
        n = max(self._batch, self._launcher.free())
        if self._stop_early:
            self._show("weighing the next batch")
            stop = self._study.should_stop(n)
            if stop.stop:
                # The budget's end has no worth: more of it is then the only way on.
                on = "" if stop.worth is None else f"; go on with {GO_ON}"
                self._end(stop.reason + on)
                return
        self._show("choosing runs")
        self._queue = self._study.ask(
            n, lease=self._leases.seconds, worker=self._worker, holder=this_process()
        )
        self._leases.hold(candidate.run_id for candidate in self._queue)
        if self._queue:
            self._asked_at = None
            return
        self._asked_at = self._situation()
        held = self._leases.held()
        others = [run for run in self._study.snapshot().pending() if run.run_id not in held]
        if others:
            self._say(pending_words(others))
        if not held and not (others and self._wait):
            reason = "the budget pays for no further run"
            self._end("; ".join([reason, *([pending_words(others)] if others else [])]))

    def _end(self, reason: str) -> None:
        self._ending = reason
        self._say(f"no more runs: {reason}")

    def _show(self, doing: str) -> None:
        self.progress.doing = doing
        self.progress.running = self._launcher.running()
        self._watch(self.progress)

    def _say(self, words: str) -> None:
        self.progress.said.append(words)
        self._show(self.progress.doing)


def pending_words(runs: Sequence[StoredRun]) -> str:
    """Which runs others hold, and until when."""
    latest = max(run.lease_until or 0.0 for run in runs)
    until = datetime.fromtimestamp(latest).isoformat(" ", "seconds")
    names = ", ".join(run.run_id for run in runs[:5]) + (", …" if len(runs) > 5 else "")
    workers = sorted({run.worker or "?" for run in runs})
    return (
        f"{len(runs)} runs are pending with {shown(', '.join(workers))} until {until} at the "
        f"latest: {names} (`bayescamel study release` gives them back at once)"
    )
