"""An event loop that never waits: it runs what is ready, and whoever drives it says when time passes.

One for each simulated process, so that a process can be stopped, or end, between any two of its waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

Callback = Callable[..., object]


class Clock:
    """Seconds since the world began; the steady clock of every machine in it."""

    now = 0.0


class Loop(asyncio.AbstractEventLoop):
    """As much of an event loop as tasks, futures and timers need. `owner` is the process whose loop it is."""

    def __init__(self, clock: Clock, owner: Any = None) -> None:
        self.clock, self.owner = clock, owner
        self.ready: deque[asyncio.Handle] = deque()
        self.timers: list[asyncio.TimerHandle] = []
        self.beating: set[asyncio.TimerHandle] = set()  # timers of the beat and the sweep
        self.tasks: list[asyncio.Task[Any]] = []
        self.troubles: list[str] = []  # exceptions that nobody caught
        self.over = False

    def run(self) -> None:
        """Run until everything waits for something from outside."""
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            while self.ready:
                handle = self.ready.popleft()
                if not handle.cancelled():
                    handle._run()
        finally:
            asyncio._set_running_loop(before)

    def due(self) -> float | None:
        """When the next timer rings."""
        self.timers = [timer for timer in self.timers if not timer.cancelled()]
        return min((timer.when() for timer in self.timers), default=None)

    def ring(self) -> None:
        """Ring what is due, and run."""
        for timer in sorted(self.timers, key=lambda timer: timer.when()):
            if timer.when() <= self.clock.now:
                self.timers.remove(timer)
                self.beating.discard(timer)
                self.ready.append(timer)
        self.run()

    def end(self) -> None:
        """The process is gone: nothing of it runs any more, and Python's own cleaning up reaches nobody."""
        self.over = True
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            for task in self.tasks:
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                if not task.done():
                    _close(task.get_coro())
        finally:
            asyncio._set_running_loop(before)
        self.tasks.clear()
        self.ready.clear()
        self.timers.clear()
        self.beating.clear()

    # What tasks and futures ask of a loop

    def time(self) -> float:
        return self.clock.now

    def call_soon(self, callback: Callback, *args: Any, context: Any = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        if not self.over:
            self.ready.append(handle)
        return handle

    def call_later(self, delay: float, callback: Callback, *args: Any, context: Any = None) -> Any:
        return self.call_at(self.clock.now + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Callback, *args: Any, context: Any = None) -> Any:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        if not self.over:
            self.timers.append(timer)
            if self.owner and asyncio.current_task(self) in (self.owner.leases._heart, self.owner.sweeper):
                self.beating.add(timer)
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None: ...

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Any, *, name: str | None = None, context: contextvars.Context | None = None
    ) -> asyncio.Task[Any]:
        if self.over:
            coro.close()
            coro = _nothing()
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, name=name)
        if self.over:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            coro.close()
        else:
            self.tasks.append(task)
        return task

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return self.over

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self.over:
            self.troubles.append(f"{context.get('message')}: {context.get('exception')!r}")


async def _nothing() -> None: ...


def _close(coroutine: Coroutine[Any, Any, Any] | Any) -> None:
    for _ in range(8):  # each `finally` that waits refuses once
        try:
            coroutine.close()
        except RuntimeError:
            continue
        except Exception:  # noqa: BLE001  the dying words of what was simulated
            return
        else:
            return
    with contextlib.suppress(RuntimeError):
        coroutine.close()
