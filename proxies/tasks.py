"""Benchmarks that small models can move: multiple choice, scored by likelihood.

Continuations of held-out passages, a missing word in held-out passages of the domain ``knowledge``,
and sums that the worked problems of the domain ``math`` leave out. No right answer stands after its
prompt in the training text: every question is looked up there before it is asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from bayescamel.exceptions import BayesCamelError
from proxies.corpora import Corpora
from proxies.files import write_atomically
from proxies.text import arithmetic, mathematics
from proxies.text.tokenisers import ByteTokeniser, Tokens

N_CHOICES = 4
PROMPT = 48
CONTINUATION = 20
"""Bytes of prompt and continuation."""
LOOKED_UP = 24
"""Bytes of the prompt's end that are looked up in the training text before the right choice."""
ROWS_AT_ONCE = 128
WORD = re.compile(rb"(?<![A-Za-z])[a-z]{5,10}(?![A-Za-z])")

Model = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Question:
    """``choices[answer]`` is right; prompt and choices are bytes."""

    prompt: bytes
    choices: tuple[bytes, ...]
    answer: int

    @property
    def right(self) -> bytes:
        """The right choice."""
        return self.choices[self.answer]


@dataclass(frozen=True)
class Result:
    """Accuracy and smooth score of a benchmark, both 0 to 1, and chance."""

    accuracy: float
    score: float
    n_questions: int
    chance: float = 1 / N_CHOICES


def shuffle_choices(rng: Random, prompt: bytes, right: bytes, wrong: list[bytes]) -> Question:
    """Put the right choice at a random place."""
    answer = rng.randrange(len(wrong) + 1)
    return Question(prompt, (*wrong[:answer], right, *wrong[answer:]), answer)


def continuations(tokens: Tokens, n: int, seed: int) -> list[Question]:
    """The true continuation of a held-out passage among those of three other passages.

    Passages do not overlap and lie within one document. Text that is too short gives fewer
    questions; the record holds how many.

    Raises
    ------
    BayesCamelError
        When there are not even ``N_CHOICES`` passages.
    """
    length = PROMPT + CONTINUATION
    rows = np.asarray(tokens[: tokens.size // length * length]).reshape(-1, length)
    rows = rows[(rows != ByteTokeniser.separator).all(axis=1)]
    if rows.shape[0] < N_CHOICES:
        raise BayesCamelError(f"{tokens.size} validation tokens are too few for a benchmark")
    rng = Random(f"continuation:{seed}")
    chosen = rng.sample(range(rows.shape[0]), min(n, rows.shape[0]))
    questions = []
    for i in chosen:
        others = rng.sample(range(rows.shape[0]), min(8 * N_CHOICES, rows.shape[0]))
        right = rows[i, PROMPT:].tobytes()
        endings = dict.fromkeys(rows[j, PROMPT:].tobytes() for j in others)
        wrong = [ending for ending in endings if ending != right]
        if len(wrong) >= N_CHOICES - 1:
            prompt = rows[i, :PROMPT].tobytes()
            questions.append(shuffle_choices(rng, prompt, right, wrong[: N_CHOICES - 1]))
    return questions


def clozes(tokens: Tokens, n: int, seed: int) -> list[Question]:
    """Which of four words stands in a held-out passage; what follows it is part of the choice.

    The wrong words are others of the same length from the same text, so that neither length nor
    alphabet tells. Text without enough words gives fewer questions.
    """
    text = np.asarray(tokens).tobytes()
    rng = Random(f"cloze:{seed}")
    found = list(WORD.finditer(text, PROMPT, max(PROMPT, len(text) - CONTINUATION)))
    by_length: dict[int, list[bytes]] = {}
    for match in found:
        by_length.setdefault(len(match[0]), []).append(match[0])
    questions = []
    for match in rng.sample(found, min(n, len(found))):
        prompt = text[match.start() - PROMPT : match.start()]
        after = text[match.end() : match.end() + CONTINUATION - len(match[0])]
        words = by_length[len(match[0])]
        others = dict.fromkeys(rng.choice(words) for _ in range(8 * N_CHOICES))
        wrong = [word for word in others if word != match[0]][: N_CHOICES - 1]
        whole = ByteTokeniser.separator not in prompt + after
        if whole and len(wrong) == N_CHOICES - 1:
            choices = [word + after for word in wrong]
            questions.append(shuffle_choices(rng, prompt, match[0] + after, choices))
    return questions


def sums(n: int, seed: int) -> list[Question]:
    """The value of a held-out sum, difference or product, as the domain ``math`` asks for it.

    The wrong choices are values of other problems of the same kind.
    """
    rng = Random(f"sums:{seed}")

    def draw() -> tuple[str, str, int]:
        while True:
            text, value = arithmetic.operation(rng)
            if mathematics.shows_held_out(text):
                return text, text.split()[1], value

    questions = []
    for _ in range(n):
        text, sign, value = draw()
        wrong: list[bytes] = []
        while len(wrong) < N_CHOICES - 1:
            _, other_sign, other = draw()
            choice = f" {other}\n".encode()
            if other_sign == sign and other != value and choice not in wrong:
                wrong.append(choice)
        prompt = f"Compute {text}.\nAnswer:".encode()
        questions.append(shuffle_choices(rng, prompt, f" {value}\n".encode(), wrong))
    return questions


def standing(patterns: Sequence[bytes], text: bytes) -> set[bytes]:
    """Which of the patterns, each of 8 bytes or more, stand in a text.

    Thousands of them are looked up in some hundred megabytes: one pass over the text, 8 bytes at a
    time, finds where one could begin.
    """
    by_start: dict[bytes, list[bytes]] = {}
    for pattern in set(patterns):
        by_start.setdefault(pattern[:8], []).append(pattern)
    starts = np.sort(np.frombuffer(b"".join(by_start), np.uint64))
    found: set[bytes] = set()
    for shift in range(min(8, len(text) - 7)):
        words = np.frombuffer(text, np.uint64, (len(text) - shift) // 8, shift)
        nearest = np.searchsorted(starts, words).clip(max=starts.size - 1)
        for place in (8 * np.flatnonzero(starts[nearest] == words) + shift).tolist():
            likely = by_start[text[place : place + 8]]
            found.update(pattern for pattern in likely if text.startswith(pattern, place))
    return found


def unseen(questions: Sequence[Question], texts: Sequence[bytes]) -> list[Question]:
    """Those whose right choice does not stand after the end of its prompt in any of the texts."""
    ends = [question.prompt[-LOOKED_UP:] + question.right for question in questions]
    seen = {end for text in texts for end in standing(ends, text)} if ends else set()
    return [question for question, end in zip(questions, ends, strict=True) if end not in seen]


def build(corpora: Corpora, n: int, seed: int = 0) -> dict[str, list[Question]]:
    """At most ``n`` questions of each benchmark that the corpora allow, none seen in training.

    Raises
    ------
    BayesCamelError
        When a validation text is too short.
    """
    drafts = {
        f"continue_{name}": continuations(domain.validation, 2 * n, seed)
        for name, domain in corpora.domains.items()
    }
    if "knowledge" in corpora.names:
        drafts["cloze_knowledge"] = clozes(corpora.domains["knowledge"].validation, 2 * n, seed)
    if "math" in corpora.names:
        drafts["sums"] = sums(n, seed)
    texts = [np.asarray(domain.train).tobytes() for domain in corpora.domains.values()]
    found = {name: unseen(asked, texts)[:n] for name, asked in drafts.items()}
    return {name: asked for name, asked in found.items() if asked}


def questions(corpora: Corpora, n: int) -> dict[str, list[Question]]:
    """The benchmarks, built once and kept beside saved corpora; none where ``n`` is 0.

    There are none for text whose tokens are not bytes: its models are judged by their losses.
    """
    if n == 0 or corpora.vocabulary != ByteTokeniser.vocabulary:
        return {}
    if corpora.folder is None:
        return build(corpora, n)
    path = corpora.folder / f"questions-{n}.json"
    if not path.exists():
        built = build(corpora, n)
        plain = {name: [_plain(question) for question in asked] for name, asked in built.items()}
        write_atomically(path, lambda file: file.write(json.dumps(plain).encode()))
    return _read(path)


def _plain(question: Question) -> dict[str, object]:
    return {
        "prompt": question.prompt.decode("latin-1"),
        "choices": [choice.decode("latin-1") for choice in question.choices],
        "answer": question.answer,
    }


def _read(path: Path) -> dict[str, list[Question]]:
    kept = json.loads(path.read_text(encoding="utf-8"))
    return {
        name: [
            Question(
                item["prompt"].encode("latin-1"),
                tuple(choice.encode("latin-1") for choice in item["choices"]),
                item["answer"],
            )
            for item in asked
        ]
        for name, asked in kept.items()
    }


def choice_likelihoods(
    model: Model, questions: Sequence[Question], context: int, device: str
) -> Tensor:
    """Mean log likelihood in nats per byte of every choice, (question, choice)."""
    texts = [(q.prompt, choice) for q in questions for choice in q.choices]
    longest = max(len(prompt) + len(choice) for prompt, choice in texts)
    if longest - 1 > context:
        raise BayesCamelError(f"benchmarks need a context of at least {longest - 1} tokens")
    tokens = np.zeros((len(texts), longest), np.int64)
    mask = np.zeros((len(texts), longest - 1), np.float32)
    for row, (prompt, choice) in enumerate(texts):
        tokens[row, : len(prompt) + len(choice)] = list(prompt + choice)
        mask[row, len(prompt) - 1 : len(prompt) + len(choice) - 1] = 1 / len(choice)
    inputs = torch.from_numpy(tokens).to(device)
    logits = model(inputs[:, :-1]).float()
    nats = functional.cross_entropy(logits.transpose(1, 2), inputs[:, 1:], reduction="none")
    means = -(nats * torch.from_numpy(mask).to(device)).sum(dim=1)
    return means.view(len(questions), -1).double().cpu()


def evaluate(model: Model, questions: Sequence[Question], context: int, device: str) -> Result:
    """Accuracy of the likeliest choice and mean smooth score.

    With ``l_c`` the mean log likelihood per byte of choice c, the smooth score of a question is
    ``exp(l_right) / sum_c exp(l_c)``.
    """
    hits, score = 0.0, 0.0
    step = ROWS_AT_ONCE // N_CHOICES
    for first in range(0, len(questions), step):
        part = questions[first : first + step]
        likelihoods = choice_likelihoods(model, part, context, device)
        answers = torch.tensor([question.answer for question in part])
        hits += float((likelihoods.argmax(dim=1) == answers).sum())
        probability = likelihoods.softmax(dim=1)
        score += float(probability.gather(1, answers[:, None]).sum())
    return Result(hits / len(questions), score / len(questions), len(questions))
