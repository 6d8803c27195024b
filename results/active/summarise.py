"""Figure and table of a replay.

    python results/active/summarise.py replay.jsonl --out results/active/mixinglaws

writes ``mixinglaws.png`` and ``mixinglaws.md``. Only seeds count of which all acquisitions were
replayed. Where the replay counted 6 N D and the runs' own FLOPs are known, ``--runs`` and
``--pool`` put them in their place.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

NEAR = 1.25
"""As good as the whole pool: within a quarter of its error,"""
NEAR_NATS = 0.002
"""or within so much of its regret."""

RESAMPLED = 2000
OURS = ("variance", "information", "regret", "weighted-regret")
REFERENCES = ("random", "uniform-flops")
PAIRED = "variance"
"""The default, with which the others' errors are compared seed by seed."""
METRICS = {
    "mre": "mean relative error at the target",
    "regret_of_all": "realised regret, nats",
    "coverage90": "coverage of the 90 % interval",
}
REACHED = {
    "mre": "Within a quarter of the whole pool's error",
    "regret": f"Within {NEAR_NATS} nats of the whole pool's regret of the mean loss",
    "regret_of_all": f"Within {NEAR_NATS} nats of its regret, mean over that and each loss alone",
}
COLOURS = dict(
    zip(
        (*OURS, "space-filling", "only-large", "only-small", "variance from nothing"),
        ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#009e73", "#d55e00", "#0072b2", "#cc79a7"),
        strict=True,
    )
)


@dataclass(frozen=True)
class Replay:
    """Curves by acquisition.

    Parameters
    ----------
    seeds
        That were replayed in full.
    shares
        FLOPs spent by acquisition, shares of the pool's: (seed, checkpoint).
    measured
        By metric and acquisition, (seed, checkpoint); a checkpoint that bought nothing repeats the
        one before it.
    whole
        Of the whole pool, by metric: (seed,).
    """

    seeds: tuple[int, ...]
    shares: dict[str, np.ndarray]
    measured: dict[str, dict[str, np.ndarray]]
    whole: dict[str, np.ndarray]

    @classmethod
    def read(cls, path: Path, flops: Mapping[str, float] | None = None) -> "Replay":
        """From the lines that replay.py wrote.

        Parameters
        ----------
        flops
            Of each run of the pool by run_id; None: as replay.py counted.
        """
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        # replay.py ends a seed with the whole pool.
        seeds = tuple(sorted({e["seed"] for e in lines if e["acquisition"] == "all"}))
        if not seeds:
            raise SystemExit(f"{path.name}: no seed was replayed in full yet")
        metrics = tuple(dict.fromkeys((*METRICS, *REACHED)))
        names = [
            name
            for name in dict.fromkeys(e["acquisition"] for e in lines)
            if name != "all"
            and {e["seed"] for e in lines if e["acquisition"] == name} >= set(seeds)
        ]
        last = max(e["checkpoint"] for e in lines)
        shares, values = {}, {metric: {} for metric in metrics}  # type: ignore[var-annotated]
        for name in names:
            table = [_carried(_of(lines, name, seed), last) for seed in seeds]
            shares[name] = np.array([[_share(e, flops) for e in row] for row in table])
            for metric in metrics:
                values[metric][name] = np.array([[e[metric] for e in row] for row in table])
        whole = {m: np.array([_of(lines, "all", seed)[-1][m] for seed in seeds]) for m in metrics}
        return cls(seeds, shares, values, whole)


def _of(lines: Sequence[dict[str, Any]], name: str, seed: int) -> list[dict[str, Any]]:
    mine = [e for e in lines if (e["acquisition"], e["seed"]) == (name, seed)]
    return sorted(mine, key=lambda e: int(e["checkpoint"]))


def _carried(row: list[dict[str, Any]], last: int) -> list[dict[str, Any]]:
    """One entry a checkpoint: the last one there was."""
    return [[e for e in row if e["checkpoint"] <= number][-1] for number in range(last + 1)]


def _share(entry: dict[str, Any], flops: Mapping[str, float] | None) -> float:
    if flops is None:
        return float(entry["share"])
    return sum(flops[run_id] for run_id in entry["runs"]) / sum(flops.values())


def level_of(metric: str, whole: np.ndarray) -> float:
    """What counts as being as good as the whole pool."""
    mean = float(whole.mean())
    return NEAR * mean if metric == "mre" else mean + NEAR_NATS


def needed(shares: np.ndarray, values: np.ndarray, level: float) -> float:
    """Share of the pool's FLOPs from which the mean over seeds stays at `level` or below.

    Between checkpoints it is interpolated on the logarithm of the share; infinite where the last
    checkpoint is above the level.
    """
    x, y = np.log(shares.mean(axis=0)), values.mean(axis=0)
    above = np.flatnonzero(y > level)
    if not len(above):
        return float(np.exp(x[0]))
    i = int(above[-1])
    if i == len(y) - 1:
        return float("inf")
    part = (y[i] - level) / (y[i] - y[i + 1])
    return float(np.exp(x[i] + part * (x[i + 1] - x[i])))


def ratios(replay: Replay, metric: str, name: str, reference: str) -> tuple[float, float, float]:
    """FLOPs needed over those that a reference needs: as found, and 90 % over resampled seeds.

    A reference that never gets there within the replay has needed the whole pool, 1. NaN where
    the acquisition itself does not.
    """
    rng = np.random.default_rng(0)
    n = len(replay.seeds)
    picks = np.vstack([np.arange(n), rng.integers(n, size=(RESAMPLED, n))])
    found = []
    for pick in picks:
        level = level_of(metric, replay.whole[metric][pick])
        mine, other = (
            needed(replay.shares[who][pick], replay.measured[metric][who][pick], level)
            for who in (name, reference)
        )
        # A resample in which we never get there counts as the whole pool too.
        found.append(min(mine, 1.0) / min(other, 1.0))
    level = level_of(metric, replay.whole[metric])
    if not np.isfinite(needed(replay.shares[name], replay.measured[metric][name], level)):
        return float("nan"), float("nan"), float("nan")
    low, high = np.quantile(found[1:], [0.05, 0.95])
    return found[0], float(low), float(high)


def draw(replay: Replay, out: Path) -> None:
    """Metrics by row; ours on the left, the baselines on the right."""
    others = [name for name in replay.shares if name not in (*OURS, *REFERENCES)]
    columns = {"acquisitions": [n for n in OURS if n in replay.shares]}
    columns |= {"baselines": others} if others else {}
    figure, axes = plt.subplots(
        len(METRICS),
        len(columns),
        figsize=(5 * len(columns) + 1, 9.5),
        sharex=True,
        sharey="row",
        squeeze=False,
        layout="constrained",
    )
    for row, (metric, words) in zip(axes, METRICS.items(), strict=True):
        for axis, (title, names) in zip(row, columns.items(), strict=True):
            for name in names:
                _line(axis, replay, metric, name, COLOURS[name], band=True)
            for name, style in zip(REFERENCES, ("--", ":"), strict=True):
                _line(axis, replay, metric, name, "black", style=style)
            if metric == "coverage90":
                axis.axhline(0.9, color="grey", lw=0.8)
            else:
                level = level_of(metric, replay.whole[metric])
                near = "whole pool + " + ("25 %" if metric == "mre" else f"{NEAR_NATS} nats")
                axis.axhline(level, color="grey", lw=0.8)
                axis.annotate(
                    near, (0.99, level), xycoords=("axes fraction", "data"),
                    ha="right", va="bottom", fontsize=8, color="grey",
                )  # fmt: skip
            axis.set_xscale("log")
            axis.grid(alpha=0.2)
            if row is axes[0]:
                axis.set_title(title)
        row[0].set_ylabel(words)
    axes[0, 0].set_yscale("log")
    ticks = [0.05, 0.1, 0.2, 0.4, 0.7]
    for axis in axes[-1]:
        axis.set_xticks(ticks, [f"{100 * tick:g} %" for tick in ticks], minor=False)
        axis.minorticks_off()
        axis.set_xlabel("FLOPs spent, share of the pool's")
    for axis in axes[0]:
        axis.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=1))
        axis.yaxis.set_minor_formatter(mpl.ticker.PercentFormatter(1, decimals=1))
        axis.legend(frameon=False, fontsize=9)
    figure.suptitle(f"Mean and 10 to 90 % over {len(replay.seeds)} seeds; black: references")
    figure.savefig(out, dpi=120)
    plt.close(figure)


def _line(
    axis: Axes,
    replay: Replay,
    metric: str,
    name: str,
    colour: str,
    style: str = "-",
    band: bool = False,
) -> None:
    if name not in replay.shares:
        return
    x, y = replay.shares[name].mean(axis=0), replay.measured[metric][name]
    new = np.append(True, np.diff(x) > 0)  # a checkpoint that bought nothing is no point
    axis.plot(x[new], y.mean(axis=0)[new], style, color=colour, lw=1.8, label=name)
    if band:
        low, high = np.quantile(y, [0.1, 0.9], axis=0)
        axis.fill_between(x[new], low[new], high[new], color=colour, alpha=0.12, lw=0)


def table(replay: Replay) -> str:
    """Markdown: FLOPs needed, and ratios to the references."""
    parts = [f"{len(replay.seeds)} seeds replayed in full: {', '.join(map(str, replay.seeds))}."]
    for metric, words in REACHED.items():
        whole = float(replay.whole[metric].mean())
        unit = f"{whole:.3%}" if metric == "mre" else f"{whole:.2g} nats"
        references = [name for name in REFERENCES if name in replay.shares]
        head = ["acquisition", "share of FLOPs", *(f"ratio to {name}" for name in references)]
        rows = [head, ["---"] * len(head)]
        order = sorted(replay.shares, key=lambda name: _needed(replay, metric, name))
        for name in order:
            row = [name, _percent(_needed(replay, metric, name), replay.shares[name])]
            row += [
                "" if name == reference else _ratio(replay, metric, name, reference)
                for reference in references
            ]
            rows.append(row)
        parts.append(
            f"## {words} ({unit})\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows)
        )
    parts.append(f"## What 90 % intervals cover, at each checkpoint\n\n{_covered(replay)}")
    if PAIRED in replay.shares:
        parts.append(
            f"## ln(error) against that of `{PAIRED}`, paired by seed\n\n{_paired(replay)}"
        )
    parts.append(
        "Shares are of the FLOPs of the whole pool, the starting runs included, from which "
        "the mean over seeds stays at that level, interpolated between checkpoints. “Not by x” "
        "was above the level at the last checkpoint, where it had spent x. Ratios: FLOPs over "
        "those of the reference (90 % over resampled seeds); where the reference was never there, "
        "it is taken to need the whole pool, and the ratio is marked ≥: it needs at most all, so "
        "the saving is at most this."
    )
    return "\n\n".join(parts) + "\n"


def _covered(replay: Replay) -> str:
    covered = {name: replay.measured["coverage90"][name].mean(axis=0) for name in replay.shares}
    first = next(iter(replay.shares.values())).mean(axis=0)
    rows = [["acquisition", "least", *(f"at {share:.0%}" for share in first)]]
    rows.append(["---"] * len(rows[0]))
    for name, values in sorted(covered.items()):
        rows.append([name, f"{values.min():.0%}", *(f"{value:.0%}" for value in values)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _paired(replay: Replay) -> str:
    """Means over seeds of the mean over checkpoints, the starting runs' left out."""
    errors = {name: np.log(replay.measured["mre"][name][:, 1:]) for name in replay.shares}
    rows = [["acquisition", "difference", "standard error"], ["---"] * 3]
    for name, error in sorted(errors.items()):
        if name != PAIRED and len(error) > 1:
            apart = (error - errors[PAIRED]).mean(axis=1)
            spread = apart.std(ddof=1) / np.sqrt(len(apart))
            rows.append([name, f"{apart.mean():+.3f}", f"{spread:.3f}"])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _needed(replay: Replay, metric: str, name: str) -> float:
    level = level_of(metric, replay.whole[metric])
    return needed(replay.shares[name], replay.measured[metric][name], level)


def _percent(share: float, shares: np.ndarray) -> str:
    if np.isfinite(share):
        return f"{share:.1%}"
    return f"not by {float(shares[:, -1].mean()):.0%}"


def _ratio(replay: Replay, metric: str, name: str, reference: str) -> str:
    found, low, high = ratios(replay, metric, name, reference)
    if np.isnan(found):
        return "not reached"
    mark = "" if np.isfinite(_needed(replay, metric, reference)) else "≥ "
    if len(replay.seeds) < 3:
        return f"{mark}{found:.2f}"
    return f"{mark}{found:.2f} ({low:.2f} to {high:.2f})"


def main() -> None:
    """Read the options, draw and write."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("replay", type=Path)
    made.add_argument("--out", type=Path, required=True, help="without .png and .md")
    made.add_argument("--runs", type=Path, help="table with run_id and flops")
    made.add_argument("--pool", default="index >= 0", help="which of its rows are the pool")
    options = made.parse_args()
    flops = None
    if options.runs is not None:
        pool = pd.read_csv(options.runs).query(options.pool)
        flops = dict(zip(pool["run_id"].astype(str), pool["flops"].astype(float), strict=True))
    replay = Replay.read(options.replay, flops)
    draw(replay, options.out.with_suffix(".png"))
    picture = options.out.with_suffix(".png").name
    text = f"# Replay: {options.out.name}\n\n![]({picture})\n\n{table(replay)}"
    options.out.with_suffix(".md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
