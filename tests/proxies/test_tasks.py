import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from bayescamel.exceptions import BayesCamelError
from proxies import corpora as corpora_module
from proxies import tasks
from proxies.corpora import Corpora, Domain
from proxies.model import Transformer
from proxies.text import mathematics
from proxies.text.build import Limits
from tests.proxies.tiny import TINY, documents, tokens

pytestmark = pytest.mark.usefixtures("_no_gradients")


@pytest.fixture
def _no_gradients() -> object:
    with torch.no_grad():
        yield


def random_model(seed: int = 0) -> Transformer:
    torch.manual_seed(seed)
    model = Transformer(TINY)
    torch.nn.init.normal_(model.head.weight)
    return model


def evaluate(model: Transformer, questions: list[tasks.Question]) -> tasks.Result:
    return tasks.evaluate(model, questions, TINY.context, "cpu")


@pytest.fixture(scope="module")
def knowledge() -> Corpora:
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefghij"), n)) for n in rng.integers(3, 9, 400)]
    text = " ".join(rng.choice(words, 9_000))
    side = tokens(text)
    return Corpora({"knowledge": Domain(side[:20_000], side[20_000:]), "other": Domain(side, side)})


def test_random_model_is_at_chance(tiny_corpora: Corpora, knowledge: Corpora) -> None:
    built = tasks.build(tiny_corpora, 200)
    built["cloze"] = tasks.clozes(knowledge.domains["knowledge"].validation, 200, 0)
    assert set(built) == {"continue_letters", "continue_math", "sums", "cloze"}
    for name, questions in built.items():
        accuracies = [evaluate(random_model(seed), questions).accuracy for seed in range(3)]
        # Four standard errors; the models share questions, hence the factor two.
        error = 4 * 2 * math.sqrt(0.25 * 0.75 / (3 * len(questions)))
        assert sum(accuracies) / 3 == pytest.approx(0.25, abs=error), name


def test_indifferent_model_scores_a_quarter() -> None:
    result = evaluate(Transformer(TINY), tasks.sums(40, 0))
    assert result.score == pytest.approx(0.25, abs=1e-6)
    assert (result.n_questions, result.chance) == (40, 0.25)


def test_scores_follow_their_definition() -> None:
    questions = tasks.sums(5, 0)
    model = random_model()
    scores, hits = [], []
    for question in questions:
        means = []
        for choice in question.choices:
            text = torch.tensor([list(question.prompt + choice)])
            logs = model(text[:, :-1]).log_softmax(-1)[0]
            picked = logs[torch.arange(logs.shape[0]), text[0, 1:]]
            means.append(float(picked[-len(choice) :].mean()))
        weights = [math.exp(m) for m in means]
        scores.append(weights[question.answer] / sum(weights))
        hits.append(means.index(max(means)) == question.answer)
    result = evaluate(model, questions)
    assert result.score == pytest.approx(sum(scores) / 5, abs=1e-6)
    assert result.accuracy == sum(hits) / 5


def test_continuations_are_the_true_ones(tiny_corpora: Corpora) -> None:
    held_out = tiny_corpora.domains["math"].validation
    questions = tasks.continuations(held_out, 50, 0)
    assert len(questions) == 50
    text = held_out.tobytes()
    for question in questions:
        assert len(set(question.choices)) == tasks.N_CHOICES
        assert question.prompt + question.right in text
        assert all(choice in text for choice in question.choices)
    assert {question.answer for question in questions} == {0, 1, 2, 3}


def test_no_passage_crosses_documents() -> None:
    text = ("a" * 100 + "\0") * 3 + "".join(f"{i:068d}" for i in range(20))
    for question in tasks.continuations(tokens(text), 100, 0):
        assert b"\0" not in question.prompt + question.right


def test_clozes_offer_words_of_one_length_and_what_follows(knowledge: Corpora) -> None:
    held_out = knowledge.domains["knowledge"].validation
    questions = tasks.clozes(held_out, 60, 0)
    assert len(questions) > 50
    text = held_out.tobytes()
    for question in questions:
        assert question.prompt + question.right in text
        assert len({len(choice) for choice in question.choices}) == 1
        assert len(set(question.choices)) == tasks.N_CHOICES
        n_word = max(n for n in range(5, 11) if len({c[n:] for c in question.choices}) == 1)
        assert len(question.prompt) == tasks.PROMPT
        assert n_word >= 5


def test_sums_are_right_held_out_and_not_in_the_prompt() -> None:
    for question in tasks.sums(200, 0):
        text = question.prompt.decode()
        a, sign, b = text.removeprefix("Compute ").split(".")[0].split()
        value = {"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b)}[sign]
        assert mathematics.held_out(int(a), sign, int(b))
        assert [int(choice) for choice in question.choices].count(value) == 1
        assert int(question.right) == value
        assert question.right not in question.prompt


def test_questions_that_stand_in_training_text_are_not_asked() -> None:
    asked = tasks.sums(20, 0)
    seen = asked[7].prompt + asked[7].right
    kept = tasks.unseen(asked, [b"before " + seen + b"after"])
    assert asked[7] not in kept
    assert len(kept) == len([q for q in asked if q.prompt + q.right != seen])


def test_no_built_question_is_answered_in_the_training_text(tiny_corpora: Corpora) -> None:
    texts = [domain.train.tobytes() for domain in tiny_corpora.domains.values()]
    for questions in tasks.build(tiny_corpora, 60).values():
        for question in questions:
            ending = question.prompt[-tasks.LOOKED_UP :] + question.right
            assert not any(ending in text for text in texts)


def test_questions_are_seeded(tiny_corpora: Corpora) -> None:
    assert tasks.build(tiny_corpora, 20, 0) == tasks.build(tiny_corpora, 20, 0)
    assert tasks.build(tiny_corpora, 20, 0) != tasks.build(tiny_corpora, 20, 1)


def test_questions_are_kept_beside_saved_corpora(tmp_path: Path) -> None:
    pairs = {name: documents(200, seed) for seed, name in enumerate(("a", "b"))}
    folder = corpora_module.build(
        {name: partial(list, listed) for name, listed in pairs.items()},
        tmp_path,
        Limits(10**6, 10**6, 0.3),
    )
    built = corpora_module.load(folder)
    first = tasks.questions(built, 12)
    assert {name: len(asked) for name, asked in first.items()} == {
        "continue_a": 12,
        "continue_b": 12,
    }
    assert (folder / "questions-12.json").exists()
    assert tasks.questions(built, 12) == first == tasks.build(built, 12)
    assert tasks.questions(built, 0) == {}


def test_too_short_text_and_too_short_context_are_refused() -> None:
    with pytest.raises(BayesCamelError, match="too few"):
        tasks.continuations(tokens("short"), 10, 0)
    long = tasks.Question(b"x" * 80, (b"a", b"b", b"c", b"d"), 0)
    with pytest.raises(BayesCamelError, match="context of at least 80"):
        evaluate(random_model(), [long])


def test_patterns_are_found_wherever_they_stand() -> None:
    """At the start, at the end, at every shift, among many that begin alike."""
    rng = np.random.default_rng(0)
    text = rng.choice(np.frombuffer(b"ab", np.uint8), 3000).tobytes()
    ours = [text[start : start + 24] for start in (0, *range(101, 120), len(text) - 24)]
    others = [rng.choice(np.frombuffer(b"ab", np.uint8), 24).tobytes() for _ in range(200)]
    expected = {pattern for pattern in [*ours, *others] if pattern in text}
    assert expected >= set(ours)
    assert tasks.standing([*ours, *others], text) == expected
    assert tasks.standing(ours, b"short") == set()
