"""How long Remit takes to be there, and what a worker at rest holds.

`import remit` and the whole command `remit --help`, as a user meets them: a new process each time, the files in
the system's cache. Beside them Python itself, which nothing can undercut. Memory: a `remit worker` that has
connected to its database and waits, as the system counts its resident set (shared libraries included).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import figures
from remit.settings import Settings
from remit.store.embedded import stop

REMIT = Path(sys.executable).parent / "remit"


def milliseconds(command: list[str], times: int) -> float:
    """Median wall time of a command, in a new process each time."""
    taken = []
    for _ in range(times + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        taken.append(1000 * (time.perf_counter() - start))
    return round(statistics.median(taken[1:]), 1)


def processes() -> list[tuple[int, int, int, str]]:
    """(pid, parent, resident kilobytes, name) of every process."""
    if not Path("/proc/self/status").exists():
        listing = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid=,rss=,ucomm="], check=True, capture_output=True, text=True
        )
        lines = [line.split(None, 3) for line in listing.stdout.splitlines()]
        return [(int(pid), int(parent), int(size), name) for pid, parent, size, name in lines]
    found = []
    for path in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            fields = dict(line.split(":", 1) for line in path.read_text().splitlines())
            size = int(fields.get("VmRSS", "0 kB").split()[0])
            found.append((int(fields["Pid"]), int(fields["PPid"]), size, fields["Name"].strip()))
    return found


def resident_mb(pid: int) -> float:
    """MB resident of a process and of those it started, but for the embedded database: that belongs to all
    processes which use it, and its own share the same memory, which a sum would count many times."""
    rows = [row for row in processes() if row[3] != "postgres"]
    family = {pid}
    for _ in rows:  # children of children too, whatever the order
        family |= {child for child, parent, *_ in rows if parent in family}
    return round(sum(size for process, _, size, _ in rows if process in family) * 1024 / 1e6, 1)


def worker_mb(settle: float) -> float:
    """A worker's memory once it waits for runs and has been left alone for `settle` seconds."""
    with tempfile.TemporaryDirectory(prefix="remit-bench-") as folder:
        environment = {**os.environ, "REMIT_DATA_DIR": folder}
        environment.pop("REMIT_DATABASE_URL", None)
        with subprocess.Popen(
            [REMIT, "worker"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as worker:
            assert worker.stdout is not None
            said = worker.stdout.readline()  # it says when it is ready
            time.sleep(settle)
            if worker.poll() is not None:
                raise SystemExit(f"bench: remit worker ended: {said}{worker.stdout.read()}")
            found = resident_mb(worker.pid)
            worker.terminate()
        asyncio.run(stop(Settings(data_dir=Path(folder), database_url=None)))
    return found


def main() -> None:
    parser = figures.arguments(__doc__ or "")
    parser.add_argument("--times", type=int, default=10, help="processes a figure")
    parser.add_argument("--settle", type=float, default=3.0, help="seconds that the worker is left alone")
    args = parser.parse_args()
    around = figures.machine()
    python = milliseconds([sys.executable, "-c", "pass"], args.times)
    imported = milliseconds([sys.executable, "-c", "import remit"], args.times)
    rows: list[dict[str, Any]] = [
        {"what": "python -c pass", "figure": f"{python} ms", "at most": None},
        {
            "what": "import remit (without Python's own start)",
            "figure": f"{imported - python:.1f} ms",
            "at most": "150 ms",
        },
        {
            "what": "remit --help",
            "figure": f"{milliseconds([str(REMIT), '--help'], args.times)} ms",
            "at most": "300 ms",
        },
        {
            "what": "remit worker at rest (without the database)",
            "figure": f"{worker_mb(args.settle)} MB",
            "at most": "120 MB",
        },
    ]
    figures.show(args.json, "startup", around, rows)


if __name__ == "__main__":
    main()
