"""Whether size and tokens help each other: point fits of the curve, with and without their product.

    python results/panel/crossing.py --shared ../shared/data > results/panel/crossing.md

Tables where tokens vary apart from size, one mixture and one loss at a time, so that the default
law's curve is all there is. Each is fitted whole by least squares, its priors as ridges, and again
without the quarter of runs with the most FLOPs, which are then predicted. The product has a wide
prior around 0, and in the last column the mean and sd of what the other tables say; the law without
it is a variant (``variants.py``).
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from scipy.optimize import least_squares
from variants import VARIANTS

from bayescamel import read_runs
from bayescamel.laws import Law, get_law
from bayescamel.laws.base import Inputs
from bayescamel.models.hierarchy import Noise

RESIDUAL = 0.002
"""Of the loss, by which priors and runs are weighed."""
WIDE_SD = 0.01


class Fit:
    """A law's curve fitted to runs of one mixture: ``n_params, n_tokens, loss``."""

    def __init__(self, law: Law, runs: pd.DataFrame) -> None:
        self.law = law
        self.size = np.exp(np.log(runs["n_params"].unique()).mean())
        self.tokens = np.exp(np.log(runs["n_tokens"]).mean())
        self.reference = float(runs["loss"].mean())
        bends = [p for p in law.parameters if p.name in ("alpha", "beta")]
        self.prior: np.ndarray = np.array(
            [(np.log(p.typical), np.hypot(p.location_sd, p.spread)) for p in bends]
            + [(c.mean, np.hypot(c.location_sd, c.spread)) for c in law.coefficients]
        )

        def residuals(values: np.ndarray) -> np.ndarray:
            off = (self.loss(runs, values) - runs["loss"]) / self.reference / RESIDUAL
            ridge = (values - self.prior[:, 0]) / self.prior[:, 1]
            return np.concatenate([off, ridge])

        self.found = least_squares(residuals, self.prior[:, 0]).x

    def loss(self, runs: pd.DataFrame, values: np.ndarray | None = None) -> np.ndarray:
        """Of runs, by the curve."""
        values = self.found if values is None else values
        size = np.log(runs["n_params"].to_numpy() / self.size)
        tokens = np.log(runs["n_tokens"].to_numpy() / self.tokens)
        one = np.ones((1, len(runs), 1))
        centre = np.log([self.size / 1e8, self.tokens / 1e10])
        inputs = Inputs(size, size, size, tokens, one, np.ones(1), one[:, :1], centre)
        basis, _ = self.law.terms(
            np,
            inputs,
            alpha=np.exp(values[0]),
            beta=np.exp(values[1]),
            elasticity=np.full((1, 1, 1), 1e-9),
            size_fading=0.0,
        )
        terms = [basis[c.name] for c in self.law.coefficients]
        curve = sum(value * term for value, term in zip(values[2:], terms, strict=True))
        return np.asarray(curve * self.reference)


def tables(shared: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    """Runs of one mixture and one loss."""
    ablations = pd.read_csv(shared / "datablations" / "runs.csv")
    dense = pd.read_csv(shared / "misfitting_dense" / "runs.csv")
    sources: dict[str, Path | pd.DataFrame] = {
        "farseer": shared / "farseer" / "runs.csv",
        "datablations": ablations[ablations["n_tokens"] <= 4 * ablations["unique_tokens"]].drop(
            columns="unique_tokens"  # as if all were fresh
        ),
        "misfitting_dense": dense.loc[
            dense.groupby(["n_params", "n_tokens"])["loss_text"].idxmin()
        ],
        "gadre_scaling": shared / "gadre_scaling" / "runs.csv",
    }
    for view, source in sources.items():
        runs = read_runs(source)
        corner = runs["mixture"].argmax("domain").to_numpy()
        for k, domain in enumerate(runs["domain"].to_numpy()):
            for loss in runs["validation"].to_numpy():
                found = _table(runs.isel(run=corner == k), str(loss))
                yield f"{view}, {domain}, {loss}", found


def _table(runs: xr.Dataset, loss: str) -> pd.DataFrame:
    columns = {name: runs[name].to_numpy() for name in ("n_params", "n_tokens")}
    return pd.DataFrame(columns | {"loss": runs["loss"].sel(validation=loss).to_numpy()}).dropna()


def with_prior(law: Law, mean: float, sd: float) -> Law:
    """The law with another prior of the product."""
    coefficients = tuple(
        replace(c, mean=mean, location_sd=sd, spread=0.0) if c.name == "crossing" else c
        for c in law.coefficients
    )
    return replace(law, coefficients=coefficients)


def error_ahead(law: Law, runs: pd.DataFrame) -> str:
    """Mean relative error of the quarter of runs with the most FLOPs, told from the others."""
    flops = runs["n_params"] * runs["n_tokens"]
    dear = (flops >= flops.quantile(0.75)).to_numpy()
    predicted = Fit(law, runs[~dear]).loss(runs[dear])
    return f"{abs(predicted / runs['loss'][dear] - 1).mean():.1%}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True)
    options = parser.parse_args()
    crossed = get_law("camel")
    additive, _ = VARIANTS["no-crossing"](crossed, Noise())
    wide = with_prior(crossed, 0.0, WIDE_SD)
    place = [c.name for c in crossed.coefficients].index("crossing") + 2
    found = list(tables(options.shared))
    whole = {name: (Fit(additive, runs), Fit(wide, runs)) for name, runs in found}
    products = pd.Series({name: fits[1].found[place] for name, fits in whole.items()})
    means = products.groupby(products.index.str.split(",").str[0]).mean()
    head = ["table, mixture, loss", "runs", "sd", "sd, crossed", "product", "error ahead"]
    head += ["crossed", "crossed, prior of the others"]
    print(f"{__doc__.split(chr(10))[0]}\n\n| {' | '.join(head)} |\n{'|---' * len(head)}|")
    for name, runs in found:
        others = means.drop(name.partition(",")[0])
        told = with_prior(crossed, float(others.mean()), float(others.std()))
        sds = [(fit.loss(runs) / runs["loss"] - 1).std() for fit in whole[name]]
        cells = [name, str(len(runs)), *(f"{sd:.2%}" for sd in sds), f"{products[name]:.4f}"]
        cells += [error_ahead(law, runs) for law in (additive, wide, told)]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
