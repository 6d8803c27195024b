import math

import numpy as np
import pytest
import torch

from proxies import evaluate
from proxies.corpora import Corpora
from proxies.model import Transformer
from tests.proxies.tiny import TINY


def random_model() -> Transformer:
    torch.manual_seed(0)
    model = Transformer(TINY)
    torch.nn.init.normal_(model.head.weight, std=0.1)
    return model


@torch.no_grad()
def test_domain_loss_is_the_mean_over_windows(tiny_corpora: Corpora) -> None:
    model = random_model()
    tokens = tiny_corpora.domains["math"].validation
    starts = evaluate.window_starts(tokens.size, 72, 720)
    assert starts.size == 10
    rows = torch.from_numpy(np.stack([tokens[s : s + 73] for s in starts]).astype(np.int64))
    logs = model(rows[:, :-1]).log_softmax(-1)
    expected = -logs.gather(2, rows[:, 1:, None]).mean()
    found = evaluate.domain_loss(model, tokens, 0, 72, 720, "cpu")
    assert found.mean == pytest.approx(float(expected), rel=1e-5)


def test_standard_error_is_that_of_document_means() -> None:
    """With documents of one length it is the standard error of their means."""
    rng = np.random.default_rng(0)
    nats = rng.normal(2, 0.1, (40, 50)) + rng.normal(0, 0.5, (40, 1))
    found = evaluate.clustered(nats.ravel(), np.repeat(np.arange(40), 50))
    expected = nats.mean(axis=1).std(ddof=1) / math.sqrt(40)
    assert found.mean == pytest.approx(nats.mean())
    assert found.standard_error == pytest.approx(expected)
    assert found.n_documents == 40


def test_standard_error_covers_with_documents_of_any_length() -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(400):
        lengths = rng.integers(5, 200, 60)
        level = np.repeat(rng.normal(0, 0.5, 60), lengths)
        found = evaluate.clustered(
            level + rng.normal(0, 1, level.size), np.repeat(np.arange(60), lengths)
        )
        hits += abs(found.mean) < 1.96 * found.standard_error
    # 95 % nominal; 400 trials have a standard error of 1.1 points, sixty clusters cost about two.
    assert 0.90 < hits / 400 < 0.98


def test_one_document_has_no_error() -> None:
    assert math.isnan(evaluate.clustered(np.ones(9), np.zeros(9, np.int64)).standard_error)


@torch.no_grad()
def test_documents_are_told_apart_by_the_separator(tiny_corpora: Corpora) -> None:
    losses = evaluate.validation_losses(random_model(), tiny_corpora, 72, 20_000, "cpu")
    assert losses["letters"].n_documents == 40
    assert 0 < losses["letters"].standard_error < 0.05


def test_standard_error_of_uniform_guessing_is_nothing(tiny_corpora: Corpora) -> None:
    with torch.no_grad():
        loss = evaluate.validation_losses(Transformer(TINY), tiny_corpora, 72, 500, "cpu")["math"]
    assert loss.mean == pytest.approx(math.log(256), abs=1e-5)
    assert loss.standard_error == pytest.approx(0, abs=1e-5)
