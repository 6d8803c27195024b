"""The study: the only object with a state, and that lives in a database.

    study = Study.create("study.db", space, target, budget=1e19)
    for candidate in study.ask(4):
        study.tell(candidate.run_id, train(candidate))

Any number of processes may open a study and ask and tell at once; each call is one transaction.
"""

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayescamel.decisions import OptimalMixture
from bayescamel.designs.allocation.plans import Plan, compare_allocations, plan
from bayescamel.designs.allocation.scenarios import Scenarios
from bayescamel.designs.space import Space
from bayescamel.designs.stopping import Stop
from bayescamel.draws.status import warn_of
from bayescamel.exceptions import StudyError
from bayescamel.inference.progress import Show
from bayescamel.input import printable, shown
from bayescamel.posterior import Posterior
from bayescamel.study.candidate import Candidate
from bayescamel.study.database import PATIENCE, Database
from bayescamel.study.intake import LEASE_SECONDS, Intake
from bayescamel.study.outlook import Outlook, Outlooks, fittable, in_words, prior_of, validation_of
from bayescamel.study.posteriors import Posteriors
from bayescamel.study.proposing import budget_left, propose, start_left, weigh
from bayescamel.study.rows import LONGEST_LEASE, Ledger, Snapshot
from bayescamel.study.settings import FitOptions, Settings, check_name
from bayescamel.study.status import Status
from bayescamel.study.storage import Storage
from bayescamel.targets import Target

MAX_ASKED = 1000
"""Runs of one ask."""

MAX_PROPOSALS = 5
"""Proposals for one ask: each time another worker asked meanwhile, one is made anew."""


class OvertakenError(Exception):
    """Another worker asked while a proposal was made."""


class Study(Intake):
    """Asks for runs, is told what they measured, and recommends a mixture.

    Made by `create` and `open`.
    """

    _watch: Show = False

    def _use(self, settings: Settings) -> None:
        super()._use(settings)
        self._posteriors = Posteriors(self._storage, settings)
        self._posteriors.watch = self._watch
        self._outlooks = Outlooks(settings, self._posteriors)

    def __repr__(self) -> str:
        chosen, space = self.settings, self.settings.space
        return (
            f"Study {self._storage.name!r} in {self._storage.database}: law {chosen.fit.law!r}, "
            f"{len(space.sizes)} sizes, {len(space.domains)} training domains, a budget of "
            f"{chosen.budget:.3g} FLOPs for a target of {chosen.target.n_params:.3g} parameters; "
            "status() says where it stands"
        )

    def watch_fits(self, tell: Callable[[str], None]) -> None:
        """Have `tell` called, in a few words, with how far a fit is."""
        self._watch = self._posteriors.watch = tell

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

    def last_outlook(self) -> Outlook | None:
        """The outlook of the last refit in this process; samples nothing."""
        return self._outlooks.last

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
        return Status.of(seen, self.settings, outlook)

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
            posterior = self._posteriors.of(runs)
            warn_of(posterior.doubts)
            return Scenarios.of(posterior)
        hierarchy, everywhere = prior_of(self.settings, seen)
        validation = validation_of(self.settings, seen)
        return Scenarios.prior(hierarchy, self.settings.space.domains, validation, everywhere)
