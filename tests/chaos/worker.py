"""Workers to be killed: a process that has everything imported, and forks a `remit worker` in some 10 ms.

`python -m tests.chaos.worker` reads orders, a JSON object a line, and says what happens to its children, a line each.
Signals go through it, as only a parent knows that a number is still its child's:

    {"fork": 7, "env": {…}, "die_at": 12, "concurrency": 50}  →  {"forked": 7, "pid": 4711}
    {"signal": 9, "to": 4711}                               →  {"died": 4711, "status": 9}

A child is the code of `remit worker` (or, with `"undo": [run, call]`, of `remit undo`), with connections, an event loop and signal handlers of its own. Only here, and
not in the product, are boundaries put around the journal's commits. A child says when it begins and ends to advance a
run, so that take-overs can be counted and timed, and which boundary was its last.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import selectors
import signal
import sys
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from remit import settings
from remit.app import App
from remit.cli import effects as ledger
from remit.cli import serve
from remit.journal.journal import Journal
from remit.journal.state import State
from remit.tools.registry import installed
from tests.chaos import boundary, scene

Json = Any


def say(**what: Json) -> None:
    """One line in one write: shorter than a pipe's atom, so that the lines of several processes never mix."""
    os.write(1, (json.dumps(what | {"at": time.monotonic()}) + "\n").encode())


def enclose_commits() -> None:
    """A boundary before, during (sent, not yet answered) and after each commit of the journal."""
    original = Journal._commit

    async def commit(self: Journal, *args: Any) -> None:
        boundary.here.cross("before a commit")
        if boundary.here.due():
            task = asyncio.ensure_future(original(self, *args))
            for _ in range(3):  # turns of the loop in which the statement leaves
                await asyncio.sleep(0)
            boundary.here.cross("during a commit")
            await task
        boundary.here.cross("during a commit")
        await original(self, *args)
        boundary.here.cross("after a commit")

    Journal._commit = commit  # type: ignore[method-assign]


def tell_of_runs() -> None:
    """Say when a run is held and read, and when it is left. Who only waits for a run that another has takes nothing along
    when it dies."""
    original, read = App.advance, App._live

    async def live(self: App, run: UUID, *how: Any) -> Any:
        say(begun=str(run), pid=os.getpid())
        return await read(self, run, *how)

    async def advance(self: App, run: UUID, **how: Any) -> State:
        try:
            return await original(self, run, **how)
        finally:
            say(left=str(run), pid=os.getpid())

    App._live = live  # type: ignore[method-assign]
    App.advance = advance  # type: ignore[method-assign]


def shift_clock(seconds: float) -> None:
    """This process's wall clock is wrong by so much, wherever Remit looks at it; the steady clock is not."""
    real, off = datetime, timedelta(seconds=seconds)

    class Shifted(real):  # type: ignore[valid-type, misc]
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return real.now(tz) + off

        @classmethod
        def utcnow(cls) -> datetime:
            return real.utcnow() + off

    for name, module in list(sys.modules.items()):
        if name.startswith("remit.") and getattr(module, "datetime", None) is real:
            module.datetime = Shifted  # type: ignore[attr-defined]
    plain = time.time
    time.time = lambda: plain() + seconds


def tell_of_tasks(*_: Any) -> None:
    """What every task waits for, into the log: for whoever looks into a run that does not end."""
    for task in asyncio.all_tasks(asyncio.get_running_loop()):
        print(task.get_name(), file=sys.stderr)
        work: Any = task.get_coro()
        while work is not None:
            frame = getattr(work, "cr_frame", None) or getattr(work, "ag_frame", None)
            where = (
                f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}"
                if frame
                else repr(work)[:100]
            )
            print("   ", where, file=sys.stderr, flush=True)
            work = getattr(work, "cr_await", None) or getattr(work, "ag_await", None)


def be_worker(order: Mapping[str, Json]) -> None:
    """The child: never returns but by its end."""
    os.environ.update(order.get("env", {}))
    settings.load.cache_clear()
    boundary.here.die_at = order.get("die_at", 0)
    boundary.here.die_in = order.get("die_in", "")
    boundary.here.last_word = lambda where: say(boundary=where, pid=os.getpid())
    signal.signal(signal.SIGUSR2, tell_of_tasks)
    if order.get("clock"):
        shift_clock(order["clock"])
    sys.stdout = sys.stderr  # what a command prints is no news of ours
    if "undo" in order:
        asyncio.run(ledger._undo(*order["undo"], True))
    else:
        asyncio.run(serve._worker(order.get("concurrency", 50), f"chaos-{order['fork']}"))


children: set[int] = set()  # not yet reaped


def obey(order: Mapping[str, Json]) -> None:
    if "fork" in order:
        fork(order)
    elif order["to"] in children:
        os.kill(order["to"], order["signal"])


def fork(order: Mapping[str, Json]) -> None:
    pid = os.fork()
    if pid:
        children.add(pid)
        say(forked=order["fork"], pid=pid)
        return
    code = 1
    try:
        for sign in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
            signal.signal(sign, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        be_worker(order)
        code = 0
    except Exception:
        sys.excepthook(*sys.exc_info())
        raise
    finally:
        sys.stderr.flush()
        os._exit(code)


def reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        children.discard(pid)
        say(died=pid, status=status)


def main() -> None:
    """Obey until standard input ends; then end the children too."""
    installed()  # every tool family imported: nothing is left for a child to load
    assert scene.TOOLS
    enclose_commits()
    tell_of_runs()
    gc.collect()
    gc.freeze()  # so that the children share these pages
    ear, mouth = os.pipe()
    for end in (ear, mouth):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(mouth)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    os.setpgid(0, 0)
    say(ready=os.getpid())
    chooser = selectors.DefaultSelector()
    chooser.register(0, selectors.EVENT_READ)
    chooser.register(ear, selectors.EVENT_READ)
    rest = b""
    while True:
        for key, _ in chooser.select():
            if key.fd == ear:
                os.read(ear, 4096)
                reap()
                continue
            read = os.read(0, 65536)
            if not read:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                os.killpg(0, signal.SIGKILL)
            *lines, rest = (rest + read).split(b"\n")
            for line in lines:
                obey(json.loads(line))


if __name__ == "__main__":
    main()
