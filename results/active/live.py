"""A live study on our proxies, dense and sparse ones, killed twice; its mixture retrained.

    python results/active/live.py --out FOLDER > results/active/live/report.md

``bayescamel study run`` trains the candidates. It is killed (SIGKILL, to itself alone, as a lost
machine or the memory killer would) when a fifth, and again when half of the budget is spent, each
time while runs are under way, and started again. Then the mixture that it recommends, the optimum
and the even mixture are trained at the target's size, three seeds each, and held against what the
study expected of them. Given again with the same folder, this goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
from rich.console import Console

from bayescamel.study import Study
from proxies import corpora
from proxies.cli import worker_slots
from proxies.collect import collect
from proxies.config import TrainConfig
from proxies.grid import Cell
from proxies.shapes import ModelConfig
from proxies.sweep import locate_corpora, sweep

DOMAINS = ("english", "chinese", "code", "math", "knowledge")
KILLED_AT = (0.2, 0.5)
"""Shares of the budget."""
LOOK_SECONDS = 1.0
SEEDS = (0, 1, 2)


def command(*words: str) -> list[str]:
    """``bayescamel study`` in this environment."""
    return [sys.executable, "-c", "from bayescamel.cli import main; main()", "study", *words]


def create(options: argparse.Namespace, place: str) -> None:
    """Make the study by the command that a user gives."""
    words = ["create", place, "--proxies", "--sizes", options.sizes]
    words += ["--domains", options.domains, "--tokens-per-param", options.tokens_per_param]
    words += ["--params", f"{options.params:g}", "--tokens", f"{options.tokens:g}"]
    words += ["--budget", f"{options.budget:g}", "--chains", "2"]
    words += ["--draws", f"{options.draws}", "--tune", f"{options.draws}"]
    subprocess.run(command(*words), check=True, stdout=sys.stderr)


def start(options: argparse.Namespace, place: str) -> subprocess.Popen[bytes]:
    """The loop as a process of its own."""
    words = ["run", place, "--workers", f"{options.workers}", "--until-budget", "--worker", "live"]
    if options.corpora:
        words += ["--corpora", str(options.corpora)]
    return subprocess.Popen(command(*words), stdout=sys.stderr)


def spent(study: Study) -> float:
    """Share of the budget that told runs took."""
    return study.snapshot().spent() / study.settings.budget


def run(options: argparse.Namespace, place: str) -> list[str]:
    """Run to the budget with a kill at each of the shares; says what each kill found."""
    found = []
    study = Study.open(place)
    for share in (share for share in KILLED_AT if share > spent(study)):
        process = start(options, place)
        while process.poll() is None and not (spent(study) >= share and study.snapshot().pending()):
            time.sleep(LOOK_SECONDS)
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.wait()
        seen = study.snapshot()
        found.append(
            f"killed at {spent(study):.0%} of the budget: {len(seen.told())} runs told, "
            f"{len(seen.pending())} under way"
        )
    status = start(options, place).wait()
    found.append(f"ended by itself with exit status {status} at {spent(study):.0%} of the budget")
    return found


def report(study: Study) -> str:
    """Markdown: runs by size, tells by run, the recommendation."""
    told = study.runs()
    if "n_active_params" not in told:
        told["n_active_params"] = told["n_params"]
    lines = ["| parameters | active | runs | FLOPs |", "|---|---|---|---|"]
    active = told["n_active_params"].fillna(told["n_params"])
    for (size, used), group in told.groupby([told["n_params"], active]):
        lines.append(f"| {size:,.0f} | {used:,.0f} | {len(group)} | {group['flops'].sum():.2e} |")
    twice = [name for name, n in Counter(told["run_id"]).items() if n > 1]
    pending = [run.run_id for run in study.snapshot().pending()]
    lines += ["", f"Told twice: {twice or 'none'}. Left pending: {pending or 'none'}."]
    return "\n".join([*lines, "", "```", str(study.best_mixture()), "```"])


def chosen(study: Study, out: Path) -> dict[str, dict[str, float]]:
    """The mixtures to retrain; what was chosen once stays, whatever a later fit would say."""
    path = out / "mixtures.json"
    if not path.exists():
        best = study.best_mixture()
        names = [str(name) for name in best.recommended["domain"].to_numpy()]
        weights = {
            "recommended": best.recommended.to_numpy(),
            "optimum": best.optimum.to_numpy(),
            "even": np.full(len(names), 1 / len(names)),
        }
        made = {
            label: dict(zip(names, map(float, row), strict=True)) for label, row in weights.items()
        }
        path.write_text(json.dumps(made, indent=1), encoding="utf-8")
    read: dict[str, dict[str, float]] = json.loads(path.read_text(encoding="utf-8"))
    return read


def retrained(study: Study, options: argparse.Namespace) -> str:
    """Markdown: losses of the mixtures at the target beside what was expected of them."""
    target = study.settings.target
    assert target.n_tokens is not None  # as of all of a study's targets
    mixtures = chosen(study, options.out)
    model = ModelConfig.from_dial(target.n_params)
    if model.n_params != target.n_params:
        raise SystemExit(f"no proxy has the target's size: the nearest has {model.n_params:,}")
    cells = [
        Cell(f"{label}-s{seed}", TrainConfig(model, mixture, int(target.n_tokens), seed))
        for label, mixture in mixtures.items()
        for seed in SEEDS
    ]
    folder = options.out / "retrained"
    text = locate_corpora(folder, options.corpora, corpora.default_cache())
    slots = worker_slots("cpu", options.workers, None)
    if failed := sweep(cells, text, folder, slots, Console(stderr=True)):
        raise SystemExit(f"not trained: {', '.join(failed)}")
    records = collect(folder).set_index("run_id")
    posterior = study.posterior()
    names = [f"loss_{name}" for name in posterior.runs["validation"].to_numpy()]
    drawn = posterior.predict(target, list(mixtures.values()), kind="run")["loss"].to_numpy()
    drawn = drawn.reshape(-1, *drawn.shape[2:])
    domains = [name.removeprefix("loss_") for name in names]
    lines = [f"| mixture | seed | {' | '.join(domains)} | mean | expected (90 %) |"]
    lines.append("|---" * (len(names) + 4) + "|")
    inside = []
    for number, label in enumerate(mixtures):
        means = drawn[:, number].mean(axis=1)
        low, high = np.quantile(means, [0.05, 0.95])
        expected = f"{means.mean():.4f} ({low:.4f} to {high:.4f})"
        limits = np.quantile(drawn[:, number], [0.05, 0.95], axis=0)
        for seed in SEEDS:
            losses = records.loc[f"{label}-s{seed}", names].to_numpy(np.float64)
            inside.append((limits[0] <= losses) & (losses <= limits[1]))
            cells_ = " | ".join(f"{loss:.4f}" for loss in (*losses, losses.mean()))
            lines.append(f"| {label} | {seed} | {cells_} | {expected} |")
    share = float(np.mean(inside))
    for label, mixture in mixtures.items():
        weights = ", ".join(f"{name} {weight:.3f}" for name, weight in mixture.items())
        lines.append(f"\n{label}: {weights}")
    lines.append(f"\n{share:.0%} of the losses lie inside the 90 % interval of a run.")
    return "\n".join(lines)


def main() -> None:
    """Make the study where there is none, run it with its kills, and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--corpora", type=Path, help="as of `proxies data`")
    parser.add_argument("--domains", default=",".join(DOMAINS))
    parser.add_argument("--sizes", default="16e3,48e3,1e5:2.5e4", help="sparse ones total:active")
    parser.add_argument("--tokens-per-param", default="10:20")
    parser.add_argument("--params", type=float, default=160_248, help="of the target")
    parser.add_argument("--tokens", type=float, default=1.6e6, help="of the target")
    parser.add_argument("--budget", type=float, default=4e12, help="FLOPs")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--draws", type=int, default=300)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    place = str(options.out / "study.db")
    if not Path(place).exists():
        create(options, place)
    found = run(options, place)
    study = Study.open(place)
    print("\n".join(f"- {line}" for line in found) + f"\n\n{report(study)}\n")
    print(retrained(study, options))


if __name__ == "__main__":
    main()
