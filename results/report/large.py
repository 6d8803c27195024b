"""The page of a large study, timed: ``python results/report/large.py --folder large``.

A study of 2,000 runs over 17 training domains, 17 losses each, made up by a smooth law. It is
fitted first, as a study fits: to a representative part of so many runs; a folder keeps it for
another time. Then its page is written, and opened in Debian's chromium; opening is the time to a
picture of it, less that of an empty page.
"""

import argparse
import resource
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

import bayescamel as bc

N_RUNS, N_ASKED, N_DOMAINS = 2000, 200, 17
SIZES = (1e7, 3e7, 1e8, 3e8)


DOMAINS = tuple(f"domain{i:02d}" for i in range(N_DOMAINS))


def measure(weights: np.ndarray, sizes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Losses (run, domain) of a smooth law of size and mixture, with a little noise."""
    effects = 0.002 + 0.06 * np.diag(np.linspace(0.5, 1.5, N_DOMAINS))
    helped = np.log(N_DOMAINS * weights @ effects.T / effects.sum(axis=1))
    scale = sizes[:, None] / 3e7
    loss = 1.7 + 1.2 * scale**-0.15 - scale**-0.04 * effects.sum(axis=1) * helped
    measured: np.ndarray = loss * (1 + 0.003 * rng.normal(size=loss.shape))
    return measured


def create(file: Path, max_runs: int) -> bc.Study:
    """The study: some runs that it asked for, and many that were attached."""
    rng = np.random.default_rng(0)
    space = bc.Space(DOMAINS, tuple(map(bc.Size, SIZES)), tokens_per_param=(20.0,))
    fit = bc.FitOptions(chains=2, draws=100, tune=200, max_runs=max_runs)
    target = bc.Target(3e9, 6e10)
    study = bc.Study.create(file, space, target, budget=1e22, fit=fit, start=N_ASKED)
    asked = study.ask(N_ASKED)
    weights = np.array([[one.mixture[name] for name in DOMAINS] for one in asked])
    losses = measure(weights, np.array([one.n_params for one in asked]), rng)
    for one, row in zip(asked, losses, strict=True):
        study.tell(one.run_id, {"loss": dict(zip(DOMAINS, map(float, row), strict=True))})
    others = N_RUNS - len(asked)
    weights = rng.dirichlet(np.full(N_DOMAINS, 0.7), size=others)
    sizes = np.array(SIZES)[np.arange(others) % len(SIZES)]
    columns = {"run_id": [f"a{i:04d}" for i in range(others)], "n_params": sizes}
    columns |= {"n_tokens": 20 * sizes}
    columns |= {f"w_{name}": weights[:, i] for i, name in enumerate(DOMAINS)}
    losses = measure(weights, sizes, rng)
    columns |= {f"loss_{name}": losses[:, i] for i, name in enumerate(DOMAINS)}
    attached = study.attach(pd.DataFrame(columns))
    print(f"{len(asked)} runs told, {attached} attached, {N_DOMAINS} domains", flush=True)
    return study


def opening(page: Path) -> float:
    """Seconds from the start of the browser to a picture of a page."""
    with TemporaryDirectory() as folder:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile"]
        shot = f"--screenshot={folder}/shot.png"
        began = time.perf_counter()
        subprocess.run(
            ["chromium", *flags, "--window-size=1100,1700", shot, page.absolute().as_uri()],
            check=True,
            capture_output=True,
            timeout=120,
        )
        return time.perf_counter() - began


def main() -> None:
    """Fit, write, open; a line each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--max-runs", type=int, default=256, help="Runs that are fitted.")
    parser.add_argument("--folder", type=Path, default=Path("large"))
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    file, page = options.folder / "study.db", options.folder / "report.html"
    study = bc.Study.open(file) if file.exists() else create(file, options.max_runs)
    began = time.perf_counter()
    fitted = study.posterior().runs.sizes["run"]
    print(f"posterior of {fitted} runs: {time.perf_counter() - began:.0f} s", flush=True)
    began, cpu = time.perf_counter(), time.process_time()
    bc.report(study, out=page, force=True)
    print(
        f"page: {time.perf_counter() - began:.1f} s ({time.process_time() - cpu:.1f} CPU s), "
        f"{page.stat().st_size / 1e6:.2f} MB, peak memory "
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB",
        flush=True,
    )
    empty = options.folder / "empty.html"
    empty.write_text("<!doctype html><title>empty</title>")
    times = [(opening(page), opening(empty)) for _ in range(3)]
    whole, start = (min(part) for part in zip(*times, strict=True))
    print(f"opens: {whole - start:.1f} s, the browser's own start ({start:.1f} s) apart")


if __name__ == "__main__":
    main()
