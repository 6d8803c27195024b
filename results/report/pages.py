"""Pages of three tables of runs, and their pictures, wide and narrow.

    python results/report/pages.py --shared ../shared/data --out pages

``bundled``: the package's runs, the larger held out, benchmarks with it. ``mixinglaws``:
mixinglaws_5mix, likewise. ``live``: the study that was really run (results/active/live). The pages
hold their runs as CSV and are not kept; the pictures are, and need Debian's chromium.
"""

import argparse
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

import bayescamel as bc
from bayescamel.demo import hold_out_above
from bayescamel.runs.bundled import FITTED_PARAMS

FOLDER = Path(__file__).parent
WINDOWS = {"desktop": "1100,1700", "phone": "390,1700"}
COLOURS = 160
"""Of a picture: enough for all lines, and half of the bytes."""

AT_END = "step == 30000 and size_label in ['70M', '160M', '305M', '410M']"
GROUPS = [f"agg_{name}" for name in ("academic", "prose", "dialogue", "symbolic", "internet")]


def bundled(_: Path, out: Path) -> Path:
    """Of the package's runs."""
    fitted, held_out = hold_out_above(bc.load_proxies(), FITTED_PARAMS)
    return bc.report(
        bc.fit(fitted, progress=False),
        bc.Target(n_params=476_488, n_tokens=4_764_672),
        out,
        benchmarks=bc.fit_benchmarks(fitted, progress=False),
        runs=held_out,
        force=True,
        command="bayescamel report posterior.nc --benchmarks benchmarks.nc --runs larger.csv ...",
    )


def mixinglaws(shared: Path, out: Path) -> Path:
    """Of Ye et al.'s runs at step 30,000, the largest size held out."""
    table = shared / "mixinglaws_5mix" / "runs.csv"
    runs = bc.read_runs(table, where=AT_END, losses=GROUPS)
    fitted, held_out = hold_out_above(runs, float(np.unique(runs["n_params"])[-2]))
    tokens = float(held_out["n_tokens"].median()) if "n_tokens" in held_out else None
    return bc.report(
        bc.fit(fitted, progress=False),
        bc.Target(float(held_out["n_params"][0]), tokens),
        out,
        runs=held_out,
        force=True,
        command="bayescamel report posterior.nc --runs largest.csv ...",
    )


def live(_: Path, out: Path) -> Path:
    """Of the study that asked for its runs and had them trained."""
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "study.db"
        shutil.copy(FOLDER.parent / "active" / "live" / "study.db", copy)
        study = bc.Study.open(copy)
        return bc.report(study, out=out, force=True, command="bayescamel report study.db")


PAGES: dict[str, Callable[[Path, Path], Path]] = {
    "bundled": bundled,
    "mixinglaws": mixinglaws,
    "live": live,
}


def shoot(page: Path, name: str) -> None:
    """Pictures of a page's first screens."""
    for window, size in WINDOWS.items():
        shot = FOLDER / f"{name}-{window}.png"
        with TemporaryDirectory() as folder:
            flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
            flags += [f"--user-data-dir={folder}", f"--window-size={size}"]
            command = ["chromium", *flags, f"--screenshot={shot}", page.absolute().as_uri()]
            subprocess.run(command, check=True, capture_output=True, timeout=120)
        Image.open(shot).convert("RGB").quantize(COLOURS).save(shot, optimize=True)


def main() -> None:
    """Write the pages that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=PAGES, default=list(PAGES))
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("pages"))
    options = parser.parse_args()
    options.out.mkdir(exist_ok=True)
    for name in options.names:
        began = time.perf_counter()
        page = PAGES[name](options.shared, options.out / f"{name}.html")
        seconds = time.perf_counter() - began
        shoot(page, name)
        print(f"{name}: {page.stat().st_size / 1e6:.2f} MB, {seconds:.0f} s with the fit")


if __name__ == "__main__":
    main()
