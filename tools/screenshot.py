"""Take pictures of a page in headless Chromium: python tools/screenshot.py PAGE.html OUT [--width 1280] [--dark].

For looking at reports by eye, and for the picture in the README. Needs a Chromium on the PATH.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def shoot(page: Path, picture: Path, width: int, height: int, dark: bool) -> None:
    """Write `picture`, a PNG of the page at this width and height in pixels."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("no Chromium on the PATH: install the Debian package 'chromium'")
    with tempfile.TemporaryDirectory() as profile:
        command = [browser, *FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"]
        if dark:
            command += ["--blink-settings=preferredColorScheme=0", "--force-dark-mode"]
        command += [f"--screenshot={picture.resolve()}", page.resolve().as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)


def main() -> None:
    """Parse the command line and take the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=1600)
    parser.add_argument("--dark", action="store_true")
    arguments = parser.parse_args()
    shoot(arguments.page, arguments.picture, arguments.width, arguments.height, arguments.dark)


if __name__ == "__main__":
    main()
