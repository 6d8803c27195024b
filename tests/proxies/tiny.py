"""One model shape for every quick test, dense and sparse, text as tokens, and small documents."""

from dataclasses import replace

import numpy as np

from proxies.shapes import ModelConfig
from proxies.text.readers import Document
from proxies.text.tokenisers import Tokens

TINY = ModelConfig(depth=2, width=16, n_heads=2, hidden=24, head_width=8, context=72)
SPARSE = replace(TINY, n_experts=8, expert_hidden=8, top_k=3)


def tokens(text: str) -> Tokens:
    """ASCII text as byte tokens."""
    return np.frombuffer(text.encode(), np.uint8)


def documents(n: int = 200, seed: int = 0) -> list[Document]:
    """Pairs of label and text; no two have 32 bytes in common."""
    rng = np.random.default_rng(seed)
    letters = rng.choice(np.frombuffer(b"abcdefghijklmnop ", np.uint8), (n, 150))
    return [(f"d{i}", row.tobytes().decode() + "\n") for i, row in enumerate(letters)]
