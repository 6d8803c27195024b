"""What a study recommends, and its predictions against runs that it has never seen.

    python results/active/live.py study.db > report.md

The bundled runs of the target's size and tokens are the measure.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import bayescamel as bc
from bayescamel.runs.bundled import load_proxies
from bayescamel.study import Study


def report(study: Study) -> str:
    """Markdown."""
    target = study.settings.target
    best = study.best_mixture()
    told = study.runs()
    status = study.status()
    parts = [
        f"{status.told} runs told, {status.failed} failed, {status.flops_spent:.3g} FLOPs of "
        f"{study.settings.budget:.3g}, in {duration(study):.0f} s."
    ]
    rows = [("size", "tokens", "runs", "FLOPs", "seconds a run")]
    by_run = {run.run_id: run for run in study.snapshot().told()}
    for (size, tokens), group in told.groupby(["n_params", "n_tokens"]):
        seconds = np.mean([by_run[run_id].seconds or np.nan for run_id in group["run_id"]])
        flops = f"{group['flops'].sum():.2e}"
        rows.append((f"{size:,.0f}", f"{tokens:,.0f}", str(len(group)), flops, f"{seconds:.0f}"))
    parts.append(markdown(rows))
    heads = ["recommended", *["optimum"] * best.tied]
    shares = [("domain", *heads, "90 % of the draws' optima")]
    for name in best.recommended["domain"].to_numpy():
        low, high = best.optimum_interval.sel(domain=name).to_numpy()
        weights = [f"{share:.3f}" for share in best.shares(name)]
        shares.append((str(name), *weights, f"{low:.2f} to {high:.2f}"))
    parts.append(
        f"Recommended for {target.n_params:,.0f} parameters and {target.n_tokens:,.0f} tokens, "
        f"expected regret {best.regret:.2g} nats per token:\n\n{markdown(shares)}"
    )
    if best.tied:
        note = best.notes()[0]
        parts.append(f"{note[0].upper()}{note[1:]}.")
    parts.append(held_out(study))
    return "\n\n".join(parts)


def held_out(study: Study) -> str:
    """Predictions against the bundled runs of the target."""
    target = study.settings.target
    runs = load_proxies()
    same = (runs["n_params"] == target.n_params) & (runs["n_tokens"] == target.n_tokens)
    runs = runs.isel(run=np.flatnonzero(same))
    posterior = study.posterior()
    names = posterior.runs["validation"].to_numpy()
    observed = runs["loss"].sel(validation=names).to_numpy()
    mixtures = runs["mixture"].sel(domain=posterior.runs["domain"].to_numpy()).to_numpy()
    draws = posterior.predict(target, mixtures, kind="run")["loss"].to_numpy()
    draws = draws.reshape(-1, *observed.shape)
    error = abs(draws.mean(axis=0) / observed - 1)
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    inside = (observed >= low) & (observed <= high)
    rank = np.argsort(np.argsort(draws.mean(axis=(0, 2))))[observed.mean(axis=1).argmin()]
    return (
        f"Against {len(observed)} bundled runs of that size and tokens: mean relative error "
        f"{error.mean():.1%}, {inside.sum()} of {inside.size} losses within their 90 % intervals; "
        f"the best of them by mean loss is number {rank + 1} by prediction."
    )


def duration(study: Study) -> float:
    """Seconds from the first ask to the last tell."""
    times = [event["time"] for event in study.events()]
    return float(max(times) - min(times))


def markdown(rows: Sequence[tuple[str, ...]]) -> str:
    """A table, the first row its head."""
    lines = [rows[0], tuple("---" for _ in rows[0]), *rows[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Open and print."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("study", type=Path)
    print(f"bayescamel {bc.__version__}\n\n{report(Study.open(made.parse_args().study))}")


if __name__ == "__main__":
    main()
