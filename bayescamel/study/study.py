"""The study: the only object with a state, and that lives in a database.

    study = Study.create("study.db", space, target, budget=1e19)
    for candidate in study.ask(4):
        study.tell(candidate.run_id, train(candidate))

Any number of processes may open a study and ask and tell at once; each call is one transaction.
"""

import math
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayescamel.decisions import OptimalMixture
from bayescamel.designs.allocation.plans import Plan, compare_allocations, plan
from bayescamel.designs.allocation.scenarios import Scenarios
from bayescamel.designs.proposals import cells
from bayescamel.designs.space import Space
from bayescamel.designs.speed import Speed
from bayescamel.designs.stopping import Stop
from bayescamel.exceptions import StudyError
from bayescamel.inference.progress import Show
from bayescamel.input import printable, shown
from bayescamel.laws import get_law
from bayescamel.models.hierarchy import Hierarchy
from bayescamel.notebook import as_html
from bayescamel.posterior import Posterior
from bayescamel.study.candidate import Candidate
from bayescamel.study.database import PATIENCE, Database
from bayescamel.study.outlook import Outlook, Outlooks, fittable, in_words
from bayescamel.study.posteriors import Posteriors, check_run, run_table
from bayescamel.study.proposing import as_table, budget_left, propose, start_left, weigh
from bayescamel.study.records import Record, as_record
from bayescamel.study.rows import LONGEST_LEASE, Ledger, Snapshot
from bayescamel.study.settings import FitOptions, Settings, change_settings, check_name
from bayescamel.study.sources import read_attached
from bayescamel.study.storage import Storage
from bayescamel.targets import Target

LEASE_SECONDS = 3600.0
"""Seconds after which a run that was not told is handed out again."""

MAX_ASKED = 1000
"""Runs of one ask."""

UNTOLD_SECONDS = 60.0
"""Seconds that a run is taken to need before any has said how long it took."""

MAX_PROPOSALS = 5
"""Proposals for one ask: each time another worker asked meanwhile, one is made anew."""

N_PRIOR_MIXTURES = 24
"""Mixtures at every size on which the prior's losses must be plausible."""


@dataclass(frozen=True)
class Status:
    """Where a study stands.

    Parameters
    ----------
    told, pending, failed
        Numbers of runs.
    flops_spent, flops_left
        Of the budget, by runs that ended; pending runs are in neither.
    expected_regret
        Of the recommended mixture, nats; None before there is a posterior.
    best_mixture
        Recommended for the target; None before there is a posterior.
    note
        Why there is no posterior, or to which part of the runs it was fitted; None: to all.
    """

    told: int
    pending: int
    failed: int
    flops_spent: float
    flops_left: float
    expected_regret: float | None
    best_mixture: dict[str, float] | None
    note: str | None = None

    def _repr_html_(self) -> str:
        """Runs, budget and the recommendation."""
        lines = [
            f"{self.told} runs told, {self.pending} pending, {self.failed} failed",
            f"{self.flops_spent:.3g} FLOPs spent, {self.flops_left:.3g} left",
        ]
        if self.best_mixture is None:
            return as_html("Study", [*lines, "too few runs for a recommendation"])
        lines.append(f"expected regret {self.expected_regret:.2g} nats per token")
        rows = [[name, f"{weight:.3f}"] for name, weight in self.best_mixture.items()]
        return as_html("Study", lines, (), ["training domain", "weight"], rows)


class OvertakenError(Exception):
    """Another worker asked while a proposal was made."""


class Study:
    """Asks for runs, is told what they measured, and recommends a mixture.

    Made by `create` and `open`.
    """

    def __init__(self, storage: Storage, settings: Settings) -> None:
        self._storage = storage
        self._watch: Show = False
        self._use(settings)

    def _use(self, settings: Settings) -> None:
        self.settings = settings
        self._posteriors = Posteriors(self._storage, settings)
        self._posteriors.watch = self._watch
        self._outlooks = Outlooks(settings, self._posteriors)

    def watch_fits(self, tell: Callable[[str], None]) -> None:
        """Have `tell` called, in a few words, with how far a fit is."""
        self._watch = self._posteriors.watch = tell

    def _see(self) -> Snapshot:
        """All that is stored; settings that were changed elsewhere are ours from now on."""
        seen = self._storage.snapshot()
        if (settings := Settings.from_dict(seen.settings)) != self.settings:
            self._use(settings)
        return seen

    @classmethod
    def create(
        cls,
        where: str | Path,
        space: Space,
        target: Target,
        *,
        budget: float,
        objective: Mapping[str, float] | None = None,
        acquisition: str = "variance",
        start: int | None = None,
        fit: FitOptions | None = None,
        losses: Sequence[str] | None = None,
        name: str = "study",
    ) -> "Study":
        """Make a study in a database.

        Parameters
        ----------
        where
            ``study.db``, ``sqlite:///study.db`` or ``postgresql://user@host/database``.
        space, target, budget, objective, acquisition, start, fit, losses
            See `bayescamel.study.settings.Settings`.
        name
            Of the study, where several share a database.

        Raises
        ------
        StorageError
            When there is such a study, or no such database.
        StudyError, DesignError
            When the settings cannot be.
        """
        settings = Settings(
            *(space, target, budget, objective, acquisition, start, fit or FitOptions()),
            None if losses is None else tuple(losses),
        )
        settings.check_space()
        storage = Storage(Database(where), check_name(name, "study"))
        storage.create(settings.to_dict(), settings.losses)
        return cls(storage, settings)

    @classmethod
    def open(cls, where: str | Path, *, name: str = "study", patience: float = PATIENCE) -> "Study":
        """Open a study; an older database is brought to this version first.

        Parameters
        ----------
        patience
            Seconds for which a database that is away is tried again.

        Raises
        ------
        StorageError
            When there is no such study, or a newer version wrote it.
        """
        storage = Storage(Database(where, patience), name)
        return cls(storage, Settings.from_dict(storage.settings()))

    def ask(
        self,
        n: int = 1,
        *,
        lease: float = LEASE_SECONDS,
        worker: str | None = None,
        holder: str | None = None,
    ) -> list[Candidate]:
        """Up to `n` runs to train, leased to the caller: fewer when the budget ends.

        Runs whose lease ran out come first. Before there are enough runs for a law, the others
        are spread over mixtures and small sizes; then the acquisition chooses, conditioned on
        all that is pending.

        Parameters
        ----------
        lease
            Seconds after which a run that was not told is handed out again, 30 days at most.
        worker
            Who asks, for the log; None: this process.
        holder
            The process with which the lease ends, where it trains the runs itself; see
            `bayescamel.study.holders`.

        Raises
        ------
        StudyError
            When `n` or the lease is not positive, or too much.
        """
        if not (1 <= n <= MAX_ASKED and 0 < lease <= LONGEST_LEASE):
            raise StudyError(
                f"ask for at least one run and some time, {MAX_ASKED} runs and "
                f"{LONGEST_LEASE:g} s at most, not {shown(n)} for {lease:g} s"
            )
        who = printable(worker or f"{socket.gethostname()}:{os.getpid()}")
        for attempt in range(MAX_PROPOSALS):
            seen = self._see()
            wanted = n - len(seen.returned())
            rows = []
            if wanted > 0:
                starting = start_left(self.settings, seen) >= wanted
                outlook = None if starting else self._outlooks.of(seen)
                rows = propose(self.settings, seen, outlook, wanted)
            try:
                leased = self._storage.lease(
                    lambda now, s=seen, r=rows, a=attempt: self._checked(now, s, r, a),  # type: ignore[misc]
                    n,
                    lease,
                    who,
                    holder,
                )
            except OvertakenError:
                continue
            return [Candidate.of(run) for run in leased]
        raise AssertionError("the last attempt is never overtaken")

    def _checked(
        self, now: Ledger, seen: Snapshot, rows: list[dict[str, Any]], attempt: int
    ) -> list[dict[str, Any]]:
        """What may still be stored of a proposal, with the write lock held."""
        same = {run.run_id for run in now.pending()} == {run.run_id for run in seen.pending()}
        if not same and attempt < MAX_PROPOSALS - 1:
            raise OvertakenError
        left = budget_left(self.settings, now)
        kept = []
        for row in rows:
            left -= row["flops"]
            if left >= 0:
                kept.append(row)
        return kept

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
        source: str | Path | pd.DataFrame,
        columns: Mapping[str, str] | None = None,
    ) -> int:
        """Take in runs that were made elsewhere, all or none; returns how many were new.

        They cost the budget nothing. See `bayescamel.study.sources.read_attached`.
        """
        runs = read_attached(source, self.settings.space.domains, columns)
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

    def last_outlook(self) -> Outlook | None:
        """The outlook of the last refit in this process; samples nothing."""
        return self._outlooks.last

    def events(self) -> list[dict[str, Any]]:
        """What happened, oldest first."""
        return self._storage.events()

    def posterior(self) -> Posterior:
        """The posterior of the told runs, sampled now unless they are those of the last time.

        Raises
        ------
        StudyError
            When there are too few runs.
        """
        seen = self._see()
        runs = fittable(seen, self.settings)
        if runs is None:
            raise StudyError(str(in_words(seen, self.settings)))
        return self._posteriors.of(runs)

    def best_mixture(self) -> OptimalMixture:
        """The mixture recommended for the target.

        Raises
        ------
        StudyError
            When there are too few runs.
        """
        seen = self._see()
        outlook = self._outlooks.of(seen)
        if outlook is None:
            raise StudyError(str(in_words(seen, self.settings)))
        return outlook.best

    def status(self) -> Status:
        """Where the study stands; samples the posterior where new runs were told."""
        seen = self._see()
        outlook = self._outlooks.of(seen)
        return Status(
            told=len(seen.told()),
            pending=len(seen.pending()),
            failed=sum(run.state == "failed" for run in seen.runs),
            flops_spent=seen.spent(),
            flops_left=self.settings.budget - seen.spent(),
            expected_regret=None if outlook is None else outlook.best.regret,
            best_mixture=None
            if outlook is None
            else dict(
                zip(outlook.predictive.domains, map(float, outlook.best.mixture), strict=True)
            ),
            note=in_words(seen, self.settings),
        )

    def should_stop(self, n: int = 4) -> Stop:
        """Whether the next `n` runs are worth their FLOPs; see `bayescamel.designs.stopping`."""
        seen = self._see()
        starting = start_left(self.settings, seen) > 0
        outlook = None if starting else self._outlooks.of(seen)
        return weigh(self.settings, seen, outlook, n)

    def plan(self, budget: float | None = None) -> Plan:
        """The portfolio over sizes that leaves the least expected error at the target.

        From the posterior of the told runs, or from the prior alone before there are enough.

        Parameters
        ----------
        budget
            FLOPs; None: what is left of the study's.
        """
        seen = self._see()
        amount = budget_left(self.settings, seen) if budget is None else budget
        return plan(self._scenarios(seen), self.settings.space, self.settings.target, amount)

    def compare_allocations(
        self, budget: float | None = None, splits: Mapping[str, np.ndarray] | None = None
    ) -> pd.DataFrame:
        """Expected error at the target of named splits of a budget over sizes; see `plan`."""
        seen = self._see()
        amount = budget_left(self.settings, seen) if budget is None else budget
        space, target = self.settings.space, self.settings.target
        return compare_allocations(self._scenarios(seen), space, target, amount, splits=splits)

    def _scenarios(self, seen: Snapshot) -> Scenarios:
        runs = fittable(seen, self.settings)
        if runs is not None:
            return Scenarios.of(self._posteriors.of(runs))
        space = self.settings.space
        validation = seen.validation or tuple(self.settings.objective or space.domains)
        sparse = any(size.active < size.n_params for size in space.sizes)
        hierarchy = Hierarchy(
            get_law(self.settings.fit.law), len(validation), len(space.domains), sparse=sparse
        )
        everywhere = cells(space, space.mixtures(N_PRIOR_MIXTURES, self.settings.fit.seed))
        return Scenarios.prior(hierarchy, space.domains, validation, everywhere)

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
