"""Which processes live, and which serve a data folder: read from the system, never believed from a file alone.

After a power cut or in a fresh container the number in `postmaster.pid` may be any process's, and a dead server
that nobody reaped still answers `kill(pid, 0)`. So a process counts only if it is no zombie and works in the folder.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")
PID_BITS = 23  # of a process number: Linux allows 2^22


def postmaster(data: Path) -> int | None:
    """The process number of the server that serves `data`; None if there is none."""
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    return pid if serves(pid, data) else None


def serves(pid: int, data: Path) -> bool:
    """Whether `pid` lives and is a PostgreSQL process of `data`."""
    if not (PROC / "self").exists():  # macOS, BSD
        shown = subprocess.run(
            ["ps", "-p", str(pid), "-o", "stat=,comm="], capture_output=True, text=True
        ).stdout
        return "postgres" in shown and not shown.lstrip().startswith("Z")
    try:
        state = (PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[0]
        return state not in "ZX" and os.path.samefile(PROC / str(pid) / "cwd", data)
    except (OSError, IndexError):
        return False


def orphans(data: Path) -> list[int]:
    """Server processes that outlived their postmaster; a new one cannot start before they are gone."""
    if not data.exists() or not (PROC / "self").exists():
        return []
    return [
        int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit() and serves(int(entry.name), data)
    ]


async def end(pids: Iterable[int], data: Path, *, how: signal.Signals, within: float) -> bool:
    """Ask the processes of `data` to end, and wait; True once all are gone."""
    left = [pid for pid in pids if serves(pid, data)]
    for pid in left:
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            continue
    limit = time.monotonic() + within
    while left and time.monotonic() < limit:
        await asyncio.sleep(0.01)
        left = [pid for pid in left if serves(pid, data)]
    return not left


def place() -> str:
    """This boot and process namespace: only within one do process numbers mean anything."""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink(PROC / 'self/ns/pid')}"
    except OSError:
        return ""


def identity(pid: int | None = None) -> int:
    """A process's number and start in one (start in clock ticks, 0 where the system does not say), so that a number
    used again is another's."""
    pid = pid or os.getpid()
    return pid | (_born(pid) << PID_BITS)


def gone(identity: int) -> bool:
    """Whether the process of this place that has the identity is dead. A stopped one is not."""
    pid, born = identity & ((1 << PID_BITS) - 1), identity >> PID_BITS
    return born > 0 and _born(pid) != born


def _born(pid: int) -> int:
    """When the process began, in clock ticks since the boot; 0 if it is dead or the system does not say."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()
        return 0 if fields[0] in "ZX" else int(fields[19])
    except (OSError, IndexError, ValueError):
        return 0
