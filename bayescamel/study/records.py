"""What a finished run measured, from the forms in which people have it.

A record is a JSON object. Ours (`proxies.record`) has ``loss_nats_per_token`` and ``benchmarks``;
a plain one has ``loss`` (name → nats per token) and, where measured, ``accuracy`` and ``score``.
Either may say what was really trained (``n_params``, ``n_tokens``, ``flops``, ``mixture``) and how
long it took where (``seconds``, ``device``). The shortest form is the losses alone.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bayescamel.exceptions import StudyError

KINDS = ("loss", "accuracy", "score")
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
            raise StudyError(f"run {run_id!r}: the record has no loss: give at least one")
        for name, value in self.loss.items():
            if not (math.isfinite(value) and value > 0):
                raise StudyError(
                    f"run {run_id!r}: loss_{name} = {value:g} is no loss; a run that diverged is "
                    "told by fail"
                )
        for kind, prefix in (("accuracy", "acc_"), ("score", "score_")):
            for name, value in getattr(self, kind).items():
                if not 0 <= value <= 1:
                    raise StudyError(
                        f"run {run_id!r}: {prefix}{name} = {value:g} is outside 0 to 1"
                    )
        for name in NUMBERS:
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise StudyError(f"run {run_id!r}: {name} = {value:g}: a positive number is needed")


def as_record(source: "Record | Mapping[str, Any] | str | Path") -> Record:
    """Read a record from its object, or from a JSON file.

    Raises
    ------
    StudyError
        When the file cannot be read, or a key holds what a record cannot.
    """
    if isinstance(source, Record):
        return source
    if isinstance(source, Mapping):
        return _from_object(source, "the record")
    try:
        values = json.loads(Path(source).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StudyError(f"{source}: no record can be read from it: {error}") from error
    if not isinstance(values, dict):
        raise StudyError(f"{source}: a record is a JSON object, not {type(values).__name__}")
    return _from_object(values, str(source))


def _from_object(values: Mapping[str, Any], where: str) -> Record:
    losses = values.get("loss_nats_per_token", values.get("loss"))
    if losses is None:
        return Record(loss=_named_numbers(_bare_losses(values, where), "loss", where))
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
        run_id=None if values.get("run_id") is None else str(values["run_id"]),
        **{
            name: _number(values[name], name, where)
            for name in NUMBERS
            if values.get(name) is not None
        },
    )


def _bare_losses(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    if not values or not all(isinstance(value, int | float) for value in values.values()):
        raise StudyError(
            f"{where}: there is no 'loss': give an object of losses by validation domain"
        )
    return {name.removeprefix("loss_"): value for name, value in values.items()}


def _mapping(value: object, key: str, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise StudyError(f"{where}: {key!r} is no object of names and numbers")
    return value


def _named_numbers(value: object, key: str, where: str) -> dict[str, float]:
    return {
        str(name): _number(item, f"{key}.{name}", where)
        for name, item in _mapping(value, key, where).items()
    }


def _number(value: object, key: str, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise StudyError(f"{where}: {key} holds {value!r}, not a number")
    return float(value)
