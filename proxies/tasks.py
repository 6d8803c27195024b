"""Benchmarks that small models can move: multiple choice, scored by likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from bayescamel.exceptions import BayesCamelError
from proxies import mathematics
from proxies.corpora import SEPARATOR, Corpora, Tokens
from proxies.model import Transformer

N_CHOICES = 4
PROMPT_BYTES = 48
CONTINUATION_BYTES = 20
QUESTIONS_PER_PASS = 16
WORKED = (
    mathematics.story,
    mathematics.long_product,
    mathematics.percentage,
    mathematics.progression,
)
ANSWER = b"Answer:"


@dataclass(frozen=True)
class Question:
    """``choices[answer]`` is right; prompt and choices are bytes."""

    prompt: bytes
    choices: tuple[bytes, ...]
    answer: int


@dataclass(frozen=True)
class Result:
    """Accuracy and smooth score of a benchmark, both 0 to 1; chance is 0.25."""

    accuracy: float
    score: float
    n_questions: int


def shuffle_choices(rng: Random, prompt: bytes, right: bytes, wrong: list[bytes]) -> Question:
    """Put the right choice at a random place."""
    answer = rng.randrange(len(wrong) + 1)
    return Question(prompt, (*wrong[:answer], right, *wrong[answer:]), answer)


def continuation_questions(tokens: Tokens, n: int, seed: int) -> list[Question]:
    """The true continuation of a held-out passage among those of three other passages.

    Passages do not overlap and lie within one document. Text that is too short gives fewer
    questions; the record holds how many.

    Raises
    ------
    BayesCamelError
        When there are not even ``N_CHOICES`` passages.
    """
    length = PROMPT_BYTES + CONTINUATION_BYTES
    rows = tokens[: tokens.size // length * length].reshape(-1, length)
    rows = rows[(rows != SEPARATOR).all(axis=1)]
    if rows.shape[0] < N_CHOICES:
        raise BayesCamelError(f"{tokens.size} validation tokens are too few for a benchmark")
    rng = Random(f"continuation:{seed}")
    chosen = rng.sample(range(rows.shape[0]), min(n, rows.shape[0]))
    endings = [rows[i, PROMPT_BYTES:].tobytes() for i in range(rows.shape[0])]
    questions = []
    for i in chosen:
        others = [endings[j] for j in rng.sample(range(rows.shape[0]), min(32, rows.shape[0]))]
        wrong = [text for text in dict.fromkeys(others) if text != endings[i]]
        if len(wrong) >= N_CHOICES - 1:
            prompt = rows[i, :PROMPT_BYTES].tobytes()
            questions.append(shuffle_choices(rng, prompt, endings[i], wrong[: N_CHOICES - 1]))
    return questions


def arithmetic_questions(n: int, seed: int) -> list[Question]:
    """The result of a worked problem, after its working, among the results of three others.

    The small models of the bundled runs do not learn to calculate: asked for a sum without its
    working, or among near misses, all of them are at chance. Reading the result off the working
    they do learn, the more so the more mathematics they read. The wrong choices come from problems
    of the same kinds, so that what results look like in general gives nothing away. The problems
    are not held out from the ``math`` domain; there are millions of each kind.
    """
    rng = Random(f"arithmetic:{seed}")
    questions = []
    for _ in range(n):
        working, right = worked(rng)
        wrong: list[bytes] = []
        while len(wrong) < N_CHOICES - 1:
            other = worked(rng)[1]
            if other != right and other not in wrong:
                wrong.append(other)
        questions.append(shuffle_choices(rng, working, right, wrong))
    return questions


def worked(rng: Random) -> tuple[bytes, bytes]:
    """The end of a problem's working, up to its answer, and the answer."""
    before, after = rng.choice(WORKED)(rng).encode().rsplit(ANSWER, 1)
    return (before + ANSWER)[-PROMPT_BYTES:], after


def build(corpora: Corpora, n: int, seed: int = 0) -> dict[str, list[Question]]:
    """All benchmarks by name: ``continue_<domain>`` and, with a math domain, ``arithmetic``."""
    tasks = {
        f"continue_{name}": continuation_questions(domain.validation, n, seed)
        for name, domain in corpora.domains.items()
    }
    if "math" in corpora.names:
        tasks["arithmetic"] = arithmetic_questions(n, seed)
    return tasks


@torch.no_grad()
def choice_likelihoods(model: Transformer, questions: list[Question]) -> Tensor:
    """Mean log likelihood in nats per byte of every choice, (question, choice)."""
    device = model.head.weight.device
    texts = [(q.prompt, choice) for q in questions for choice in q.choices]
    longest = max(len(prompt) + len(choice) for prompt, choice in texts)
    if longest - 1 > model.config.context:
        raise BayesCamelError(f"benchmarks need a context of at least {longest - 1} tokens")
    tokens = np.zeros((len(texts), longest), np.int64)
    mask = np.zeros((len(texts), longest - 1), np.float32)
    for row, (prompt, choice) in enumerate(texts):
        tokens[row, : len(prompt) + len(choice)] = list(prompt + choice)
        mask[row, len(prompt) - 1 : len(prompt) + len(choice) - 1] = 1 / len(choice)
    inputs = torch.from_numpy(tokens).to(device)
    logits = model(inputs[:, :-1])
    nats = functional.cross_entropy(logits.transpose(1, 2), inputs[:, 1:], reduction="none")
    means = -(nats * torch.from_numpy(mask).to(device)).sum(dim=1)
    return means.view(len(questions), -1).double().cpu()


def evaluate(model: Transformer, questions: list[Question]) -> Result:
    """Accuracy of the likeliest choice and mean smooth score.

    With ``l_c`` the mean log likelihood per byte of choice c, the smooth score of a question is
    ``exp(l_right) / sum_c exp(l_c)``.
    """
    model.eval()
    hits, score = 0.0, 0.0
    for first in range(0, len(questions), QUESTIONS_PER_PASS):
        part = questions[first : first + QUESTIONS_PER_PASS]
        likelihoods = choice_likelihoods(model, part)
        answers = torch.tensor([question.answer for question in part])
        hits += float((likelihoods.argmax(dim=1) == answers).sum())
        probability = likelihoods.softmax(dim=1)
        score += float(probability.gather(1, answers[:, None]).sum())
    return Result(hits / len(questions), score / len(questions), len(questions))
