"""Results of EleutherAI's lm-evaluation-harness, versions 0.3 and 0.4.

Both write ``{"results": {task: {metric: value}}, "config": {...}, ...}``. Version 0.3 names metrics
``acc`` and its model in ``config.model_args``; version 0.4 names them ``acc,none`` with a filter
behind the comma, lies in one folder a model, and tells ``model_name`` and ``n-samples``.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from bayescamel.benchmarks.readers.evaluations import (
    Evaluations,
    entry,
    find_files,
    folder_key,
    number,
    read_json,
)
from bayescamel.exceptions import BenchmarkError

METRICS = ("acc_norm", "acc", "exact_match", "em")
"""Accuracies in the order of preference: normalised by length first, as the field reports them."""

type Key = Literal["model", "folder"]


def read_lm_harness(
    folder: str | Path,
    *,
    key: Key = "model",
    metrics: Sequence[str] = METRICS,
    choose: Mapping[str, str] | None = None,
    benchmarks: Collection[str] | None = None,
) -> Evaluations:
    """Read every result file below a folder.

    Parameters
    ----------
    folder
        Searched for ``*.json``; files of samples (``samples_*.jsonl``) are no matter.
    key
        What names a model: ``"model"``, what the file says, or ``"folder"``, the folder directly
        below `folder` that it lies in.
    metrics
        Which metric is the accuracy: the first of these that a task has.
    choose
        Metric by task where that is not enough: ``{"gsm8k": "exact_match,strict-match"}``.
    benchmarks
        Tasks to read; None reads all.

    Raises
    ------
    BenchmarkError
        When a file is broken or lacks a key; it names both.
    """
    rows: list[dict[str, Any]] = []
    unused: list[str] = []
    for path in find_files(folder, ("*.json",)):
        content = read_json(path)
        results = entry(content, ["results"], path, dict)
        name = _model(content, path) if key == "model" else folder_key(path, folder)
        for task in results:
            if benchmarks is not None and task not in benchmarks:
                continue
            values = entry(content, ["results", task], path, dict)
            metric = _metric(task, values, metrics, choose or {}, path)
            if metric is None:
                unused.append(f"{path}: {task!r} has none of the metrics {', '.join(metrics)}")
                continue
            rows.append(
                {
                    "key": name,
                    "benchmark": task,
                    "accuracy": number(values[metric], f"results.{task}.{metric}", path),
                    "score": float("nan"),
                    "questions": _questions(content, task, path),
                    "source": str(path),
                }
            )
    return Evaluations.of(rows, unused, Path(folder))


def _metric(
    task: str,
    values: Mapping[str, object],
    metrics: Sequence[str],
    choose: Mapping[str, str],
    path: Path,
) -> str | None:
    if task in choose:
        if choose[task] not in values:
            raise BenchmarkError(f"{path}: no key 'results.{task}.{choose[task]}'")
        return choose[task]
    for metric in metrics:
        found = [name for name in values if name.partition(",")[0] == metric]
        plain = [name for name in found if name.partition(",")[2] in ("", "none")]
        if plain or len(found) == 1:
            return (plain or found)[0]
        if found:
            raise BenchmarkError(
                f"{path}: 'results.{task}' has {metric!r} by several filters "
                f"({', '.join(found)}): name the one to use, choose={{{task!r}: {found[0]!r}}}"
            )
    return None


def _model(content: dict[str, Any], path: Path) -> str:
    if isinstance(content.get("model_name"), str):  # 0.4
        return str(content["model_name"])
    arguments = entry(content, ["config", "model_args"], path, object)
    if isinstance(arguments, str):  # 0.3: "pretrained=name,dtype=float16"
        arguments = dict(part.partition("=")[::2] for part in arguments.split(","))
    named = arguments.get("pretrained") if isinstance(arguments, dict) else None
    if not isinstance(named, str):
        raise BenchmarkError(
            f"{path}: neither 'model_name' nor 'pretrained' in 'config.model_args' names the "
            "model: use key='folder'"
        )
    return named


def _questions(content: dict[str, Any], task: str, path: Path) -> float:
    counts = content.get("n-samples")
    if not isinstance(counts, dict) or task not in counts:
        return float("nan")  # 0.3 does not tell, and 0.4 not of groups
    effective = entry(content, ["n-samples", task, "effective"], path, object)
    return number(effective, f"n-samples.{task}.effective", path)
