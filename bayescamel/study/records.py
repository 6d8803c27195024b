"""What a finished run measured, from the forms in which people have it.

A record is a JSON object. Ours (`proxies.record`) has ``loss_nats_per_token`` and ``benchmarks``;
a plain one has ``loss`` (name → nats per token) and, where measured, ``accuracy`` and ``score``.
Either may say what was really trained (``n_params``, ``n_tokens``, ``flops``, ``mixture``) and how
long it took where (``seconds``, ``device``). The shortest form is the losses alone.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bayescamel.exceptions import StudyError
from bayescamel.input import MAX_NAME, as_number, check_json, read_object, shown
from bayescamel.runs.checks import MAX_LOSS
from bayescamel.runs.columns import BENCHMARK_KINDS, Kind, bare, column

KINDS: tuple[Kind, ...] = ("loss", *BENCHMARK_KINDS)
NUMBERS = ("n_params", "n_active_params", "n_tokens", "flops", "seconds")


@dataclass(frozen=True)
class Record:
    """What a run measured.

    Parameters
    ----------
    loss
        By validation domain, nats per token.
    accuracy, score
        By benchmark, 0 to 1.
    n_params, n_active_params, n_tokens, flops, mixture
        What was really trained; None: as it was asked for.
    seconds, device
        How long it took, and on what.
    run_id
        The record's own name of the run, if it has one.
    """

    loss: Mapping[str, float]
    accuracy: Mapping[str, float] = field(default_factory=dict)
    score: Mapping[str, float] = field(default_factory=dict)
    n_params: float | None = None
    n_active_params: float | None = None
    n_tokens: float | None = None
    flops: float | None = None
    mixture: Mapping[str, float] | None = None
    seconds: float | None = None
    device: str | None = None
    run_id: str | None = None

    def measured(self) -> dict[str, dict[str, float]]:
        """The measurements alone, in an order of their own: equal records give equal values."""
        return {kind: dict(sorted(getattr(self, kind).items())) for kind in KINDS}

    def check(self, run_id: str) -> None:
        """Refuse what no run can have measured.

        Raises
        ------
        StudyError
            Naming the run, the column and the value.
        """
        if not self.loss:
            raise StudyError(
                f"run {shown(repr(run_id))}: the record has no loss: give at least one"
            )
        for name, value in self.loss.items():
            if not 0 < value <= MAX_LOSS:
                raise StudyError(
                    f"run {shown(repr(run_id))}: {column('loss', shown(name))} = {value:g} is no "
                    "loss; a run that diverged is told by fail"
                )
        for kind in BENCHMARK_KINDS:
            for name, value in getattr(self, kind).items():
                if not 0 <= value <= 1:
                    raise StudyError(
                        f"run {shown(repr(run_id))}: {shown(column(kind, name))} = {value:g} is "
                        "outside 0 to 1"
                    )
        for name in NUMBERS:
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise StudyError(
                    f"run {shown(repr(run_id))}: {name} = {value:g}: a positive number is needed"
                )


def as_record(
    source: "Record | Mapping[str, Any] | str | Path", known: Collection[str] | None = None
) -> Record:
    """Read a record from its object, or from a JSON file.

    Parameters
    ----------
    known
        Names that an object of numbers alone may have to be taken for losses; None: any.

    Raises
    ------
    StudyError
        When the file cannot be read, or a key holds what a record cannot.
    """
    if isinstance(source, Record):
        return source
    if isinstance(source, Mapping):
        check_json(dict(source), "the record", StudyError)
        return _from_object(source, "the record", known)
    path = Path(source)
    return _from_object(read_object(path, "record", StudyError), shown(path), known)


def _from_object(
    values: Mapping[str, Any], where: str, known: Collection[str] | None = None
) -> Record:
    _check_fresh(values, where)
    losses = values.get("loss_nats_per_token", values.get("loss"))
    if losses is None:
        return Record(loss=_named_numbers(_bare_losses(values, where, known), "loss", where))
    benchmarks = _mapping(values.get("benchmarks", {}), "benchmarks", where)
    entries = {name: _mapping(e, f"benchmarks.{name}", where) for name, e in benchmarks.items()}
    accuracy = {name: e["accuracy"] for name, e in entries.items() if "accuracy" in e}
    score = {name: e["score"] for name, e in entries.items() if "score" in e}
    mixture = values.get("mixture")
    return Record(
        loss=_named_numbers(losses, "loss", where),
        accuracy=_named_numbers(values.get("accuracy", accuracy), "accuracy", where),
        score=_named_numbers(values.get("score", score), "score", where),
        mixture=None if mixture is None else _named_numbers(mixture, "mixture", where),
        device=None if values.get("device") is None else str(values["device"]),
        run_id=None if values.get("run_id") is None else _name(values["run_id"], where),
        **{
            name: _number(values[name], name, where)
            for name in NUMBERS
            if values.get(name) is not None
        },
    )


def _check_fresh(values: Mapping[str, Any], where: str) -> None:
    """Refuse a run that repeated text: `unique` says what there is of a domain, as proxies tell."""
    if not isinstance(values.get("unique"), Mapping):  # a loss of that name, if anything
        return
    unique = _named_numbers(values["unique"], "unique", where)
    mixture = _named_numbers(values.get("mixture") or {}, "mixture", where)
    told = values.get("n_tokens")
    n_tokens = math.inf if told is None else _number(told, "n_tokens", where)
    for name, tokens in unique.items():
        if n_tokens * mixture.get(name, 1.0) > tokens:
            raise StudyError(
                f"{where}: the run saw more tokens of {shown(name)} than there are "
                f"(unique.{shown(name)} = {tokens:g}), and a study does not keep that they were "
                "repeated: leave such runs out"
            )


def _bare_losses(
    values: Mapping[str, Any], where: str, known: Collection[str] | None
) -> dict[str, Any]:
    if not values or not all(isinstance(value, int | float) for value in values.values()):
        raise StudyError(
            f"{where}: there is no 'loss': give an object of losses by validation domain"
        )
    for name in values:
        # Any table of numbers looks like losses: a configuration, a step of a log.
        if known is not None and name not in known and bare("loss", name) == name:
            raise StudyError(
                f"{where}: {shown(name)!r} is no validation domain that the study knows: if it is "
                'a loss, write {"loss": {...}}, or name the losses when the study is made '
                "(--losses)"
            )
    return {bare("loss", name): value for name, value in values.items()}


def _mapping(value: object, key: str, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise StudyError(f"{where}: {key!r} is no object of names and numbers")
    return value


def _name(value: object, where: str) -> str:
    name = str(value).strip()
    if not (name and name.isprintable() and len(name) <= MAX_NAME):
        raise StudyError(
            f"{where}: run_id {shown(value)!r}: a name has 1 to {MAX_NAME} printable characters"
        )
    return name


def _named_numbers(value: object, key: str, where: str) -> dict[str, float]:
    numbers = {
        str(name): _number(item, f"{key}.{name}", where)
        for name, item in _mapping(value, key, where).items()
    }
    for name in numbers:
        if not (name and name == name.strip() and name.isprintable()):
            raise StudyError(
                f"{where}: {key} has the name {shown(name)!r}: a name is printable and has no "
                "blank at its ends"
            )
    return numbers


def _number(value: object, key: str, where: str) -> float:
    try:
        return as_number(value)
    except ValueError:
        raise StudyError(
            f"{where}: {shown(key)} holds {shown(repr(value))}, not a number that can be used"
        ) from None
