"""Evaluation results in the layouts people have, and what is wrong with them."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bayescamel import read_runs
from bayescamel.benchmarks.readers import (
    join_evaluations,
    read_lm_harness,
    read_olmes,
    read_results_table,
)
from bayescamel.exceptions import BenchmarkError


def written(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def new_layout(model: str, accuracy: float) -> dict[str, object]:
    """As lm-evaluation-harness 0.4 writes it."""
    return {
        "results": {
            "arc_easy": {
                "alias": "arc_easy",
                "acc,none": accuracy - 0.02,
                "acc_stderr,none": 0.01,
                "acc_norm,none": accuracy,
                "acc_norm_stderr,none": 0.01,
            },
            "wikitext": {"alias": "wikitext", "word_perplexity,none": 30.0},
        },
        "configs": {"arc_easy": {"task": "arc_easy"}},
        "n-samples": {"arc_easy": {"original": 2376, "effective": 2376}},
        "config": {"model": "hf", "model_args": f"pretrained={model}"},
        "model_name": model,
    }


def old_layout(model: str, accuracy: float) -> dict[str, object]:
    """As lm-evaluation-harness 0.3 writes it."""
    return {
        "results": {"arc_easy": {"acc": accuracy - 0.02, "acc_norm": accuracy}},
        "versions": {"arc_easy": 0},
        "config": {"model": "gpt2", "model_args": f"pretrained={model},dtype=float16"},
    }


def olmes_task(model: str, task: str, accuracy: float, bits: float) -> dict[str, object]:
    return {
        "task_name": task,
        "num_instances": 1000,
        "model_config": {"model": model},
        "task_config": {"primary_metric": "acc_per_char"},
        "metrics": {
            "acc_raw": accuracy - 0.1,
            "primary_score": accuracy,
            "bits_per_byte_corr": bits,
        },
    }


def test_both_harness_layouts_say_the_same(tmp_path: Path) -> None:
    written(tmp_path / "new" / "org__a" / "results_2024-05-01.json", new_layout("org/a", 0.41))
    written(tmp_path / "old" / "a.json", old_layout("org/a", 0.41))
    new, old = read_lm_harness(tmp_path / "new"), read_lm_harness(tmp_path / "old")
    columns = ["key", "benchmark", "accuracy"]
    pd.testing.assert_frame_equal(new.table[columns], old.table[columns])
    assert new.table["accuracy"].tolist() == [0.41]
    assert new.questions() == {"arc_easy": 2376}
    assert old.questions() == {}
    # The perplexity is no accuracy, and that is said.
    assert len(new.unused) == 1
    assert "'wikitext'" in new.unused[0]


def test_a_model_can_be_named_by_its_folder(tmp_path: Path) -> None:
    written(tmp_path / "run-7" / "deep" / "results.json", new_layout("out/step1000", 0.3))
    assert read_lm_harness(tmp_path, key="folder").table["key"].tolist() == ["run-7"]
    written(tmp_path / "loose.json", new_layout("x", 0.3))
    with pytest.raises(BenchmarkError, match="lies in no folder of its own"):
        read_lm_harness(tmp_path, key="folder", strict=True)


def test_a_later_file_replaces_an_earlier_one_and_that_is_reported(tmp_path: Path) -> None:
    written(tmp_path / "results_2024-05-01.json", new_layout("a", 0.3))
    written(tmp_path / "results_2024-06-01.json", new_layout("a", 0.35))
    found = read_lm_harness(tmp_path, benchmarks=["arc_easy"])
    assert found.table["accuracy"].tolist() == [0.35]
    assert [line for line in found.unused if "results_2024-05-01" in line and "replaced" in line]


def test_several_filters_of_a_metric_must_be_chosen_from(tmp_path: Path) -> None:
    content = new_layout("a", 0.3)
    content["results"] = {
        "gsm8k": {"exact_match,strict-match": 0.1, "exact_match,flexible-extract": 0.2}
    }
    written(tmp_path / "r.json", content)
    with pytest.raises(BenchmarkError, match=r"gsm8k.*several filters.*strict-match"):
        read_lm_harness(tmp_path)
    chosen = read_lm_harness(tmp_path, choose={"gsm8k": "exact_match,flexible-extract"})
    assert chosen.table["accuracy"].tolist() == [0.2]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            '{"results": {"arc_easy": {"acc": 0.3}',
            "bad.json: no result can be read from it: broken JSON at line 1",
        ),
        ("[1, 2]", "bad.json: a result is a JSON object, not list"),
        ({"versions": {}}, "bad.json: no key 'results'"),
        ({"results": {"t": 3}, "model_name": "a"}, "bad.json: 'results.t' holds 3"),
        ({"results": {"t": {"acc": "N/A"}}, "model_name": "a"}, "'results.t.acc' holds 'N/A'"),
        ({"results": {"t": {"acc": float("nan")}}, "model_name": "a"}, "'results.t.acc' holds nan"),
        ({"results": {"t": {"acc": 31.0}}, "model_name": "a"}, "bad.json: accuracy 31 of 't'"),
        ({"results": {"t": {"acc": 0.3}}}, "neither 'model_name' nor 'pretrained'"),
        (
            {"results": {"t": {"acc": 0.3}}, "config": {"model_args": "dtype=float16"}},
            "use key='folder'",
        ),
        (
            {"results": {"t": {"acc": 0.3}}, "model_name": "a", "n-samples": {"t": {}}},
            "no key 'n-samples.t.effective'",
        ),
    ],
)
def test_broken_and_partial_files_are_named_by_file_and_key(
    tmp_path: Path, content: Any, message: str
) -> None:
    written(tmp_path / "good.json", new_layout("a", 0.3))
    written(tmp_path / "bad.json", content)
    with pytest.raises(BenchmarkError) as caught:
        read_lm_harness(tmp_path, strict=True)
    assert message in str(caught.value)
    found = read_lm_harness(tmp_path)
    assert found.table["accuracy"].tolist() == [0.3]
    assert [line for line in found.unused if message in line]


def test_checkpoints_are_told_apart_by_revision(tmp_path: Path) -> None:
    for i, step in enumerate(("step1000", "step2000", "main")):
        content = old_layout("org/a", 0.3 + i / 10)
        content["config"] = {"model_args": f"pretrained=org/a,revision={step}"}
        written(tmp_path / f"old_{step}.json", content)
    args = {"pretrained": "org/b", "revision": "step3"}
    written(tmp_path / "new.json", new_layout("org/b", 0.5) | {"config": {"model_args": args}})
    found = read_lm_harness(tmp_path).table
    assert dict(zip(found["key"], found["accuracy"], strict=True)) == pytest.approx(
        {"org/a": 0.5, "org/a@step1000": 0.3, "org/a@step2000": 0.4, "org/b@step3": 0.5}
    )


def test_questions_by_sample_len_and_groups_beside_their_parts(tmp_path: Path) -> None:
    content = new_layout("a", 0.3)
    del content["n-samples"]
    content["results"] = {
        "mmlu": {"acc,none": 0.25, "sample_len": 300},
        "mmlu_law": {"acc,none": 0.2, "sample_len": 100, "acc_stderr,none": "N/A"},
        "mmlu_art": {"acc,none": 0.3, "sample_len": 200, "acc_stderr,none": 0.0},
        "bbh": {"acc,none": 0.4, "sample_len": 7},
    }
    content["group_subtasks"] = {"mmlu": ["mmlu_law", "mmlu_art"], "bbh": ["bbh_x"], "bbh_x": []}
    written(tmp_path / "r.json", content)
    found = read_lm_harness(tmp_path)
    assert found.questions() == {"mmlu_law": 100, "mmlu_art": 200, "bbh": 7}
    assert [line for line in found.unused if "'mmlu' is a group, and its parts are read" in line]


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="no folder"):
        read_lm_harness(tmp_path / "absent")
    with pytest.raises(BenchmarkError, match="no file named"):
        read_lm_harness(tmp_path)


def test_olmes_gives_accuracy_and_smooth_score(tmp_path: Path) -> None:
    written(tmp_path / "a" / "task-000-piqa-metrics.json", olmes_task("m", "piqa", 0.6, 1.0))
    written(tmp_path / "a" / "task-001-sciq-metrics.json", olmes_task("m", "sciq", 0.7, 2.0))
    found = read_olmes(tmp_path, score="bits_per_byte_corr")
    assert found.table["benchmark"].tolist() == ["piqa", "sciq"]
    assert found.table["accuracy"].tolist() == [0.6, 0.7]
    assert found.table["score"].tolist() == [0.5, 0.25]  # 2^-bits
    assert found.questions() == {"piqa": 1000, "sciq": 1000}
    assert read_olmes(tmp_path, accuracies=["acc_raw"]).table["accuracy"].tolist() == [
        pytest.approx(0.5),
        pytest.approx(0.6),
    ]
    assert read_olmes(tmp_path, key="folder").table["key"].unique().tolist() == ["a"]


def test_a_missing_olmes_key_is_named(tmp_path: Path) -> None:
    content = olmes_task("m", "piqa", 0.6, 1.0)
    del content["num_instances"]
    written(tmp_path / "task-000-piqa-metrics.json", content)
    with pytest.raises(BenchmarkError, match=r"task-000-piqa-metrics.json: no key 'num_instances'"):
        read_olmes(tmp_path)


def test_wide_and_long_tables_say_the_same(tmp_path: Path) -> None:
    wide = pd.DataFrame(
        {"model": ["a", "b"], "acc_x": [0.3, None], "acc_y": [0.5, 0.6], "score_y": [0.2, 0.1]}
    )
    long = pd.DataFrame(
        {
            "model": ["a", "a", "b"],
            "benchmark": ["x", "y", "y"],
            "accuracy": [0.3, 0.5, 0.6],
            "score": [None, 0.2, 0.1],
        }
    )
    path = tmp_path / "wide.csv"
    wide.to_csv(path, index=False)
    one, other = read_results_table(path, key="model"), read_results_table(long, key="model")
    columns = ["key", "benchmark", "accuracy", "score"]
    pd.testing.assert_frame_equal(one.table[columns], other.table[columns])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"name": ["a"], "acc_x": [0.3]}, "no column 'model'"),
        ({"model": ["a"], "other": [0.3]}, "neither a column 'benchmark'"),
        ({"model": ["a"], "acc_x": ["high"]}, "'acc_x' of 'a' holds 'high'"),
        ({"model": ["a", "a"], "acc_x": [0.3, 0.4]}, "'a' has two rows"),
        ({"model": ["a"], "benchmark": ["x"]}, "needs a column 'accuracy'"),
        ({"model": ["a", None], "acc_x": [0.3, 0.2]}, "empty cells"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(table: dict[str, list[Any]], message: str) -> None:
    with pytest.raises(BenchmarkError, match=message):
        read_results_table(pd.DataFrame(table), key="model")


@pytest.fixture
def runs() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "run_id": ["a", "b", "c"],
            "n_params": [1e6, 2e6, 4e6],
            "w_text": [1.0, 1.0, 1.0],
            "loss_text": [3.0, 2.8, 2.6],
        }
    )


def test_joining_reports_everything_without_a_partner(runs: pd.DataFrame) -> None:
    results = read_results_table(
        pd.DataFrame({"model": ["a", "c", "z"], "acc_x": [0.3, 0.4, 0.5]}), key="model"
    )
    joined = join_evaluations(runs, results)
    assert joined.runs_without == ("b",)
    assert joined.results_without == ("z",)
    assert "runs without results: b" in str(joined)
    assert "results without a run: z" in str(joined)
    table = read_runs(joined.table)
    assert table["accuracy"].sel(benchmark="x").to_numpy() == pytest.approx(
        [0.3, float("nan"), 0.4], nan_ok=True
    )


def test_joining_refuses_what_cannot_be_right(runs: pd.DataFrame) -> None:
    results = read_results_table(pd.DataFrame({"m": ["a"], "acc_x": [0.3]}), key="m")
    with pytest.raises(BenchmarkError, match="no column 'model'"):
        join_evaluations(runs, results, on="model")
    with pytest.raises(BenchmarkError, match="no key of the results"):
        join_evaluations(runs.assign(run_id=["x", "y", "z"]), results)
    with pytest.raises(BenchmarkError, match="'a' occurs twice"):
        join_evaluations(runs.assign(run_id=["a", "a", "c"]), results)
    with pytest.raises(BenchmarkError, match="column 'acc_x' already"):
        join_evaluations(runs.assign(acc_x=0.2), results)


def test_different_numbers_of_questions_are_refused(tmp_path: Path) -> None:
    for model, n in (("a", 2376), ("b", 500)):
        content = new_layout(model, 0.3)
        content["n-samples"] = {"arc_easy": {"original": 2376, "effective": n}}
        written(tmp_path / f"{model}.json", content)
    found = read_lm_harness(tmp_path, benchmarks=["arc_easy"])
    with pytest.raises(BenchmarkError, match=r"'arc_easy' has 500 questions in .*b.json and 2376"):
        found.questions()


def test_what_is_not_used_is_counted_by_file(tmp_path: Path, runs: pd.DataFrame) -> None:
    for model in "ab":
        content = new_layout(model, 0.3)
        content["results"] |= {name: {"alias": name} for name in ("x", "y")}  # type: ignore[operator]
        written(tmp_path / f"{model}.json", content)
    said = str(join_evaluations(runs, read_lm_harness(tmp_path)))
    told = [line for line in said.splitlines() if line.startswith("not used: ")]
    assert [line.endswith(" (and 2 more)") for line in told] == [True, True]
    chosen = join_evaluations(runs, read_lm_harness(tmp_path, benchmarks=["arc_easy"]))
    assert "not used" not in str(chosen)
    with pytest.raises(BenchmarkError, match="no result of arc_eazy; there are: arc_easy, wiki"):
        read_lm_harness(tmp_path, benchmarks=["arc_eazy"])


def test_a_group_that_is_chosen_is_read(tmp_path: Path) -> None:
    written(
        tmp_path / "a.json",
        {
            "results": {"mmlu": {"acc": 0.4}, "mmlu_law": {"acc": 0.3}},
            "group_subtasks": {"mmlu": ["mmlu_law"]},
            "model_name": "a",
        },
    )
    assert read_lm_harness(tmp_path).table["benchmark"].tolist() == ["mmlu_law"]
    assert read_lm_harness(tmp_path, benchmarks=["mmlu"]).table["accuracy"].tolist() == [0.4]


def test_different_numbers_of_examples_are_warned_of(tmp_path: Path, runs: pd.DataFrame) -> None:
    for model, shots in (("a", 0), ("b", 5)):
        written(
            tmp_path / f"{model}.json", new_layout(model, 0.3) | {"n-shot": {"arc_easy": shots}}
        )
    written(tmp_path / "c.json", old_layout("c", 0.3))  # tells none
    said = str(join_evaluations(runs, read_lm_harness(tmp_path)))
    assert "\nwarning: benchmarks were asked with different numbers of examples" in said
    assert f"arc_easy (0 in {tmp_path / 'a.json'}, 5 in {tmp_path / 'b.json'})" in said
    old = old_layout("b", 0.3)
    old["config"] |= {"num_fewshot": 0}  # type: ignore[operator]
    written(tmp_path / "b.json", old)
    assert read_lm_harness(tmp_path).mixed_shots() == ""
    for model, shots in (("a", 0), ("b", 5)):
        told = olmes_task(model, "piqa", 0.6, 1.0) | {"task_config": {"num_shots": shots}}
        written(tmp_path / "olmes" / f"task-000-{model}-metrics.json", told)
    assert "piqa (0 in" in read_olmes(tmp_path / "olmes").mixed_shots()
