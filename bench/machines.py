"""Several machines on one: network namespaces behind a bridge, each with process numbers of its own. Needs root.

A process in one reaches PostgreSQL over TCP only, and cannot tell from process numbers whether another machine's
process lives. The cable of each can be pulled.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

BRIDGE = f"remit{os.getpid() % 10_000}"
NUMBERS = itertools.count(10)
ADDRESS = "10.99.0.1"  # of the machine that has the database
APART = ("unshare", "--fork", "--pid", "--mount-proc", "--kill-child")


@dataclass(frozen=True)
class Machine:
    name: str
    cable: str  # our end

    @property
    def prefix(self) -> tuple[str, ...]:
        """Before a command that is to run there."""
        return ("ip", "netns", "exec", self.name, *APART)

    def cut(self) -> None:
        _ip("link", "set", self.cable, "down")

    def mend(self) -> None:
        _ip("link", "set", self.cable, "up")


def possible() -> bool:
    return os.geteuid() == 0 and all(map(shutil.which, ("ip", "unshare")))


@contextmanager
def network() -> Iterator[str]:
    """The bridge; the address on it at which PostgreSQL may listen."""
    _ip("link", "add", BRIDGE, "type", "bridge")
    try:
        _ip("addr", "add", f"{ADDRESS}/24", "dev", BRIDGE)
        _ip("link", "set", BRIDGE, "up")
        yield ADDRESS
    finally:
        _ip("link", "del", BRIDGE)


@contextmanager
def machines(number: int) -> Iterator[list[Machine]]:
    """So many machines on the bridge."""
    with ExitStack() as held:
        yield [held.enter_context(_machine()) for _ in range(number)]


@contextmanager
def _machine() -> Iterator[Machine]:
    index = next(NUMBERS)  # never used again: the system removes a cable some time after its machine
    machine = Machine(f"{BRIDGE}-{index}", f"{BRIDGE}v{index}")
    _ip("netns", "add", machine.name)
    try:
        _ip("link", "add", machine.cable, "type", "veth", "peer", "name", "eth0", "netns", machine.name)
        _ip("link", "set", machine.cable, "master", BRIDGE, "up")
        _ip("-n", machine.name, "addr", "add", f"10.99.0.{index}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", machine.name, "link", "set", device, "up")
        yield machine
    finally:
        _ip("netns", "del", machine.name)


def _ip(*args: str) -> None:
    subprocess.run(["ip", *args], check=True)


async def gone(process: asyncio.subprocess.Process) -> None:
    """SIGKILL, and wait."""
    if process.returncode is None:
        process.kill()
    await process.wait()
