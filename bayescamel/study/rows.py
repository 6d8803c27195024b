"""The runs of a study as values, and what may be stored of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bayescamel.exceptions import StudyError
from bayescamel.study.records import Record

SAME_MODEL = 0.05
"""A record may differ by rounding from what was asked (whole steps, whole layers), not by more."""

SAME_WEIGHT = 1e-6
"""Rounding of a weight in text."""


@dataclass(frozen=True)
class StoredRun:
    """A row of the table of runs; see `bayescamel.study.schema`."""

    run_id: str
    number: int
    state: str
    attached: bool
    n_params: float
    n_active_params: float | None
    n_tokens: float | None
    mixture: Mapping[str, float]
    seed: int
    flops: float | None
    worker: str | None
    lease_until: float | None
    measured: Mapping[str, Mapping[str, float]] | None
    reason: str | None
    seconds: float | None
    device: str | None


FIELDS = tuple(StoredRun.__dataclass_fields__)


@dataclass(frozen=True)
class Snapshot:
    """All that is stored of a study at one moment.

    Parameters
    ----------
    runs
        In the order in which they were asked for or attached.
    validation
        The validation domains, once a run was told.
    now
        The database's clock, seconds since 1970.
    """

    runs: tuple[StoredRun, ...]
    validation: tuple[str, ...] | None
    now: float

    def told(self) -> tuple[StoredRun, ...]:
        """Runs with measurements."""
        return tuple(run for run in self.runs if run.state == "told")

    def pending(self) -> tuple[StoredRun, ...]:
        """Runs that were asked for and not yet told."""
        return tuple(run for run in self.runs if run.state == "pending")

    def returned(self) -> tuple[StoredRun, ...]:
        """Pending runs whose lease has run out: the next ask hands them out again."""
        return tuple(run for run in self.pending() if (run.lease_until or 0.0) <= self.now)

    def spent(self) -> float:
        """FLOPs of the study's own runs that ended, the failed ones included."""
        return sum(r.flops or 0.0 for r in self.runs if r.state != "pending" and not r.attached)

    def reserved(self) -> float:
        """FLOPs of pending runs."""
        return sum(run.flops or 0.0 for run in self.pending())


def columns_of(stored: StoredRun, record: Record) -> dict[str, Any]:
    """What a record says about a run that was asked for, as columns.

    Raises
    ------
    StudyError
        When the record is of another run: another name, model, number of tokens or mixture.
    """
    if record.run_id is not None and record.run_id != stored.run_id:
        raise StudyError(f"run {stored.run_id!r}: the record is of run {record.run_id!r}")
    _check_mixture(stored, record)
    columns: dict[str, Any] = {"measured": record.measured()}
    for name in ("n_params", "n_active_params", "n_tokens", "flops"):
        given, asked = getattr(record, name), getattr(stored, name)
        if given is None:
            continue
        if asked is None and name == "n_active_params":
            asked = stored.n_params  # a dense run: all parameters are active
        elif name != "flops" and (asked is None or abs(given / asked - 1) > SAME_MODEL):
            raise StudyError(
                f"run {stored.run_id!r}: the record has {name} = {given:g}, asked for was "
                f"{'none' if asked is None else format(asked, 'g')}: it is of another run"
            )
        columns[name] = given
    return columns


def _check_mixture(stored: StoredRun, record: Record) -> None:
    if record.mixture is None:
        return
    for name in sorted({*record.mixture, *stored.mixture}):
        given, asked = record.mixture.get(name, 0.0), stored.mixture.get(name, 0.0)
        if abs(given - asked) > SAME_WEIGHT:
            raise StudyError(
                f"run {stored.run_id!r}: the record has w_{name} = {given:g}, asked for was "
                f"{asked:g}: it is of another run"
            )


def describe_conflict(stored: StoredRun, key: str, value: object) -> str:
    """Which number was told before, and what to do."""
    before: object = getattr(stored, key)
    if key == "measured" and isinstance(before, Mapping) and isinstance(value, Mapping):
        names = [(kind, name) for kind in before for name in {*before[kind], *value[kind]}]
        kind, name = min(
            pair for pair in names if before[pair[0]].get(pair[1]) != value[pair[0]].get(pair[1])
        )
        key, before, value = f"{kind} {name}", before[kind].get(name), value[kind].get(name)
    return (
        f"run {stored.run_id!r} was told before with {key} = {before}, now {value}: correct it if "
        "the first was wrong"
    )


def free_name(number: int, n_params: float, taken: set[str]) -> str:
    """A readable run_id that no run has: ``r0007-144k``."""
    size = f"{n_params / 1e9:.3g}B" if n_params >= 1e9 else f"{n_params / 1e6:.3g}M"
    if n_params < 1e6:
        size = f"{n_params / 1e3:.3g}k"
    name = f"r{number:04d}-{size}"
    while name in taken:
        name += "x"
    return name
