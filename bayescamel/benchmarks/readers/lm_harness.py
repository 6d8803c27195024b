"""Results of EleutherAI's lm-evaluation-harness, versions 0.3 and 0.4.

Both write ``{"results": {task: {metric: value}}, "config": {...}, ...}``. Version 0.3 names metrics
``acc`` and its model in ``config.model_args``; version 0.4 names them ``acc,none`` with a filter
behind the comma, lies in one folder a model, and tells ``model_name``, the number of questions
(``n-samples``, later ``sample_len`` beside the metrics) and which tasks a group is made of.

Checkpoints of one model differ by ``revision`` in ``config.model_args`` alone: they are named
``model@revision``, and the model itself where there is none or it is ``main``.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from bayescamel.benchmarks.readers.evaluations import (
    Evaluations,
    check_chosen,
    entry,
    find_files,
    folder_key,
    number,
    read_json,
    told_shots,
    tolerant,
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
    strict: bool = False,
) -> Evaluations:
    """Read every result file below a folder.

    A group is left out where the tasks that it is made of are there themselves.

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
    strict
        Refuse everything for one file that is broken or lacks a key. Else it is among the
        `unused`, with the reason.

    Raises
    ------
    BenchmarkError
        When nothing can be read; with `strict` also for one file. It names file and key.
    """
    rows: list[dict[str, Any]] = []
    unused: list[str] = []
    there: set[str] = set()
    for path in find_files(folder, ("*.json",)):
        with tolerant(unused, strict):
            content = read_json(path)
            results = entry(content, ["results"], path, dict)
            name = _model(content, path) if key == "model" else folder_key(path, folder)
            there |= set(results)
            chosen = {t: v for t, v in results.items() if benchmarks is None or t in benchmarks}
            parts = _parts(content, chosen)
            for task in chosen:
                if task in parts:
                    unused.append(f"{path}: {task!r} is a group, and its parts are read")
                    continue
                with tolerant(unused, strict):
                    values = entry(content, ["results", task], path, dict)
                    metric = _metric(task, values, metrics, choose or {}, path)
                    if metric is None:
                        known = ", ".join(metrics)
                        unused.append(f"{path}: {task!r} has none of the metrics {known}")
                        continue
                    rows.append(
                        {
                            "key": name,
                            "benchmark": task,
                            "accuracy": number(values[metric], f"results.{task}.{metric}", path),
                            "score": float("nan"),
                            "questions": _questions(content, task, path),
                            "shots": told_shots(
                                content, ("n-shot", task), ("config", "num_fewshot")
                            ),
                            "source": str(path),
                        }
                    )
    check_chosen(benchmarks, there, Path(folder))
    return Evaluations.of(rows, unused, Path(folder), strict)


def _parts(content: dict[str, Any], results: dict[str, Any]) -> set[str]:
    """Groups some part of which has results of its own."""
    told = content.get("group_subtasks")
    groups = told if isinstance(told, dict) else {}
    return {
        group
        for group, tasks in groups.items()
        if isinstance(tasks, list) and any(task != group and task in results for task in tasks)
    }


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
                f"({', '.join(found)}): name the one to use, choose={{{task!r}: {found[0]!r}}} "
                f"(--metric '{task}={found[0]}')"
            )
    return None


def _model(content: dict[str, Any], path: Path) -> str:
    config = content.get("config")
    arguments = config.get("model_args") if isinstance(config, dict) else None
    if isinstance(arguments, str):  # "pretrained=name,dtype=float16"; 0.4 may write an object
        arguments = dict(part.partition("=")[::2] for part in arguments.split(","))
    told = arguments if isinstance(arguments, dict) else {}
    named = content.get("model_name", told.get("pretrained"))
    if not isinstance(named, str):
        raise BenchmarkError(
            f"{path}: neither 'model_name' nor 'pretrained' in 'config.model_args' names the "
            "model: use key='folder' (--key folder)"
        )
    revision = told.get("revision")
    return f"{named}@{revision}" if revision and revision != "main" else named


def _questions(content: dict[str, Any], task: str, path: Path) -> float:
    counts = content.get("n-samples")
    if isinstance(counts, dict) and task in counts:
        effective = entry(content, ["n-samples", task, "effective"], path, object)
        return number(effective, f"n-samples.{task}.effective", path)
    asked = content["results"][task].get("sample_len")
    if asked is None:
        return float("nan")  # 0.3 does not tell, and early 0.4 not of groups
    return number(asked, f"results.{task}.sample_len", path)
