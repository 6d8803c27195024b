"""Is the ladder straight? Loss over size at one mixture, its power law, and what is left over.

    proxies sweep --grid ladder --out records
    python results/proxies/ladder.py --records records > results/proxies/ladder.md

In the folder of the grid v2 only the smallest size is trained. Of each dense size the runs at the
even mixture at ten tokens a parameter, without repeated text, are taken. ``L = E + A (N / N0)^-a``
is fitted to the means over seeds of each domain's log loss; residuals are held against the noise
between seeds, pooled over all runs that differ in their seed alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import least_squares
from scipy.stats import chi2

mpl.use("Agg")

from matplotlib import pyplot as plt

from proxies import collect, straight
from proxies.grid import TOKENS_PER_PARAM

Floats = npt.NDArray[np.float64]


class PowerLaw(NamedTuple):
    """``floor + scale (size / middle)^-power``, in nats per token."""

    floor: float
    scale: float
    power: float
    middle: float

    def __call__(self, size: Floats) -> Floats:
        """Loss at sizes."""
        return np.asarray(self.floor + self.scale * (size / self.middle) ** -self.power)


def even_runs(table: pd.DataFrame) -> pd.DataFrame:
    """Dense runs at the even mixture and ten tokens a parameter, each text seen once at most."""
    weights, epochs = straight.columns(table, "w_"), straight.columns(table, "epochs_")
    ratio = table["n_tokens"] / table["n_params"]
    kept = (abs(table[weights] - 1 / len(weights)) < 1e-6).all(axis=1)
    kept &= (table[epochs] <= 1).all(axis=1) & (abs(ratio / TOKENS_PER_PARAM - 1) < 0.01)
    if "n_active_params" in table:
        kept &= table["n_active_params"] == table["n_params"]
    return table[kept]


def fit(size: Floats, log_loss: Floats, noise: Floats) -> PowerLaw:
    """Least squares in log loss, each size by its noise; floor and power are not negative."""
    middle, loss = float(np.exp(np.log(size).mean())), np.exp(log_loss)

    def law(theta: Floats) -> PowerLaw:
        floor, scale, power = map(float, np.exp(theta))
        return PowerLaw(floor, scale, power, middle)

    def residuals(theta: Floats) -> Floats:
        return (np.log(law(theta)(size)) - log_loss) / noise

    start = np.log([0.5 * loss.min(), loss.mean() - 0.5 * loss.min(), 0.2])
    return law(least_squares(residuals, start, max_nfev=5000).x)


def main() -> None:
    """Print the table and draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "ladder.png")
    options = parser.parse_args()
    table = collect.collect(options.records)
    losses = straight.columns(table, "loss_")
    spread = straight.seed_noise(table, losses)
    even = even_runs(table)
    logs = even[losses].transform("log").groupby(even["n_params"]).mean()
    size, seeds = logs.index.to_numpy(float), even.groupby("n_params").size().to_numpy()
    if len(size) < 4:
        parser.error(f"{len(size)} sizes at the even mixture: a power law needs four or more")
    noise = spread / np.sqrt(seeds)
    figure, axes = plt.subplots(
        2, len(losses), figsize=(2.6 * len(losses), 4.6), sharex=True, layout="constrained",
        height_ratios=(2, 1), squeeze=False,
    )  # fmt: skip
    print(f"One seed's noise: {100 * spread:.2f} % of the loss. Seeds by size: {seeds.tolist()}.\n")
    heads = ["domain", "floor", "power", *(f"{n:,.0f}, %" for n in size), "chi², p"]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for name, (upper, lower) in zip(losses, axes.T, strict=True):
        law = fit(size, logs[name].to_numpy(), noise)
        left = logs[name].to_numpy() - np.log(law(size))
        total = float(((left / noise) ** 2).sum())
        p = chi2.sf(total, len(size) - 3)
        cells = [f"{law.floor:.2f}", f"{law.power:.3f}", *(f"{100 * value:+.2f}" for value in left)]
        print(f"| {' | '.join([name.removeprefix('loss_'), *cells, f'{total:.1f}, {p:.2f}'])} |")
        fine = np.geomspace(size[0], size[-1], 100)
        upper.plot(fine, law(fine), color="0.6", lw=1)
        upper.plot(size, np.exp(logs[name]), "o", color="C0", ms=4)
        upper.set(xscale="log", yscale="log", title=name.removeprefix("loss_"))
        upper.yaxis.set_major_formatter("{x:.1f}")
        upper.yaxis.set_minor_formatter("{x:.1f}")
        lower.errorbar(size, 100 * left, 100 * noise, fmt="o", color="C0", ms=4, lw=1)
        lower.axhline(0, color="0.6", lw=1)
        lower.set_xlabel("parameters")
    axes[0, 0].set_ylabel("loss, nats per byte")
    axes[1, 0].set_ylabel("residual, %, ± 1 sd")
    figure.savefig(options.out, dpi=130)


if __name__ == "__main__":
    main()
