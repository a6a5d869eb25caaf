"""What this machine, or the container's share of it, has for a model: cores, how idle they are, and memory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_PROC = Path("/proc")
GLANCE = 0.2  # seconds of looking that a first impression takes
SPAN = 2.0  # seconds from which on the time since the last look says more than a glance
IDLE, BUSY = 0.15, 0.35  # cores that others use: below the one and above the other an opinion is changed


def cores() -> int:
    """Cores this process may use, at least 1; a container's quota counts."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _read(_CGROUP / "cpu.max").split()
    if len(quota) == 2 and quota[0].isdigit() and quota[1].isdigit():
        count = min(count, max(1, int(quota[0]) // int(quota[1])))
    return count


class Spare:
    """How many threads generation should have: every core while nobody else wants one, else one less.

    Measured with the 1.5B model on 2 cores: beside an idle machine two threads generate 1.6 times as fast as one; beside
    one busy process they wait for each other, and one is 2.2 times as fast as two. `used(pid)`: seconds of all cores that
    were used by everybody but that process; None where the system does not say, and then one core is left alone.
    """

    def __init__(self, cores: int, used: Callable[[int | None], float | None] | None = None) -> None:
        self.threads = max(1, cores - 1)
        self._cores, self._used = cores, used or used_by_others
        self._last: tuple[float, float] | None = None  # when, and what was used until then

    def look(self, own: int | None = None) -> int:
        """The threads for now. Takes GLANCE seconds the first time. `own`: the process that is not to be counted."""
        now, used = time.monotonic(), self._used(own)
        if self._last is None:
            self._last = (now, used or 0.0)
            time.sleep(GLANCE)
            now, used = time.monotonic(), self._used(own)
        elif now - self._last[0] < SPAN:
            return self.threads
        if used is not None:
            share = (used - self._last[1]) / (now - self._last[0])
            if share < IDLE:
                self.threads = self._cores
            elif share > BUSY:
                self.threads = max(1, self._cores - 1)
            self._last = (now, used)
        return self.threads


def used_by_others(own: int | None) -> float | None:
    """Seconds of all cores spent since the machine started, but for those of the process `own`."""
    first = _read(_PROC / "stat").partition("\n")[0].split()
    if len(first) < 9 or first[0] != "cpu":
        return None
    user, nice, system, _idle, _waiting, irq, softirq, steal = (int(n) for n in first[1:9])
    mine = _read(_PROC / str(own) / "stat").rpartition(")")[2].split() if own else []
    ticks = user + nice + system + irq + softirq + steal - sum(int(n) for n in mine[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


def available_memory() -> int:
    """Bytes of memory that can be had without swapping; all there is where the system does not say."""
    free = _from_meminfo()
    limit, used = _read(_CGROUP / "memory.max").strip(), _read(_CGROUP / "memory.current").strip()
    if limit.isdigit() and used.isdigit():
        free = min(free, max(0, int(limit) - int(used)))
    return free


def _from_meminfo() -> int:
    for line in _read(Path("/proc/meminfo")).splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 8_000_000_000  # a system that says nothing (Windows): assume an ordinary laptop


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
