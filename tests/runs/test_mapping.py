"""Other people's names and habits: mapped, said, or refused all at once."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bayescamel.exceptions import RunTableError
from bayescamel.mixtures import as_mixtures
from bayescamel.runs.importers.propose import propose
from bayescamel.runs.mapping import parse_mapping, read_mapping, write_mapping
from bayescamel.runs.sizes import paired_names
from bayescamel.runs.table import check_fittable, read_runs
from tests.runs.test_table import table

THEIRS = {
    "experiment": ["a", "b", "c"],
    "params": [1e6, 1e6, 4e6],
    "mix/code": [0.5, 0.2, 0.3],
    "mix/web": [0.5, 0.8, 0.7],
    "eval/ppl/web": np.exp([3.0, 3.1, 2.5]),
}
NAMES = {
    "experiment": "run_id",
    "params": "n_params",
    "mix/{domain}": "w_{domain}",
    "eval/ppl/{x}": "ppl_{x}",
}


def theirs(**changes: Any) -> pd.DataFrame:
    return pd.DataFrame(THEIRS | changes)


def test_names_patterns_values_and_perplexities() -> None:
    runs = read_runs(theirs(), columns=NAMES | {"n_tokens": 1e9})
    assert list(runs["domain"].to_numpy()) == ["code", "web"]
    np.testing.assert_allclose(runs["loss"].sel(validation="web"), [3.0, 3.1, 2.5])
    assert runs["n_tokens"].to_numpy().tolist() == [1e9] * 3


def test_a_mapping_is_kept_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "runs.toml"
    write_mapping(NAMES | {"n_tokens": 1e9, 'odd "name"': "loss_x\\y"}, path)
    assert read_mapping(path) == NAMES | {"n_tokens": 1e9, 'odd "name"': "loss_x\\y"}
    items = ["experiment=run_id", "mix/{domain}=w_{domain}", "a=b=loss_c", "w_web=1"]
    assert parse_mapping([str(path), *items]) == read_mapping(path) | {
        "a=b": "loss_c",
        "w_web": 1.0,
    }
    sizes = parse_mapping(["n_params=12M", "n_tokens=tokens", "size=7B"])
    assert sizes == {"n_params": 12e6, "n_tokens": "tokens", "size": "7B"}
    path.write_text("[names]\na = 'b'\n")
    with pytest.raises(RunTableError, match=r"runs.toml is no mapping of columns"):
        read_mapping(path)
    for wrong in ("size", "=n_params", "size="):
        with pytest.raises(RunTableError, match="not of the form theirs=ours"):
            parse_mapping([wrong])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"size": "n_params", "nix/{d}": "w_{d}"}, "no column 'size'; no column 'nix/{d}'; the ta"),
        ({"mix/code": "w_a", "mix/web": "w_a"}, "'mix/code', 'mix/web' would be 'w_a': keep one"),
        ({"params": 3.0}, "'params' would be 'params': keep one"),
        ({"mix/{d}": "w_{e}"}, "each part in braces stands once on the left"),
        ({"mix/{d}/{d}": "w_{d}"}, "each part in braces stands once on the left"),
        ({"params": True}, "True is no name of a column"),
    ],
)
def test_mappings_that_cannot_be(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(RunTableError, match=message.replace("{", r"\{")):
        read_runs(theirs(), columns=columns)


def test_a_column_named_itself_stands_before_a_pattern() -> None:
    named = NAMES | {"mix/web": "w_internet"}
    assert list(read_runs(theirs(), columns=named)["domain"].to_numpy()) == ["code", "internet"]


def test_what_is_no_perplexity_is_refused() -> None:
    with pytest.raises(RunTableError, match=r"row 2: 'ppl_web' holds .*0.9.*a perplexity is"):
        read_runs(theirs(**{"eval/ppl/web": [20.0, 0.9, 12.0]}), columns=NAMES)


def test_all_problems_in_one_answer() -> None:
    frame = table(
        w_code=[0.5, 1.2, 0.25, 0.0],
        loss_code=[-1.0, 1.5, "high", -2.0],
        acc_quiz=[25, 30, 0.4, 0.5],
        n_tokens=[1e8, np.nan, 3e8, 3e8],
        run_id=["a", "b", "c", "c"],
    )
    with pytest.raises(RunTableError) as caught:
        read_runs(frame)
    said = str(caught.value)
    assert said.startswith("6 problems: (1) run 'c': 'loss_code' holds 'high'")
    for part in (
        "run 'b': n_tokens is empty",
        "run 'a': loss_code = -1 is not positive (and 1 more such cell)",
        "run 'a': acc_quiz = 25 is outside 0 to 1 (and 1 more such cell)",
        "run 'b': its weights sum to 1.2",
        "run_id 'c' occurs",
    ):
        assert part in said
    nothing = pd.DataFrame({"a": [1], "b": [2]})
    with pytest.raises(RunTableError, match=r"no 'run_id' .*no 'n_params' .*no 'w_\*'.*no 'loss_"):
        read_runs(nothing)


# ---- weights


def test_weights_within_a_thousandth_are_scaled_and_said_to_be() -> None:
    runs = read_runs(table(w_code=[0.5, 1.0, 0.2509, 0.0001]))
    np.testing.assert_allclose(runs["mixture"].sum("domain"), 1, atol=1e-15)
    assert (
        "weights of 2 runs were scaled to sum to 1; they missed it by 0.0009 at most"
        in (runs.attrs["notes"])
    )
    assert "notes" not in read_runs(table()).attrs
    with pytest.raises(RunTableError, match=r"run 'c': its weights sum to 1\.0011, off by"):
        read_runs(table(w_code=[0.5, 1.0, 0.2511, 0.0]))


def test_thirds_are_mixtures_wherever_they_come_in() -> None:
    third = 0.333333
    weights = as_mixtures({"a": third, "b": third, "c": third}, "abc")
    np.testing.assert_allclose(weights.sum("domain"), 1, atol=1e-15)


@pytest.mark.parametrize("text", [False, True])
def test_percentages_are_recognised(text: bool) -> None:
    shares = {"w_code": [50, 100, 25, 0], "w_prose": [50, 0, 75, 100]}
    if text:
        shares = {k: [f"{v} %" for v in values] for k, values in shares.items()}  # type: ignore[misc]
    runs = read_runs(table(**shares))
    np.testing.assert_array_equal(runs["mixture"].sel(domain="code"), [0.5, 1, 0.25, 0])
    assert ("percentages" in runs.attrs.get("notes", "")) is not text
    with pytest.raises(RunTableError, match="run 'c': its weights sum to 100"):
        read_runs(table(w_code=[0.5, 1, 25, 0], w_prose=[0.5, 0, 75, 1]))


def test_counts_and_blanks_as_spreadsheets_have_them() -> None:
    rows = table(
        n_params=["32.0K", "32.0K", "210M", "1.5b"],
        n_tokens=["2T", "1e9", "0.5G", "7B"],
        loss_code=["-", " n/a ", "1.5", "NaN"],
        acc_quiz=["11%", "", "0.4", "-"],
    )
    heading = pd.DataFrame([{"run_id": "large models"}, {}])
    runs = read_runs(pd.concat([rows, heading]))
    np.testing.assert_allclose(runs["n_params"], [32e3, 32e3, 210e6, 1.5e9])
    np.testing.assert_allclose(runs["n_tokens"], [2e12, 1e9, 0.5e9, 7e9])
    assert runs["loss"].sel(validation="code").count() == 1
    assert runs["accuracy"].sel(benchmark="quiz", run="a") == 0.11
    assert runs.attrs["notes"] == "left out 2 rows without any number: large models"


# ---- trackers


def export(**changes: Any) -> pd.DataFrame:
    """As the table of runs of Weights & Biases is exported."""
    base = {
        "Name": ["a", "b", "c", "d"],
        "State": ["finished", "failed", "crashed", "killed"],
        "model.n_params": [1e6, 4e6, 4e6, 1e6],
        "trainer/max_steps": [100, 100, 100, 100],
        "trainer/global_step": [100, 100, 99, 60],
        "mix/code": [0.5, 0.2, 0.3, 0.4],
        "mix/web": [0.5, 0.8, 0.7, 0.6],
        "eval/loss/web": [3.0, 2.5, 2.6, 3.3],
        "eval/loss/web__MIN": [2.9, 2.4, 2.5, 3.2],
        "eval/loss/web__MAX": [3.1, 2.6, 2.7, 3.4],
    }
    return pd.DataFrame(base | changes)


def test_a_state_is_a_hint() -> None:
    runs = read_runs(export())
    assert list(runs["run"].to_numpy()) == ["a", "b", "c"]
    assert list(runs["validation"].to_numpy()) == ["web"]
    notes = runs.attrs["notes"]
    assert "2 runs are kept although their State is crashed, failed" in notes
    assert "left out 1 that did not finish: d (killed)" in notes
    assert "left out extremes of other columns: eval/loss/web__MIN, eval/loss/web__MAX" in notes
    assert "mix/code = w_code" in notes
    unknown = read_runs(export().drop(columns="trainer/global_step"))
    assert list(unknown["run"].to_numpy()) == ["a"]
    assert "no pair of columns such as step and max_steps" in unknown.attrs["notes"]
    every = read_runs(export(), columns={"State": "their_state"})
    assert every.sizes["run"] == 4


def test_an_export_without_state_is_recognised() -> None:
    assert read_runs(export().drop(columns="State")).sizes["run"] == 4


def test_an_export_in_which_nothing_came_to_an_end_is_refused() -> None:
    frame = export(**{"State": "crashed", "trainer/global_step": 3})
    with pytest.raises(RunTableError, match=r"no run has the State 'finished'.*State=their_state"):
        read_runs(frame)


def test_a_history_is_one_row_a_run_by_the_last_finite_value() -> None:
    steps = pd.DataFrame(
        {
            "run_id": ["a"] * 3 + ["b"] * 3,
            "n_params": [1e6] * 3 + [4e6] * 3,
            "w_web": 1.0,
            "step": [3, 1, 2] * 2,
            "n_tokens": [3e8, 1e8, 2e8] * 2,
            "loss_web": [np.nan, 4.0, 3.5, np.inf, 3.8, 3.1],
            "loss_code": [np.nan, 2.0, np.nan, 1.5, np.nan, np.nan],
        }
    )
    runs = read_runs(steps, history="last")
    assert runs["loss"].sel(validation="web").to_numpy().tolist() == [3.5, 3.1]
    assert runs["loss"].sel(validation="code").to_numpy().tolist() == [2.0, 1.5]
    assert runs["n_tokens"].to_numpy().tolist() == [3e8, 3e8]
    with pytest.raises(RunTableError, match="unknown rule 'mean'; there is: last"):
        read_runs(steps, history="mean")
    with pytest.raises(RunTableError, match=r"occurs 3 times.*history='last' .--history last."):
        read_runs(steps.drop(columns="n_tokens"))


def test_proposals_have_reasons() -> None:
    frame = pd.DataFrame(
        {
            "model": ["a", "b"],
            "cfg.parameter_count": ["32.0K", "210M"],
            "data:web": ["11%", "50%"],
            "data:code": ["89%", "50%"],
            "eval/c4/perplexity": [30.0, 20.0],
            "val_loss/web": [80.0, 60.0],
            "val_loss/code": [2.0, 1.9],
            "train/loss/code": [1.0, 1.0],
            "quiz/acc_norm": [0.3, 0.4],
            "quiz/acc_stderr": [0.01, 0.01],
            "lr": [1e-3, 1e-3],
        }
    )
    found = {p.theirs: p for p in propose(frame)}
    assert {theirs: p.ours for theirs, p in found.items()} == {
        "model": "run_id",
        "cfg.parameter_count": "n_params",
        "data:web": "w_web",
        "data:code": "w_code",
        "eval/c4/perplexity": "ppl_c4",
        "val_loss/web": "ppl_web",
        "val_loss/code": "loss_code",
        "train/loss/code": None,
        "quiz/acc_norm": "acc_quiz",
        "quiz/acc_stderr": None,
        "lr": None,
    }
    assert found["data:web"].reason == "the 2 columns data:* sum to 1 in every row"
    assert "a perplexity" in found["val_loss/web"].reason
    names = {t: p.ours for t, p in found.items() if p.ours}
    assert read_runs(frame, columns=names).sizes["validation"] == 3


# ---- domains and accuracies


def test_domains_match_up_to_case_dashes_and_prefixes() -> None:
    frame = table().rename(
        columns={"w_code": "w_Pile-CC", "w_prose": "w_the_stack", "loss_code": "loss_pile_cc"}
    )
    frame = frame.rename(columns={"loss_prose": "loss_val_The-Stack"}).assign(loss_law=2.0)
    runs = read_runs(frame)
    assert paired_names(runs) == {"pile_cc": "Pile-CC", "val_The-Stack": "the_stack"}
    assert (
        "taken for training domains: pile_cc = Pile-CC, val_The-Stack = the_stack"
        in (runs.attrs["notes"])
    )
    both = read_runs(
        table().rename(
            columns={"w_code": "w_en_wiki", "w_prose": "w_de_wiki", "loss_code": "loss_wiki"}
        )
    )
    assert "wiki" not in paired_names(both)  # the end of two: neither


def test_a_table_of_accuracies_alone_is_read_and_not_fitted() -> None:
    runs = read_runs(table().drop(columns=["loss_code", "loss_prose"]))
    assert runs.sizes["validation"] == 0
    assert runs["accuracy"].sel(benchmark="quiz", run="a") == 0.25
    with pytest.raises(RunTableError, match=r"accuracies and no 'loss_\*' column, which a law"):
        check_fittable(runs)
