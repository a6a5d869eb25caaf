"""Which Chromium the benches, the pictures and the tests in a browser use, and how it is started."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome-headless-shell")
QUIET = (
    "--no-sandbox",  # a container seldom lets it make one; it sees nothing but our own pages
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
)
MISSING = (
    "there is no Chromium for this. `make test` sees to one (scripts/chromium.py says why it could not); "
    "or install Chromium or Chrome, or name one by REMIT_CHROMIUM=/path/to/it; "
    "or leave these tests out: pytest -m 'not browser'"
)


def chromium() -> str:
    """Where it is: as REMIT_CHROMIUM says, else what `make test` saw to, else the machine's. Raises FileNotFoundError."""
    if named := os.environ.get("REMIT_CHROMIUM"):
        return named
    seen_to = Path(sys.prefix) / "bin" / "chromium"
    found = str(seen_to) if seen_to.exists() else next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise FileNotFoundError(MISSING)
    return found
