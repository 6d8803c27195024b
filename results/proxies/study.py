"""A live study on our proxies, dense and sparse ones, killed twice and resumed.

    python results/proxies/study.py --out FOLDER > results/proxies/study.md

``bayescamel study run`` trains the candidates. It is killed (SIGKILL, to itself alone, as a lost
machine or the memory killer would) when a fifth, and again when half of the budget is spent, each
time while runs are under way, and started again. Given again with the same folder, this goes on
where it was. At the end: what was told, whether every run was told once, and the recommendation.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from bayescamel.study import Study

DOMAINS = ("english", "chinese", "code", "math", "knowledge")
KILLED_AT = (0.2, 0.5)
"""Shares of the budget."""
LOOK_SECONDS = 1.0


def command(*words: str) -> list[str]:
    """``bayescamel study`` in this environment."""
    return [sys.executable, "-c", "from bayescamel.cli import main; main()", "study", *words]


def create(options: argparse.Namespace, place: str) -> None:
    """Make the study by the command that a user gives."""
    words = ["create", place, "--proxies", "--sizes", options.sizes]
    words += ["--domains", options.domains, "--tokens-per-param", f"{options.tokens_per_param:g}"]
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
    best = study.best_mixture()
    for name in best.recommended["domain"].to_numpy():
        low, high = best.optimum_interval.sel(domain=name).to_numpy()
        lines.append(
            f"- {name}: {best.shares(name)[0]:.2f} (90 % of optima {low:.2f} to {high:.2f})"
        )
    return "\n".join(lines)


def main() -> None:
    """Make the study where there is none, run it with its kills, and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--corpora", type=Path, help="as of `proxies data`")
    parser.add_argument("--domains", default=",".join(DOMAINS))
    parser.add_argument("--sizes", default="16e3,48e3,144e3,2e5:5e4")
    parser.add_argument("--tokens-per-param", type=float, default=10)
    parser.add_argument("--params", type=float, default=432e3, help="of the target")
    parser.add_argument("--tokens", type=float, default=4.3e6, help="of the target")
    parser.add_argument("--budget", type=float, default=2e13, help="FLOPs")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--draws", type=int, default=300)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    place = str(options.out / "study.db")
    if not Path(place).exists():
        create(options, place)
    found = run(options, place)
    print("\n".join(f"- {line}" for line in found) + f"\n\n{report(Study.open(place))}")


if __name__ == "__main__":
    main()
