"""Whether the default converges on every table of the panel, whatever the seed.

    python results/panel/convergence.py --shared ../shared/data --out results/panel

Each view of the panel whole (but for RegMix, tables thinned to `MOST_FITTED` runs), fitted as a
user gets it, with three seeds. A line of JSON a fit is appended, so the script may be interrupted;
the table is written at the end.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import xarray as xr
from tables import MOST_FITTED, thinned, views

from bayescamel.inference.fit import fit

SEEDS = (0, 1, 2)
RHAT, ESS = 1.01, 400
"""Worst R-hat and least effective draws that are called converged."""


def whole(view: str, runs: xr.Dataset) -> xr.Dataset:
    """What is fitted of a view."""
    return runs if view == "regmix" else thinned(runs, MOST_FITTED)


def main() -> None:
    """Fit what is not there yet, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    path = options.out / "convergence.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    done = {(line["view"], line["seed"]) for line in lines}
    for view, (_, runs) in views(options.shared).items():
        train = whole(view, runs)
        for seed in SEEDS:
            if (view, seed) in done:
                continue
            line = {"view": view, "seed": seed, **health(train, seed)}
            lines.append(line)
            with path.open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(line, flush=True)
    (options.out / "convergence.md").write_text(table(lines))


def health(runs: xr.Dataset, seed: int) -> dict[str, Any]:
    """How one fit went."""
    status = fit(runs, seed=seed, progress=False).status
    return {
        "runs": runs.sizes["run"],
        "losses": runs.sizes["validation"],
        "rhat": status.rhat_max,
        "ess": min(status.ess_bulk_min, status.ess_tail_min),
        "divergences": status.divergences,
        "failed": list(status.failed),
        "seconds": status.seconds,
    }


def table(lines: list[dict[str, Any]]) -> str:
    """As Markdown, a row a view: the worst over the seeds."""
    text = [
        "# Convergence of the default, three seeds a table",
        "",
        f"`python results/panel/convergence.py`. Asked for: R-hat at most {RHAT}, {ESS} effective "
        "draws, no divergences.",
        "",
        "| table | runs | losses | R-hat, each seed | ESS, each seed | divergences | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for view in dict.fromkeys(line["view"] for line in lines):
        seeds = [line for line in lines if line["view"] == view]
        text.append(
            f"| {view} | {seeds[0]['runs']} | {seeds[0]['losses']} | "
            f"{', '.join(f'{line["rhat"]:.3f}' for line in seeds)} | "
            f"{', '.join(f'{line["ess"]:,.0f}' for line in seeds)} | "
            f"{sum(line['divergences'] for line in seeds)} | "
            f"{', '.join(f'{line["seconds"]:.0f}' for line in seeds)} |"
        )
    good = sum(
        line["rhat"] <= RHAT and line["ess"] >= ESS and line["divergences"] == 0 for line in lines
    )
    return "\n".join([*text, "", f"{good} of {len(lines)} fits converged.", ""])


if __name__ == "__main__":
    main()
