"""The panel's tables: laws beside each other, per table, pooled, and by what makes it hard.

    python results/panel/summary.py --fits results/panel/fits --out results/panel/panel.md \
        camel.short camel-shared.short

A table's figure is the mean over its views of the mean over the view's horizons, and the pooled one
is the mean over tables with the standard error that tables give (horizons of one table are not
independent). Only horizons that every law listed could be fitted to are compared; the log score is
of relative losses, differences of it are taken against the first law listed.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

SCORES = ("mre", "bias", "coverage50", "coverage90", "width90", "log_score", "crps")
SPLITS: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "all studies of sizes": lambda r: r.kind == "sizes",
    "to 2 times": lambda r: (r.kind == "sizes") & (r.distance <= 2),
    "2 to 5 times": lambda r: (r.kind == "sizes") & (r.distance > 2) & (r.distance <= 5),
    "beyond 5 times": lambda r: (r.kind == "sizes") & (r.distance > 5),
    "1 size": lambda r: (r.kind == "sizes") & (r.n_sizes == 1),
    "2 sizes": lambda r: (r.kind == "sizes") & (r.n_sizes == 2),
    "3 sizes": lambda r: (r.kind == "sizes") & (r.n_sizes == 3),
    "more sizes": lambda r: (r.kind == "sizes") & (r.n_sizes > 3),
    "tokens vary": lambda r: (r.kind == "sizes") & r.tokens_vary,
    "tokens do not vary": lambda r: (r.kind == "sizes") & ~r.tokens_vary,
    "a dozen runs": lambda r: r.kind == "dozen",
}


def rows_of(path: Path) -> pd.DataFrame:
    """A row a held-out size, with what is known of its fit."""
    found: list[dict[str, Any]] = []
    for line in path.read_text().splitlines():
        fit = json.loads(line)
        shared = {name: value for name, value in fit.items() if name != "rows"}
        found += [{**shared, **row} for row in fit["rows"]]
    return pd.DataFrame(found)


def by_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean over the horizons of a view, then over the views of a table."""
    views = rows.groupby(["table", "view"])[list(SCORES)].mean()
    return views.groupby("table").mean()


def common(laws: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Horizons that every law has."""
    places = [set(zip(rows.key, rows["size"], strict=True)) for rows in laws.values()]
    shared = set.intersection(*places)
    return {
        law: rows[[place in shared for place in zip(rows.key, rows["size"], strict=True)]]
        for law, rows in laws.items()
    }


def split(laws: dict[str, pd.DataFrame], name: str) -> pd.DataFrame:
    """One row a law: scores pooled over tables, difference of log score to the first, its error."""
    result = {}
    first: pd.DataFrame | None = None
    for law, rows in laws.items():
        tables = by_table(rows[SPLITS[name](rows)])
        if tables.empty:
            continue
        first = tables if first is None else first
        gain = (tables.log_score - first.log_score).dropna()
        error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.nan
        result[law] = tables.mean().to_dict() | {
            "gain": gain.mean(),
            "se": error,
            "better in": f"{int((gain > 0).sum())}/{len(gain)}",
        }
    return pd.DataFrame(result).T


def cells(table: pd.DataFrame) -> str:
    """As Markdown."""
    percent = ("mre", "bias", "coverage50", "coverage90", "width90")
    head = ["law", *table.columns]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for law, row in table.iterrows():
        words = [
            value
            if isinstance(value, str)
            else (
                f"{value:{'+' if name == 'bias' else ''}.1%}"
                if name in percent
                else f"{value:.4f}"
                if name == "crps"
                else f"{value:.2f}"
            )
            for name, value in row.items()
        ]
        lines.append(f"| {law} | " + " | ".join(words) + " |")
    return "\n".join(lines)


def health(laws: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Convergence and time, by law, over fits."""
    result = {}
    for law, rows in laws.items():
        fits = rows.drop_duplicates("key")
        words = {"fits": str(len(fits)), "seconds": fits.seconds.median()}
        if "rhat" in fits:
            words |= {
                "R-hat, worst": fits.rhat.max(),
                "ESS, least": fits.ess.min(),
                "divergences": fits.divergences.sum(),
            }
        result[law] = words
    return pd.DataFrame(result).T


def draw(laws: dict[str, pd.DataFrame], path: Path) -> None:
    """What 90 % intervals cover, by split: a dot a table, a bar for their mean."""
    import matplotlib.pyplot as plt

    names = [name for name in SPLITS if all(SPLITS[name](rows).any() for rows in laws.values())]
    figure, axes = plt.subplots(figsize=(8, 0.5 * len(names) + 1), layout="constrained")
    for i, (law, found) in enumerate(laws.items()):
        for j, name in enumerate(names):
            covered = by_table(found[SPLITS[name](found)]).coverage90
            height = np.full(len(covered), j + 0.25 * (i - (len(laws) - 1) / 2))
            axes.plot(covered, height, "o", color=f"C{i}", alpha=0.4, markersize=4)
            label = law if j == 0 else None
            axes.plot(covered.mean(), height[0], "|", color=f"C{i}", markersize=16, label=label)
    axes.axvspan(0.85, 0.95, color="0.9", zorder=0)
    axes.set(xlim=(0, 1), xlabel="covered by 90 % intervals", yticks=range(len(names)))
    axes.set_yticklabels(names)
    axes.invert_yaxis()
    axes.legend(loc="lower left", frameon=False)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("laws", nargs="+", help="<law>.<mode>, the one to compare with first")
    parser.add_argument("--fits", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--picture", type=Path, help="coverage of the first two laws")
    parser.add_argument("--tables", nargs="*")
    options = parser.parse_args()
    laws = {law: rows_of(options.fits / f"{law}.jsonl") for law in options.laws}
    if options.tables:
        laws = {law: rows[rows.table.isin(options.tables)] for law, rows in laws.items()}
    text = ["# The panel", ""]
    compared = common(laws)
    for name in SPLITS:
        pool = laws if name == "1 size" else compared
        pool = {k: v for k, v in pool.items() if SPLITS[name](v).any()}
        if pool:
            text += [f"## {name}", "", cells(split(pool, name)), ""]
    text += ["## by table (all studies of sizes)", ""]
    for table in compared[options.laws[0]].table.unique():
        rows = {
            law: by_table(found[(found.table == table) & (found.kind == "sizes")]).loc[table]
            for law, found in compared.items()
        }
        text += [f"### {table}", "", cells(pd.DataFrame(rows).T), ""]
    text += ["## fits", "", cells(health(laws)), ""]
    print("\n".join(text))
    if options.picture:
        draw(dict(list(compared.items())[:2]), options.picture)
    if options.out:
        options.out.write_text("\n".join(text))


if __name__ == "__main__":
    main()
