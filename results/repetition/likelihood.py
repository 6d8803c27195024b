"""The published equation on its own runs, by least Huber loss: R* by the epochs that are fitted.

    cd results/repetition; python likelihood.py --shared ../../../shared/data

    L = E + A / N'^α + B / D'^β

of Muennighoff et al. (arXiv:2305.16264), without priors: tokens as if fresh (D' = D), tokens worth
what repetition leaves them (R_D*), and, as published, parameters in excess of what the unique
tokens can fill worth less, too (R_N*).
"""

import argparse
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from scipy.optimize import minimize

from bayescamel.laws.repetition import worth_of_a_token

DELTA, STARTS = 1e-3, 5
START = np.array([6.0, 6.0, 0.6, 0.35, 0.35, np.log(15), np.log(5)])
SCATTER = np.array([2.0, 2.0, 0.3, 0.1, 0.1, 0.7, 0.7])
BOUNDS = [(0, 25), (0, 25), (-2, 1.2), (0.05, 1.2), (0.05, 1.2), (0, 7), (0, 7)]
"""Of ln A, ln B, ln E, α, β, ln R_D*, ln R_N*."""

FORMS = ("fresh", "R_D*", "R_D* and R_N*")
FITTED = {
    "to 8 epochs": ("epochs <= 8", {"8 to 44": "8 < epochs <= 44", "beyond 44": "epochs > 44"}),
    "to 44 epochs": ("epochs <= 44", {"beyond 44": "epochs > 44"}),
    "all": ("epochs > 0", {}),
}


def worth(tokens: Any, unique: Any, r_star: Any) -> Any:
    """What tokens or parameters are worth, of which so many can be told apart."""
    return tokens * worth_of_a_token(jnp, tokens, unique, r_star)


def log_loss(p: Any, runs: pd.DataFrame, form: str) -> Any:
    """Logarithm of the predicted losses."""
    log_a, log_b, log_e, alpha, beta, log_rd, log_rn = p
    size, tokens, unique = (runs[c].to_numpy() for c in ("n_params", "n_tokens", "unique_tokens"))
    if form == FORMS[2]:
        # Parameters that are optimal for the unique tokens, by Hoffmann et al. 2022.
        g = (alpha * jnp.exp(log_a) / (beta * jnp.exp(log_b))) ** (1 / (alpha + beta))
        filled = (jnp.minimum(tokens, unique) * g) ** (beta / alpha) * g
        size = worth(size, filled, jnp.exp(log_rn))
    if form != FORMS[0]:
        tokens = worth(tokens, unique, jnp.exp(log_rd))
    terms = (log_a - alpha * jnp.log(size), log_b - beta * jnp.log(tokens))
    return jnp.logaddexp(jnp.logaddexp(*terms), log_e)


def fitted(runs: pd.DataFrame, form: str) -> np.ndarray:
    """The best of several starts."""
    observed = np.log(runs["loss_text"].to_numpy())

    def objective(p: Any) -> Any:
        error = jnp.abs(log_loss(p, runs, form) - observed)
        return jnp.where(error < DELTA, error**2 / (2 * DELTA), error - DELTA / 2).sum()

    both = jax.jit(jax.value_and_grad(objective))
    rng = np.random.default_rng(0)
    found = [
        minimize(
            lambda p: tuple(np.asarray(part, float) for part in both(p)),
            START + (i > 0) * SCATTER * rng.normal(size=len(START)),
            jac=True,
            method="L-BFGS-B",
            bounds=BOUNDS,
        )
        for i in range(STARTS)
    ]
    return np.asarray(min(found, key=lambda result: float(result.fun)).x)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True)
    table = pd.read_csv(parser.parse_args().shared / "datablations" / "runs.csv")
    table["epochs"] = table["n_tokens"] / table["unique_tokens"]
    train = table.query("split == 'train'")
    print("| fitted | runs | form | R_D* | R_N* | error, bias at 8 to 44 epochs | beyond 44 |")
    print("|---" * 7 + "|")
    with jax.enable_x64(True):
        for name, (rows, tests) in FITTED.items():
            some = train.query(rows)
            for form in FORMS:
                p = fitted(some, form)
                numbers = [f"{np.exp(p[5]):.1f}" if form != FORMS[0] else ""]
                numbers.append(f"{np.exp(p[6]):.1f}" if form == FORMS[2] else "")
                for which in ("8 to 44", "beyond 44"):
                    cell = ""
                    if which in tests:
                        test = table.query(tests[which])
                        off = np.expm1(log_loss(p, test, form) - np.log(test["loss_text"]))
                        cell = f"{np.abs(off).mean():.1%}, {off.mean():+.1%}"
                    numbers.append(cell)
                print(f"| {name} | {len(some)} | {form} | {' | '.join(numbers)} |", flush=True)


if __name__ == "__main__":
    main()
