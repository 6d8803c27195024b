"""What a study takes in: runs told, failed, attached and corrected, and how each is undone."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bayescamel.designs.speed import Speed
from bayescamel.exceptions import StudyError
from bayescamel.runs.mapping import Columns
from bayescamel.runs.sources import Source
from bayescamel.study.posteriors import check_run, run_table
from bayescamel.study.proposing import as_table
from bayescamel.study.records import Record, as_record
from bayescamel.study.rows import Snapshot
from bayescamel.study.settings import Settings, change_settings
from bayescamel.study.sources import read_attached
from bayescamel.study.storage import Storage

LEASE_SECONDS = 3600.0
"""Seconds after which a run that was not told is handed out again."""

UNTOLD_SECONDS = 60.0
"""Seconds that a run is taken to need before any has said how long it took."""


class Intake:
    """The part of a study that is about single runs and settings; it samples nothing.

    Parameters
    ----------
    storage
        Where all is kept.
    settings
        Of the study, as they were read; `snapshot` brings them up to date.
    """

    def __init__(self, storage: Storage, settings: Settings) -> None:
        self._storage = storage
        self._use(settings)

    def _use(self, settings: Settings) -> None:
        self.settings = settings

    def _see(self) -> Snapshot:
        """All that is stored; settings that were changed elsewhere are ours from now on."""
        seen = self._storage.snapshot()
        if (settings := Settings.from_dict(seen.settings)) != self.settings:
            self._use(settings)
        return seen

    def tell(self, run_id: str, record: Record | Mapping[str, Any] | str | Path) -> bool:
        """Store what a run measured; False when the same was told before.

        Parameters
        ----------
        record
            See `bayescamel.study.records`: losses by name, a record, or its JSON file.

        Raises
        ------
        StudyError
            When the run is unknown or the record is of another run.
        ConflictError
            When other numbers were told before.
        """
        return self._tell(run_id, record)

    def correct(self, run_id: str, record: Record | Mapping[str, Any] | str | Path) -> bool:
        """Replace what was told of a run, its size and mixture included; the log keeps it."""
        return self._tell(run_id, record, correct=True)

    def _tell(
        self, run_id: str, record: Record | Mapping[str, Any] | str | Path, correct: bool = False
    ) -> bool:
        validation = self._storage.validation()
        given = as_record(record, self._known_losses(validation))
        if correct or validation is None:
            self._check_objective([given])
        return self._storage.tell(
            *(run_id.strip(), given),
            correct=correct,
            losses=self.settings.losses,
            check=lambda run: check_run(run, self.settings.space.domains),
        )

    def fail(
        self,
        run_id: str,
        reason: str,
        *,
        seconds: float | None = None,
        flops: float | None = None,
    ) -> bool:
        """Store that a run ended without a measurement.

        Parameters
        ----------
        seconds
            For which it ran: it costs their share of the time that it would have taken.
        flops
            What it spent. All that it was asked for counts where neither is known.

        Raises
        ------
        StudyError
            When the run is unknown, was told, or the FLOPs are no number from 0.
        """
        if seconds is not None and flops is None:
            flops = self._spent_in(run_id, seconds)
        if flops is not None and not (math.isfinite(flops) and flops >= 0):
            raise StudyError(f"flops = {flops:g}: a finite number from 0 is needed")
        return self._storage.fail(run_id, reason, flops)

    def _spent_in(self, run_id: str, seconds: float) -> float | None:
        seen = self._see()
        run = next((run for run in seen.pending() if run.run_id == run_id), None)
        if run is None or run.flops is None:
            return None
        speed = self.speed(seen)
        table = as_table([run], self.settings)
        expected = UNTOLD_SECONDS if speed is None else float(speed.seconds(table)[0])
        return run.flops * min(1.0, seconds / expected)

    def refund(self, run_id: str, reason: str) -> bool:
        """Give the FLOPs of a run that failed back to the budget; the log says why.

        Raises
        ------
        StudyError
            When the run is unknown or did not fail.
        """
        return self._storage.refund(run_id, reason)

    def drop(self, run_id: str, reason: str, *, refund: bool = False) -> None:
        """Take a run out of what is known; the log keeps it, and says why.

        A run that was attached may be attached again; one that was asked for counts as failed,
        and costs its FLOPs unless `refund` is set.

        Raises
        ------
        StudyError
            When the run is unknown.
        """
        self._storage.drop(run_id, reason, refund=refund, losses=self.settings.losses)

    def change(self, **settings: Any) -> bool:
        """Change settings, such as ``budget=2e19``; the log keeps those before.

        Parameters
        ----------
        settings
            Fields of `bayescamel.study.settings.Settings`. The training domains stay.

        Raises
        ------
        StudyError, DesignError, TargetError, FitError
            When a setting is unknown or cannot be.
        """
        changed = change_settings(self._storage, settings)
        self._see()
        return changed

    def backup(self, out: str | Path, force: bool = False) -> None:
        """Copy the database, while others use it, to a SQLite file; `open` opens it.

        Raises
        ------
        StorageError
            When the file is there and `force` is not set, or the study is in PostgreSQL.
        """
        self._storage.database.backup(Path(out), force)

    def renew(self, run_ids: list[str], lease: float = LEASE_SECONDS) -> None:
        """Keep pending runs for so many more seconds; 0 gives them back at once."""
        self._storage.renew(run_ids, lease)

    def release(self, run_ids: Sequence[str] | None = None) -> list[str]:
        """Give leases back, those of all pending runs where None; returns whose.

        Raises
        ------
        StudyError
            When a run is unknown or not pending.
        """
        return self._storage.release(run_ids)

    def attach(
        self,
        source: Source,
        columns: Columns | str | Path | None = None,
        history: str | None = None,
    ) -> int:
        """Take in runs that were made elsewhere, all or none; returns how many were new.

        They cost the budget nothing. See `bayescamel.study.sources.read_attached`.
        """
        runs = read_attached(source, self.settings.space.domains, columns, history)
        if self._storage.validation() is None:
            self._check_objective([record for _, record in runs])
        return self._storage.attach(runs)

    def runs(self) -> pd.DataFrame:
        """Told runs as a wide table, which `bayescamel.read_runs` reads."""
        return run_table(self._see().told(), self.settings.space.domains)

    def snapshot(self) -> Snapshot:
        """All that is stored of the study."""
        return self._see()

    def speed(self, seen: Snapshot | None = None) -> Speed | None:
        """Seconds per FLOP by device; None before a run said how long it took."""
        told = (seen or self._see()).told()
        if not told:
            return None
        table = as_table(told, self.settings)
        table["seconds"] = pd.Series([run.seconds for run in told], dtype=float)
        table["device"] = [run.device for run in told]
        return Speed.learn(table)

    def events(self) -> list[dict[str, Any]]:
        """What happened, oldest first."""
        return self._storage.events()

    def _known_losses(self, validation: Sequence[str] | None) -> set[str]:
        """Names that a record of losses alone may have."""
        settings = self.settings
        named = {*(settings.objective or ()), *(settings.losses or ()), *(validation or ())}
        return named | set(settings.space.domains)

    def _check_objective(self, records: list[Record]) -> None:
        """The first run decides the validation domains, and must have those of the objective."""
        for name in self.settings.objective or ():
            if not any(name in record.loss for record in records):
                raise StudyError(
                    f"the objective weighs {name!r}, on which the first run has no loss; it has: "
                    f"{', '.join(sorted(records[0].loss))}"
                )
