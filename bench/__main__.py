"""All benches, one after the other, in sizes that take a few minutes: `make bench`."""

from __future__ import annotations

import subprocess
import sys

BENCHES = ("startup", "journal", "long_run", "loop")

if __name__ == "__main__":
    for name in BENCHES:
        done = subprocess.run([sys.executable, "-m", f"bench.{name}", *sys.argv[1:]], check=False)
        if done.returncode:
            sys.exit(f"bench: {name} failed")
