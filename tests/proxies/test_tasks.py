import math
import re
from random import Random

import pytest
import torch

from bayescamel.exceptions import BayesCamelError
from proxies import mathematics, tasks
from proxies.corpora import Corpora
from proxies.model import Transformer
from tests.proxies.tiny import TINY, tokens


def random_model(seed: int = 0) -> Transformer:
    torch.manual_seed(seed)
    model = Transformer(TINY)
    torch.nn.init.normal_(model.head.weight)
    return model


def test_random_model_is_at_chance(tiny_corpora: Corpora) -> None:
    for name, questions in tasks.build(tiny_corpora, 200).items():
        accuracies = [tasks.evaluate(random_model(seed), questions).accuracy for seed in range(3)]
        count = 3 * len(questions)
        # Four standard errors; the models share questions, hence the factor two.
        error = 4 * 2 * math.sqrt(0.25 * 0.75 / count)
        assert sum(accuracies) / 3 == pytest.approx(0.25, abs=error), name


def test_indifferent_model_scores_a_quarter() -> None:
    questions = tasks.arithmetic_questions(40, 0)
    result = tasks.evaluate(Transformer(TINY), questions)
    assert result.score == pytest.approx(0.25, abs=1e-6)
    assert result.n_questions == 40


def test_scores_follow_their_definition() -> None:
    questions = tasks.arithmetic_questions(5, 0)
    model = random_model()
    scores, hits = [], []
    for question in questions:
        means = []
        for choice in question.choices:
            text = torch.tensor([list(question.prompt + choice)])
            with torch.no_grad():
                logs = model(text[:, :-1]).log_softmax(-1)[0]
            picked = logs[torch.arange(logs.shape[0]), text[0, 1:]]
            means.append(float(picked[-len(choice) :].mean()))
        weights = [math.exp(m) for m in means]
        scores.append(weights[question.answer] / sum(weights))
        hits.append(means.index(max(means)) == question.answer)
    result = tasks.evaluate(model, questions)
    assert result.score == pytest.approx(sum(scores) / 5, abs=1e-6)
    assert result.accuracy == sum(hits) / 5


def test_continuations_are_the_true_ones(tiny_corpora: Corpora) -> None:
    held_out = tiny_corpora.domains["math"].validation
    questions = tasks.continuation_questions(held_out, 50, 0)
    assert len(questions) == 50
    text = held_out.tobytes()
    for question in questions:
        assert len(set(question.choices)) == tasks.N_CHOICES
        right = question.choices[question.answer]
        assert question.prompt + right in text
        assert all(choice in text for choice in question.choices)
    assert {question.answer for question in questions} == {0, 1, 2, 3}


def test_no_passage_crosses_documents() -> None:
    text = ("a" * 100 + "\0") * 3 + "".join(f"{i:068d}" for i in range(20))
    for question in tasks.continuation_questions(tokens(text), 100, 0):
        assert b"\0" not in question.prompt + question.choices[question.answer]


def test_arithmetic_asks_for_the_result_that_the_working_shows() -> None:
    for question in tasks.arithmetic_questions(300, 0):
        assert len(question.prompt) <= tasks.PROMPT_BYTES
        values = [int(choice) for choice in question.choices]
        assert len(set(values)) == tasks.N_CHOICES
        shown = re.search(r"(-?\d+)\.\nAnswer:$", question.prompt.decode())
        assert shown is not None
        assert [value == int(shown[1]) for value in values].index(True) == question.answer


def test_arithmetic_problems_are_of_the_math_domain() -> None:
    rng = Random(0)
    texts = [template(rng) for template in tasks.WORKED for _ in range(50)]
    assert all(text.encode().count(tasks.ANSWER) == 1 for text in texts)
    assert set(tasks.WORKED) <= set(mathematics.TEMPLATES)


def test_questions_are_seeded(tiny_corpora: Corpora) -> None:
    assert tasks.build(tiny_corpora, 20, 0) == tasks.build(tiny_corpora, 20, 0)
    assert tasks.build(tiny_corpora, 20, 0) != tasks.build(tiny_corpora, 20, 1)
    assert set(tasks.build(tiny_corpora, 5)) == {"continue_letters", "continue_math", "arithmetic"}


def test_too_short_text_and_too_short_context_are_refused() -> None:
    with pytest.raises(BayesCamelError, match="too few"):
        tasks.continuation_questions(tokens("short"), 10, 0)
    long = tasks.Question(b"x" * 80, (b"a", b"b", b"c", b"d"), 0)
    with pytest.raises(BayesCamelError, match="context of at least 80"):
        tasks.evaluate(random_model(), [long])
