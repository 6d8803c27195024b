"""Small corpora and runs shared by the tests of the proxies."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from proxies import corpora
from proxies.config import TrainConfig
from proxies.corpora import Corpora, Domain
from proxies.text import mathematics
from proxies.text.build import Limits
from tests.proxies.tiny import TINY, tokens


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_corpora() -> Corpora:
    """Worked problems, and a domain of letters without meaning, in documents of 500 letters."""
    rng = np.random.default_rng(0)
    letters = rng.choice(np.frombuffer(b"abcdefgh ", np.uint8), 60_000)
    letters[499::500] = 0
    pages = tokens("\0".join(mathematics.page(0, i) for i in range(12)))
    return Corpora(
        {
            "letters": Domain(letters[:40_000], letters[40_000:], (80, 40)),
            "math": Domain(pages[:25_000], pages[25_000:], (8, 4)),
        }
    )


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory, tiny_corpora: Corpora) -> Path:
    """The same text as documents, built and saved."""

    def read(side: Domain) -> list[tuple[str, str]]:
        parts = [*bytes(side.train).split(b"\0"), *bytes(side.validation).split(b"\0")]
        return [(f"{number}", part.decode()) for number, part in enumerate(parts)]

    documents = {
        name: (lambda domain=domain: read(domain)) for name, domain in tiny_corpora.domains.items()
    }
    limits = Limits(10**6, 10**6, 0.25)
    return corpora.build(documents, tmp_path_factory.mktemp("cache"), limits)


@pytest.fixture
def tiny_config() -> TrainConfig:
    """Three steps, few questions."""
    return TrainConfig(
        TINY,
        {"letters": 0.4, "math": 0.6},
        n_tokens=3 * 4 * TINY.context,
        batch=4,
        evaluation_tokens=1_000,
        n_questions=8,
    )
