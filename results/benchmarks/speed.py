"""How long a fit of many benchmarks and losses takes, on a table that is simulated.

    python results/benchmarks/speed.py

20 benchmarks that listen to few of 31 losses, 31 models from 20M to 7B parameters: as many as an
evaluation suite has beside a corpus in parts. Losses go along with each other, as real ones do.
Processor seconds tell the cost on a machine that does other things as well; four chains on two
idle cores take half of them.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from bayescamel.benchmarks import fit_benchmarks

HERE = Path(__file__).parent


def simulated_table(
    n_benchmarks: int = 20, n_losses: int = 31, n_models: int = 31, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Runs with losses and accuracies, and what is known of the benchmarks."""
    rng = np.random.default_rng(seed)
    size = rng.permutation(np.geomspace(2e7, 7e9, n_models))
    tokens = 20 * size * np.exp(rng.normal(0, 0.7, n_models))
    mixture = rng.dirichlet(np.ones(4), n_models)
    curve = 0.6 * (size / 1e8) ** -0.25 + 0.6 * (tokens / 2e9) ** -0.25
    scale = np.exp(mixture @ rng.normal(0, 0.15, (4, n_losses)) + rng.normal(0, 0.2, n_losses))
    loss = rng.uniform(1, 2.2, n_losses) + curve[:, None] * scale
    loss *= np.exp(rng.normal(0, 0.01, loss.shape))
    relative = loss / np.exp(np.log(loss).mean(axis=0))
    signal = relative @ rng.dirichlet(np.full(n_losses, 0.1), n_benchmarks).T
    slope = np.exp(rng.normal(np.log(9), 0.5, n_benchmarks))
    midpoint = rng.normal(-0.05, 0.15, n_benchmarks)
    ceiling, chance = rng.uniform(0.6, 0.95, n_benchmarks), rng.choice([0, 0.25, 0.5], n_benchmarks)
    reached = 1 / (1 + np.exp(-slope * (midpoint - np.log(signal))))
    accuracy = chance + (1 - chance) * ceiling * reached
    accuracy = np.clip(accuracy + rng.normal(0, 0.015, accuracy.shape), 0.005, 0.995)
    questions = rng.choice([200, 1000, 2500], n_benchmarks)
    table = pd.DataFrame({"run_id": [f"m{i}" for i in range(n_models)], "n_params": size})
    table["n_tokens"] = tokens
    table[[f"w_d{k}" for k in range(4)]] = mixture
    table[[f"loss_v{v}" for v in range(n_losses)]] = loss
    table[[f"acc_b{b}" for b in range(n_benchmarks)]] = (
        rng.binomial(questions, accuracy) / questions
    )
    names = [f"b{b}" for b in range(n_benchmarks)]
    return table, pd.DataFrame({"name": names, "chance": chance, "questions": questions})


def main() -> None:
    """Fit with the defaults, and write what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of table and chains")
    parser.add_argument("--out", type=Path, default=HERE / "speed.md")
    options = parser.parse_args()
    table, known = simulated_table(seed=options.seed)
    began, cpu = time.perf_counter(), time.process_time()
    fitted = fit_benchmarks(table, benchmarks=known, seed=options.seed, progress=False)
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    text = (
        f"`python results/benchmarks/speed.py --seed {options.seed}`\n\n"
        f"20 benchmarks × 31 losses × 31 models, {fitted.hierarchy.dimension} numbers sampled, "
        f"defaults: {wall:.0f} s on a machine that was shared, {cpu:.0f} s of processor time.\n\n"
        f"{fitted.status}\n"
    )
    options.out.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
