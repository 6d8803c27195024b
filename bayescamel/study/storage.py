"""What a study remembers of its runs, and the log of what happened to them.

A run is *pending* (leased to a worker), *told* or *failed*. Each method is one transaction and may
be repeated: what was stored once is not stored again.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bayescamel.exceptions import ConflictError, StudyError
from bayescamel.input import printable
from bayescamel.study.records import Record
from bayescamel.study.rows import Ledger, StoredRun, columns_of, describe_conflict
from bayescamel.study.stored import StoredStudy
from bayescamel.study.whole import WholeStudy

DROPPED_FACTS = ("measured", "n_params", "n_active_params", "n_tokens", "mixture", "flops")
"""What the log keeps of a run that is dropped."""

MAX_REASON = 2000
"""Characters of a reason that are stored."""


def _said(reason: str) -> str:
    """A reason as it can be stored: what a trainer says may hold anything."""
    return printable(reason)[:MAX_REASON]


class Storage(WholeStudy):
    """The rows of one study in a database: what happens to its runs."""

    def lease(
        self,
        propose: Callable[[Ledger], Sequence[Mapping[str, Any]]],
        n: int,
        seconds: float,
        worker: str,
        holder: str | None = None,
    ) -> list[StoredRun]:
        """Lease up to `n` runs: those that came back first, then what `propose` adds.

        Parameters
        ----------
        propose
            New runs, as columns, given what is stored. Called with the write lock held, so it
            must be quick.
        seconds, worker, holder
            How long, to whom, and the process with which the lease ends
            (`bayescamel.study.holders`); None: none.
        """

        def work(study: StoredStudy) -> list[StoredRun]:
            before = study.ledger()
            lease = {"worker": worker, "holder": holder, "lease_until": before.now + seconds}
            leased = [run.run_id for run in before.returned()[:n]]
            for run_id in leased:
                study.change(run_id, **lease)
                study.log("returned", run_id, worker)
            number = before.number
            for columns in propose(before)[: n - len(leased)] if len(leased) < n else ():
                number += 1
                run_id = study.free_name(number, float(columns["n_params"]))
                place = {"run_id": run_id, "number": number, "state": "pending", "attached": False}
                study.insert([dict(columns) | place | lease])
                study.log("asked", run_id, worker)
                leased.append(run_id)
            return [study.run(run_id) for run_id in leased]

        return self._write(work)

    def renew(self, run_ids: Iterable[str], seconds: float) -> None:
        """Let the leases of pending runs end in so many seconds; 0 gives them back at once."""
        names = list(run_ids)

        def work(study: StoredStudy) -> None:
            until = study.now() + seconds
            for run in study.ledger().pending():
                if run.run_id in names:
                    study.change(run.run_id, lease_until=until)

        self._write(work)

    def release(self, run_ids: Sequence[str] | None = None) -> list[str]:
        """End the leases of pending runs, of all where None; returns whose.

        Raises
        ------
        StudyError
            When a run is unknown or not pending.
        """

        def work(study: StoredStudy) -> list[str]:
            pending = [run.run_id for run in study.ledger().pending()]
            for run_id in run_ids or ():
                if run_id not in pending:
                    state = study.run(run_id).state
                    raise StudyError(f"run {run_id!r} is {state}, so it has no lease to give back")
            names = pending if run_ids is None else list(run_ids)
            for run_id in names:
                study.change(run_id, lease_until=0.0)
                study.log("released", run_id)
            return names

        return self._write(work)

    def tell(
        self,
        run_id: str,
        record: Record,
        *,
        correct: bool = False,
        losses: Sequence[str] | None = None,
        check: Callable[[StoredRun], None] = lambda _: None,
    ) -> bool:
        """Store what a run measured; False when the same was told already.

        Parameters
        ----------
        correct
            Replace what was told before, the model and the mixture included; the log keeps it.
        losses
            Validation domains that the settings declare, where they do.
        check
            Refuses what the run would be; called with the write lock held, so it must be quick.

        Raises
        ------
        StudyError
            When the run is unknown or the record is of another run.
        ConflictError
            When other numbers were told before.
        """
        record.check(run_id)

        def work(study: StoredStudy) -> bool:
            stored = study.run(run_id)
            columns = columns_of(stored, record, correct)
            differing = [key for key in columns if columns[key] != getattr(stored, key)]
            if stored.state == "told":
                if not differing:
                    return False
                if not correct:
                    key = differing[0]
                    raise ConflictError(describe_conflict(stored, key, columns[key]))
            elif correct:
                raise StudyError(f"run {run_id!r} is {stored.state}: tell it, do not correct it")
            if correct:
                study.forget_names(run_id, losses)
            study.check_names(run_id, [record])
            took = {"seconds": record.seconds, "device": record.device}
            values = columns | took | {"state": "told", "reason": None, "cost": None}
            check(replace(stored, **values))
            study.change(run_id, **values)
            before = None
            if correct:
                before = {key: getattr(stored, key) for key in differing}
                before |= before.pop("measured", {})
            kind = "corrected" if correct else "told"
            study.log(kind, run_id, stored.worker, before)
            return True

        return self._write(work)

    def fail(self, run_id: str, reason: str, flops: float | None = None) -> bool:
        """Store that a run ended without a measurement; False when that was known.

        Parameters
        ----------
        flops
            What it spent; None: all that it was asked for.

        Raises
        ------
        StudyError
            When the run is unknown.
        ConflictError
            When it was told.
        """

        def work(study: StoredStudy) -> bool:
            stored = study.run(run_id)
            if stored.state == "told":
                raise ConflictError(f"run {run_id!r} was told already, so it did not fail")
            if stored.state == "failed":
                return False
            said = _said(reason)
            study.change(run_id, state="failed", reason=said, cost=flops)
            detail = {"reason": said, "flops": stored.flops if flops is None else flops}
            study.log("failed", run_id, stored.worker, detail)
            return True

        return self._write(work)

    def refund(self, run_id: str, reason: str) -> bool:
        """Give the FLOPs of a run that failed back to the budget; False when that was done.

        Raises
        ------
        StudyError
            When the run is unknown, or did not fail.
        """

        def work(study: StoredStudy) -> bool:
            stored = study.run(run_id)
            if stored.state != "failed":
                raise StudyError(
                    f"run {run_id!r} is {stored.state}: only a run that failed is refunded; drop "
                    "it where it should not count"
                )
            if not stored.spent:
                return False
            study.change(run_id, cost=0.0)
            detail = {"reason": _said(reason), "flops": stored.spent}
            study.log("refunded", run_id, None, detail)
            return True

        return self._write(work)

    def drop(
        self,
        run_id: str,
        reason: str,
        *,
        refund: bool = False,
        losses: Sequence[str] | None = None,
    ) -> None:
        """Take a run out of what is known; the log keeps it.

        A run that was attached is gone, and may be attached again. One that was asked for counts
        as failed: its FLOPs stay spent unless `refund` is set, and it may be told again.

        Parameters
        ----------
        losses
            Validation domains that the settings declare, where they do.

        Raises
        ------
        StudyError
            When the run is unknown.
        """

        def work(study: StoredStudy) -> None:
            stored = study.run(run_id)
            if stored.attached:
                study.delete(run_id)
            else:
                why = f"dropped: {_said(reason)}"
                gone: dict[str, Any] = {"state": "failed", "measured": None, "reason": why}
                if refund:
                    gone["cost"] = 0.0
                study.change(run_id, **gone)
            detail = {"reason": _said(reason), "refunded": refund}
            detail |= {key: getattr(stored, key) for key in ("state", *DROPPED_FACTS)}
            study.log("dropped", run_id, None, detail)
            study.forget_names(run_id, losses)

        self._write(work)

    def attach(self, rows: Sequence[tuple[Mapping[str, Any], Record]]) -> int:
        """Store runs that were made elsewhere, all or none; returns how many were new.

        Parameters
        ----------
        rows
            ``run_id, n_params, n_active_params, n_tokens, mixture`` of a run, and what it
            measured.

        Raises
        ------
        ConflictError
            When a run of the same name is stored with other numbers.
        """
        for columns, record in rows:
            record.check(str(columns["run_id"]))

        def work(study: StoredStudy) -> int:
            known = {run.run_id: run for run in study.snapshot().runs}
            number = max((run.number for run in known.values()), default=0)
            fresh: list[dict[str, Any]] = []
            records = []
            for columns, record in rows:
                run_id = str(columns["run_id"])
                values = dict(columns) | {"measured": record.measured()}
                if run_id in known:
                    for key, value in values.items():
                        if getattr(known[run_id], key) != value:
                            raise ConflictError(describe_conflict(known[run_id], key, value))
                    continue
                number += 1
                place = {"number": number, "state": "told", "attached": True, "seed": 0}
                place |= {"seconds": record.seconds, "device": record.device}
                fresh.append(values | place)
                records.append(record)
            if fresh:
                study.check_names(str(fresh[0]["run_id"]), records)
                study.insert(fresh)
                study.log("attached", [row["run_id"] for row in fresh])
            return len(fresh)

        return self._write(work)
