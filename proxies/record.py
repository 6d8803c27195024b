"""One JSON record a measurement, written in one piece or not at all."""

from __future__ import annotations

import json
import math
import platform
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import bayescamel
from bayescamel.exceptions import BayesCamelError
from proxies import devices
from proxies.config import TrainConfig
from proxies.corpora import Corpora
from proxies.devices import Runtime
from proxies.files import write_atomically
from proxies.measure import Measured

SUFFIX = ".json"


class RecordError(BayesCamelError):
    """A record that cannot be read or that belongs to another sweep."""


@cache
def commit() -> str:
    """The commit of this code where it is a checkout, else the version of the package."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return f"v{bayescamel.__version__}"
    return done.stdout.strip()


def build(
    run_id: str, config: TrainConfig, corpora: Corpora, measured: Measured, runtime: Runtime
) -> dict[str, Any]:
    """The record of one measurement of a run, ready for JSON."""
    model = config.model
    return {
        "run_id": run_id,
        "cell": config.key(corpora.fingerprint),
        "config": config.identity(),
        "n_params": model.n_params,
        "n_active_params": model.n_active_params,
        "parameters": model.counts(),
        "n_tokens": measured.n_tokens,
        "tokens_per_param": measured.n_tokens / model.n_active_params,
        "flops": measured.flops,
        "seed": config.seed,
        "mixture": dict(config.mixture),
        "epochs": measured.epochs,
        "unique": unique_tokens(config.mixture, measured.n_tokens, measured.epochs),
        "loss_nats_per_token": measured.losses,
        "loss_standard_error": {
            name: None if math.isnan(error) else error for name, error in measured.errors.items()
        },
        "bits_per_byte": {
            name: loss / corpora.domains[name].bytes_per_token / math.log(2)
            for name, loss in measured.losses.items()
        },
        "benchmarks": {
            name: {
                "accuracy": result.accuracy,
                "score": result.score,
                "n_questions": result.n_questions,
                "chance": result.chance,
            }
            for name, result in measured.benchmarks.items()
        },
        "trace": measured.trace,
        "gradients": measured.gradients,
        "expert_loads": measured.loads,
        "train_seconds": measured.train_seconds,
        "seconds": measured.train_seconds + measured.evaluation_seconds,
        "tokens_per_second": measured.tokens_per_second,
        "utilisation": measured.utilisation,
        "device": runtime.kind,
        "device_name": devices.name(runtime.device),
        "compiled": runtime.compiles(config.flops),
        "commit": commit(),
        "corpora": {name: domain.fingerprint for name, domain in corpora.domains.items()},
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("torch", "numpy")},
        },
    }


def unique_tokens(
    mixture: Mapping[str, float], n_tokens: float, epochs: Mapping[str, float]
) -> dict[str, float]:
    """Tokens that exist of each domain whose text the run saw more than once."""
    return {name: n_tokens * mixture[name] / times for name, times in epochs.items() if times > 1}


def write(record: dict[str, Any], folder: Path) -> Path:
    """Write ``folder/<run_id>.json``: a reader sees the whole record or none.

    Raises
    ------
    ValueError
        When a value is no finite number, before anything is written.
    """
    target = folder / f"{record['run_id']}{SUFFIX}"
    text = json.dumps(record, indent=1, allow_nan=False)
    write_atomically(target, lambda file: file.write(text.encode()))
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
