"""The page as a PDF, printed by a browser that is there."""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from bayescamel.exceptions import PlotError
from bayescamel.input import shown
from bayescamel.output import check_output, write_whole

BROWSERS = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    *("chrome", "microsoft-edge"),
)
"""Looked for on the PATH: all are Chromium, and print without a window."""

PATIENCE = 120.0
"""Seconds for which a browser may print."""


def check_pdf(out: Path, force: bool) -> str:
    """Refuse a PDF that cannot be made, before the page is; returns the browser.

    Raises
    ------
    PlotError
        When no browser is on the PATH.
    StorageError
        When the file is there already, or cannot be written.
    """
    check_output(out, force)
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise PlotError(
            f"{shown(out.name)}: no browser to print it ({', '.join(BROWSERS)}): install one, or "
            "open the page and print it there"
        )
    return found


def write_pdf(page: Path, out: Path, browser: str) -> None:
    """Print a page.

    Raises
    ------
    PlotError
        When the browser fails or takes too long.
    """
    flags = ["--headless", "--disable-gpu", "--no-pdf-header-footer"]
    if os.geteuid() == 0:  # as which Chromium's sandbox refuses to start
        flags.append("--no-sandbox")
    with TemporaryDirectory() as folder:
        printed = Path(folder) / "page.pdf"
        command = [browser, *flags, f"--user-data-dir={folder}/profile"]
        try:
            subprocess.run(
                [*command, f"--print-to-pdf={printed}", page.absolute().as_uri()],
                check=True,
                capture_output=True,
                timeout=PATIENCE,
            )
            content = printed.read_bytes()
        except (OSError, subprocess.SubprocessError) as error:
            raise PlotError(f"{shown(browser)} printed no PDF: {shown(error, 200)}") from error
    write_whole(out, content)
