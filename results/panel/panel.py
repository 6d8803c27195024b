"""A law over every horizon of every table: one line of JSON a fit.

    python results/panel/panel.py --shared ../shared/data --out results/panel/fits --law camel

A line is appended to ``<law>.<mode>.jsonl`` when a fit is done, and what is there is not fitted
again, so the script may be interrupted. Modes: ``nuts``, as a user gets it; ``short``, two chains
of 150 draws; ``laplace``, a second's fit (``fast.py``); ``point``, the peers' recipe with a
bootstrap. With ``--out-of-table`` each table is fitted with the priors and the scatter that the
other tables teach (``population.json``). ``summary.py`` makes the tables.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fast import fit_fast
from tables import Case, cases
from variants import KRIGING, VARIANTS

from bayescamel.comparison.scores import score
from bayescamel.draws.prediction import run_distribution
from bayescamel.exceptions import BayesCamelError
from bayescamel.inference.fit import fit
from bayescamel.inference.sampler import Sampler
from bayescamel.laws import WIDE, get_law, with_priors
from bayescamel.models.hierarchy import Noise

SHORT = Sampler(chains=2, draws=150, tune=350)
BOOTSTRAPS = 50


def fitted(
    case: Case, law: str, mode: str, others: dict[str, Any], variant: str = ""
) -> tuple[Any, dict[str, Any]]:
    """Fit a law to a case: what predicts, and how the fit went."""
    if mode == "point":
        return fit(case.train, law, method="point", progress=False).bootstrap(BOOTSTRAPS), {}
    chosen, noise = get_law(law), Noise()
    if others:
        told = others[case.table]
        chosen, noise = with_priors(WIDE[law], told["priors"]), Noise(**told["scatter"])
    if variant in VARIANTS:
        chosen, noise = VARIANTS[variant](chosen, noise)
    if mode == "laplace":
        return fit_fast(case.train, chosen, noise), {}
    sampler = SHORT if mode == "short" else Sampler()
    posterior = fit(case.train, chosen, noise=noise, progress=False, sampler=sampler)
    status = posterior.status
    return posterior, {
        "rhat": status.rhat_max,
        "ess": min(status.ess_bulk_min, status.ess_tail_min),
        "divergences": status.divergences,
        "failed": list(status.failed),
    }


def judged(case: Case, predictor: Any, variant: str = "") -> list[dict[str, Any]]:
    """Scores at each held-out size; the log score is that of the loss relative to what it was."""
    kriging = variant != KRIGING
    rows = []
    largest = float(case.train["n_params"].max())
    for size, test in case.tests.items():
        if kriging:
            mean, sd = predictor.run_distribution(test)
        else:
            mean, sd = run_distribution(predictor, None, test)
        loss = test["loss"].to_numpy()
        scores = score(loss, mean, sd).to_dict()
        scores["log_score"] += float(np.nanmean(np.log(loss)))
        scores["crps"] /= float(np.nanmean(loss))
        rows.append(
            {"size": size, "distance": size / largest, "n_test": test.sizes["run"], **scores}
        )
    return rows


def about(case: Case) -> dict[str, Any]:
    """What the splits of the summary are made by."""
    tokens = case.train["n_tokens"].to_numpy()
    return {
        "table": case.table,
        "view": case.view,
        "kind": case.kind,
        "number": case.number,
        "n_train": case.train.sizes["run"],
        "n_sizes": len(np.unique(case.train["n_params"])),
        "tokens_vary": bool(np.ptp(np.log(tokens)) > 0.1),
    }


def run(
    found: Sequence[Case],
    law: str,
    mode: str,
    path: Path,
    others: dict[str, Any],
    variant: str = "",
) -> None:
    """Fit what is not in the file yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done = set()
    if path.exists():
        done = {json.loads(line)["key"] for line in path.read_text().splitlines()}
    for case in found:
        if case.key in done:
            continue
        began = time.perf_counter()
        line: dict[str, Any] = {"key": case.key, **about(case)}
        try:
            predictor, words = fitted(case, law, mode, others, variant)
            line |= words | {
                "seconds": time.perf_counter() - began,
                "rows": judged(case, predictor, variant),
            }
        except BayesCamelError as error:
            line |= {"refused": str(error), "rows": []}
        with path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        told = ", ".join(f"{row['log_score']:.2f}" for row in line["rows"])
        print(f"{case.key}: {told} ({time.perf_counter() - began:.0f} s)", flush=True)


def main() -> None:
    """Fit the laws that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--law", nargs="+", default=["camel"])
    parser.add_argument("--mode", choices=("laplace", "short", "nuts", "point"), default="short")
    parser.add_argument("--tables", nargs="*")
    parser.add_argument("--kinds", nargs="*", default=["sizes", "dozen"])
    parser.add_argument("--out-of-table", type=Path, help="population.json")
    parser.add_argument("--variant", default="", choices=("", KRIGING, *VARIANTS))
    parser.add_argument("--part", default="", help="a suffix of the file, for parallel parts")
    options = parser.parse_args()
    others = json.loads(options.out_of_table.read_text()) if options.out_of_table else {}
    found = [c for c in cases(options.shared, options.tables) if c.kind in options.kinds]
    for law in options.law:
        name = f"{options.variant or law}.{options.mode}{options.part}.jsonl"
        run(found, law, options.mode, options.out / name, others, options.variant)


if __name__ == "__main__":
    main()
