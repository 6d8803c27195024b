"""One JSON record a run, written in one piece or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

from bayescamel.exceptions import BayesCamelError
from proxies.corpora import Corpora
from proxies.evaluate import bits_per_byte
from proxies.train import Outcome, TrainConfig

SUFFIX = ".json"


class RecordError(BayesCamelError):
    """A record that cannot be read or that belongs to another sweep."""


def cell(config: TrainConfig, corpora_fingerprint: str) -> str:
    """Key of a run: a hash of everything that decides its result."""
    identity = json.dumps(config.identity() | {"corpora": corpora_fingerprint}, sort_keys=True)
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def build(
    run_id: str, config: TrainConfig, corpora: Corpora, outcome: Outcome, device: str
) -> dict[str, Any]:
    """The record of a finished run, ready for JSON."""
    return {
        "run_id": run_id,
        "cell": cell(config, corpora.fingerprint),
        "config": config.identity(),
        "peak_lr": config.peak_lr,
        "n_params": config.model.n_params,
        "parameters": config.model.counts(),
        "n_tokens": outcome.n_tokens,
        "flops": outcome.flops,
        "seed": config.seed,
        "mixture": dict(config.mixture),
        "loss_nats_per_token": outcome.losses,
        "bits_per_byte": {name: bits_per_byte(loss) for name, loss in outcome.losses.items()},
        "benchmarks": {
            name: {"accuracy": r.accuracy, "score": r.score, "n_questions": r.n_questions}
            for name, r in outcome.benchmarks.items()
        },
        "trace": outcome.trace,
        "train_seconds": outcome.train_seconds,
        "seconds": outcome.seconds,
        "device": device,
        "machine": platform.machine(),
        "corpora": {name: domain.fingerprint for name, domain in corpora.domains.items()},
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("torch", "numpy")},
        },
    }


def write(record: dict[str, Any], folder: Path) -> Path:
    """Write ``folder/<run_id>.json`` atomically: a reader sees the whole record or none."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{record['run_id']}{SUFFIX}"
    text = json.dumps(record, indent=1, allow_nan=False)
    handle, draft = tempfile.mkstemp(dir=folder, prefix=".draft-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, target)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    return target


def read_all(folder: Path) -> list[dict[str, Any]]:
    """All records of a folder, ordered by run_id.

    Raises
    ------
    RecordError
        When the folder is missing or a record is not whole.
    """
    if not folder.is_dir():
        raise RecordError(f"no such folder of records: {folder}")
    records = []
    for path in sorted(folder.glob(f"[!.]*{SUFFIX}")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            record["run_id"], record["cell"]
        except (ValueError, KeyError, TypeError) as error:
            raise RecordError(
                f"{path.name} is not a record of a run: delete or restore it"
            ) from error
        records.append(record)
    return sorted(records, key=lambda record: str(record["run_id"]))
