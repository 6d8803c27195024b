"""Small tables of simulated runs: a smooth law of size and mixture, and a little noise."""

import numpy as np
import pandas as pd

DOMAINS = ["a", "b"]


def simulated_table(sizes: tuple[float, ...], noise: float = 0.003) -> pd.DataFrame:
    """Five mixtures of two domains at each size, 20 tokens a parameter."""
    rng = np.random.default_rng(0)
    rows = []
    for size in sizes:
        for i, share in enumerate((0.05, 0.3, 0.5, 0.7, 0.95)):
            weights = {"a": share, "b": 1 - share}
            row = {"run_id": f"{size:g}-{i}", "n_params": size, "n_tokens": 20 * size, "seed": i}
            for name in DOMAINS:
                reducible = (size / 3e6) ** -0.2 * (0.2 + weights[name]) ** -0.1
                row[f"w_{name}"] = weights[name]
                row[f"loss_{name}"] = 1.5 + 1.5 * reducible + rng.normal(0, noise)
            rows.append(row)
    return pd.DataFrame(rows)
