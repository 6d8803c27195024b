"""Small corpora and runs shared by the tests of the proxies."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from proxies import mathematics
from proxies.corpora import Corpora, Domain
from proxies.train import TrainConfig
from tests.proxies.tiny import TINY, tokens


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_corpora() -> Corpora:
    """Worked problems, and a domain of letters without meaning."""
    rng = np.random.default_rng(0)
    letters = rng.choice(np.frombuffer(b"abcdefgh ", np.uint8), 60_000)
    pages = tokens("".join(mathematics.page(0, i) for i in range(12)))
    return Corpora(
        {
            "letters": Domain(letters[:40_000], letters[40_000:], (1, 1)),
            "math": Domain(pages[:25_000], pages[25_000:], (1, 1)),
        }
    )


@pytest.fixture
def tiny_config() -> TrainConfig:
    """Three steps, few questions."""
    return TrainConfig(
        TINY,
        {"letters": 0.4, "math": 0.6},
        n_tokens=3 * 4 * TINY.context,
        evaluation_tokens=1_000,
        n_questions=8,
    )
