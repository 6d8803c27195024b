"""Task results in the form of Ai2's OLMES: one ``task-<n>-<name>-metrics.json`` a task.

``{"task_name": ..., "num_instances": ..., "model_config": {"model": ...}, "metrics": {...}}``; the
metrics hold accuracies (``primary_score``, ``acc_per_char``, ``acc_raw``) and smooth measures of
the right answer (``bits_per_byte_corr``, ``norm_correct_prob_per_char`` where they were asked for).
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

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
from bayescamel.benchmarks.readers.lm_harness import Key

ACCURACIES = ("primary_score", "acc_per_char", "acc_raw", "exact_match")
BITS = "bits_per_byte_corr"


def read_olmes(
    folder: str | Path,
    *,
    key: Key = "model",
    accuracies: Sequence[str] = ACCURACIES,
    score: str | None = None,
    benchmarks: Collection[str] | None = None,
    strict: bool = False,
) -> Evaluations:
    """Read every task's metrics below a folder.

    Parameters
    ----------
    folder
        Searched for ``*-metrics.json``.
    key
        As in `read_lm_harness`; ``"model"`` is ``model_config.model``.
    accuracies
        Which metric is the accuracy: the first of these that a task has.
    score
        The metric that is the smooth score, a probability from 0 to 1; ``bits_per_byte_corr``,
        which is not one, becomes 2^(-bits): the geometric mean probability of a byte of the right
        answer, whose ``score_chance`` in the table of benchmarks is 0. None reads no score.
    benchmarks
        Tasks to read; None reads all.
    strict
        As in `read_lm_harness`.

    Raises
    ------
    BenchmarkError
        When nothing can be read; with `strict` also for one file. It names file and key.
    """
    rows: list[dict[str, Any]] = []
    unused: list[str] = []
    there: set[str] = set()
    for path in find_files(folder, ("*-metrics.json",)):
        with tolerant(unused, strict):
            content = read_json(path)
            task = entry(content, ["task_name"], path, str)
            there.add(task)
            if benchmarks is not None and task not in benchmarks:
                continue
            metrics = entry(content, ["metrics"], path, dict)
            name = (
                entry(content, ["model_config", "model"], path, str)
                if key == "model"
                else folder_key(path, folder)
            )
            metric = next((name for name in accuracies if name in metrics), None)
            if metric is None and score is None:
                unused.append(f"{path}: 'metrics' has none of {', '.join(accuracies)}")
                continue
            accuracy = smooth = float("nan")
            if metric is not None:
                accuracy = number(metrics[metric], f"metrics.{metric}", path)
            if score is not None:
                smooth = number(
                    entry(content, ["metrics", score], path, object), f"metrics.{score}", path
                )
                smooth = 2.0**-smooth if score == BITS else smooth
            rows.append(
                {
                    "key": name,
                    "benchmark": task,
                    "accuracy": accuracy,
                    "score": smooth,
                    "questions": number(
                        entry(content, ["num_instances"], path, object), "num_instances", path
                    ),
                    "shots": told_shots(content, ("task_config", "num_shots")),
                    "source": str(path),
                }
            )
    check_chosen(benchmarks, there, Path(folder))
    return Evaluations.of(rows, unused, Path(folder), strict)
