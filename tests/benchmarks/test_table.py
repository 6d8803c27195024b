"""What is known of benchmarks, bundled or from the user."""

from typing import Any

import pandas as pd
import pytest

from bayescamel.benchmarks import benchmark_facts, known_benchmarks
from bayescamel.exceptions import BenchmarkError


def test_every_bundled_benchmark_is_complete_and_has_a_source() -> None:
    table = known_benchmarks()
    assert table.index.is_unique
    assert table["chance"].between(0, 1, inclusive="left").all()
    assert (table["questions"] >= 1).all()
    assert (table["group"].str.len() > 0).all()
    assert (table["source"].str.len() > 5).all()


def test_a_users_table_adds_and_replaces() -> None:
    own = pd.DataFrame({"name": ["mine", "arc_easy"], "chance": [0.1, 0.5], "questions": [77, 10]})
    facts = benchmark_facts(["arc_easy", "mine", "piqa"], own)
    assert facts["chance"].to_numpy().tolist() == [0.5, 0.1, 0.5]
    assert facts["questions"].to_numpy().tolist() == [10, 77, 1838]
    # Without a chance level of its own a smooth score starts at the accuracy's.
    assert facts["score_chance"].to_numpy().tolist() == [0.5, 0.1, 0.5]


def test_what_the_results_tell_comes_first() -> None:
    facts = benchmark_facts(["arc_easy", "piqa"], questions={"piqa": 500, "other": 3})
    assert facts["questions"].to_numpy().tolist() == [2376, 500]


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (None, "nothing is known of the benchmark 'mine'"),
        ({"name": ["mine"], "chance": [0.1]}, "no column 'questions'"),
        ({"name": ["mine"], "chance": [1.0], "questions": [5]}, "'mine': chance = 1 is impossible"),
        ({"name": ["mine"], "chance": [0.2], "questions": [0]}, "'mine': questions = 0"),
        ({"name": ["mine"], "chance": [None], "questions": [5]}, "'mine': chance = nan"),
        ({"name": ["mine"], "chance": ["low"], "questions": [5]}, "'mine': chance is not a number"),
        ({"name": ["mine"] * 2, "chance": [0.2] * 2, "questions": [5] * 2}, "'mine' twice"),
    ],
)
def test_what_cannot_be_is_refused_by_name(own: dict[str, Any] | None, message: str) -> None:
    table = None if own is None else pd.DataFrame(own)
    with pytest.raises(BenchmarkError, match=message):
        benchmark_facts(["mine"], table)
