"""The page of the bundled runs, wide and narrow: ``python results/report/screenshots.py``.

Needs Debian's chromium. The chains are short, and the page says so itself.
"""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import bayescamel as bc
from bayescamel.demo import hold_out_largest

FOLDER = Path(__file__).parent
WINDOWS = {"desktop": "1100,1500", "phone": "390,1500"}


def main() -> None:
    """Fit, write the page, take its picture."""
    fitted, held_out = hold_out_largest(bc.load_proxies())
    target = bc.Target(float(held_out["n_params"][0]), float(held_out["n_tokens"].median()))
    posterior = bc.fit(fitted, chains=2, draws=300, tune=400, progress=False)
    with TemporaryDirectory() as folder:
        page = bc.report(posterior, target, Path(folder) / "report.html", command="bayescamel ...")
        print(f"{page.stat().st_size / 1e6:.2f} MB")
        for name, size in WINDOWS.items():
            shot = FOLDER / f"{name}.png"
            flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
            flags += [f"--user-data-dir={folder}/{name}", f"--window-size={size}"]
            command = ["chromium", *flags, f"--screenshot={shot}", page.as_uri()]
            subprocess.run(command, check=True, capture_output=True, timeout=120)


if __name__ == "__main__":
    main()
