"""One model shape for every quick test, text as tokens, and small documents."""

import numpy as np

from proxies.corpora import Tokens
from proxies.model import ModelConfig

TINY = ModelConfig(depth=2, width=16, n_heads=2, hidden=24, context=72)


def tokens(text: str) -> Tokens:
    """ASCII text as byte tokens."""
    return np.frombuffer(text.encode(), np.uint8)


def documents(n: int = 200) -> list[tuple[str, str]]:
    """Pairs of label and text, all different."""
    return [(f"d{i}", f"document {i} " + "with some words " * 8) for i in range(n)]
