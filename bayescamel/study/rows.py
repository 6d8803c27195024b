"""The runs of a study as values, and what may be stored of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bayescamel.exceptions import StudyError
from bayescamel.input import shown
from bayescamel.runs.columns import column
from bayescamel.study.holders import is_gone
from bayescamel.study.records import Record

SAME_MODEL = 0.05
"""A record may differ by rounding from what was asked (whole steps, whole layers), not by more."""

SAME_COST = 3.0
"""Factor by which FLOPs may: attention and the head, which 6 N D leaves out, make up for two."""

LONGEST_LEASE = 30 * 86400.0
"""Seconds. A lease that ends later was given while a clock was wrong, and counts as run out."""

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
    cost: float | None = None
    """FLOPs that count as spent once it has ended; None: `flops`."""
    holder: str | None = None
    """The process that has it trained; see `bayescamel.study.holders`."""

    @property
    def spent(self) -> float:
        """FLOPs that the budget has lost by this run."""
        if self.state == "pending" or self.attached:
            return 0.0
        return (self.flops or 0.0) if self.cost is None else self.cost

    def came_back(self, now: float) -> bool:
        """Whether this pending run may be handed out again."""
        left = (self.lease_until or 0.0) - now
        return not 0 < left <= LONGEST_LEASE or is_gone(self.holder)


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
    settings
        Of the study, as they are stored.
    study, event
        Which study, and the last of its events that this moment knows.
    """

    runs: tuple[StoredRun, ...]
    validation: tuple[str, ...] | None
    now: float
    settings: Mapping[str, Any]
    study: tuple[int, float]
    event: int

    def told(self) -> tuple[StoredRun, ...]:
        """Runs with measurements."""
        return tuple(run for run in self.runs if run.state == "told")

    def pending(self) -> tuple[StoredRun, ...]:
        """Runs that were asked for and not yet told."""
        return tuple(run for run in self.runs if run.state == "pending")

    def returned(self) -> tuple[StoredRun, ...]:
        """Pending runs that the next ask hands out again: their lease or their holder is gone."""
        return tuple(run for run in self.pending() if run.came_back(self.now))

    def spent(self) -> float:
        """FLOPs of the study's own runs that ended, the failed ones included."""
        return sum(run.spent for run in self.runs)

    def reserved(self) -> float:
        """FLOPs of pending runs."""
        return sum(run.flops or 0.0 for run in self.pending())


@dataclass(frozen=True)
class Ledger:
    """What must be known to store new runs, read with the write lock held.

    Parameters
    ----------
    waiting
        Pending runs, in the order in which they were asked for.
    ended
        FLOPs spent by the study's own runs that ended.
    number
        The last that a run has.
    now
        The database's clock, seconds since 1970.
    """

    waiting: tuple[StoredRun, ...]
    ended: float
    number: int
    now: float

    def pending(self) -> tuple[StoredRun, ...]:
        """Runs that were asked for and not yet told."""
        return self.waiting

    def returned(self) -> tuple[StoredRun, ...]:
        """Those that the next ask hands out again."""
        return tuple(run for run in self.waiting if run.came_back(self.now))

    def spent(self) -> float:
        """FLOPs of the study's own runs that ended."""
        return self.ended

    def reserved(self) -> float:
        """FLOPs of pending runs."""
        return sum(run.flops or 0.0 for run in self.waiting)


def columns_of(stored: StoredRun, record: Record, correct: bool = False) -> dict[str, Any]:
    """What a record says about a run that was asked for, as columns.

    Parameters
    ----------
    correct
        Whether it may say another model or mixture than is stored.

    Raises
    ------
    StudyError
        When the record is of another run: another name, model, number of tokens or mixture, or
        FLOPs a factor off.
    """
    if record.run_id is not None and record.run_id.strip() != stored.run_id:
        raise StudyError(
            f"run {stored.run_id!r}: the record is of run {shown(repr(record.run_id))}"
        )
    columns: dict[str, Any] = {"measured": record.measured()}
    if correct and record.mixture is not None:
        columns["mixture"] = dict(record.mixture)
    elif not correct:
        _check_mixture(stored, record)
    for name in ("n_params", "n_active_params", "n_tokens", "flops"):
        given, asked = getattr(record, name), getattr(stored, name)
        if given is None:
            continue
        if asked is None and name == "n_active_params":
            asked = stored.n_params  # a dense run: all parameters are active
        if not correct:
            _check_same(stored, name, given, asked)
        columns[name] = given
    return columns


def _check_same(stored: StoredRun, name: str, given: float, asked: float | None) -> None:
    run = f"run {stored.run_id!r}: the record has {name} = {given:g}, asked for was"
    if name != "flops":
        if asked is None or abs(given / asked - 1) > SAME_MODEL:
            what = "none" if asked is None else format(asked, "g")
            raise StudyError(f"{run} {what}: it is of another run")
    elif asked is not None and not 1 / SAME_COST <= given / asked <= SAME_COST:
        raise StudyError(
            f"{run} {asked:g}: more than a factor of {SAME_COST:g} off, so one of the two is no "
            "count of FLOPs"
        )


def _check_mixture(stored: StoredRun, record: Record) -> None:
    if record.mixture is None:
        return
    for name in sorted({*record.mixture, *stored.mixture}):
        given, asked = record.mixture.get(name, 0.0), stored.mixture.get(name, 0.0)
        if not abs(given - asked) <= SAME_WEIGHT:  # NaN is no weight
            raise StudyError(
                f"run {stored.run_id!r}: the record has {column('mixture', shown(name))} = "
                f"{given:g}, asked for was {asked:g}: it is of another run"
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


def readable_name(number: int, n_params: float) -> str:
    """A run_id such as ``r0007-144k``."""
    size = f"{n_params / 1e9:.3g}B" if n_params >= 1e9 else f"{n_params / 1e6:.3g}M"
    if n_params < 1e6:
        size = f"{n_params / 1e3:.3g}k"
    return f"r{number:04d}-{size}"
