"""Running a blocking function beside the event loop."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """What `work()` returns or raises, without blocking the loop.

    A daemon thread for each call, not a pool: a function that hangs cannot be stopped in Python, and a few of
    them would fill a pool, stall every other tool, and keep the process from ending.
    If the caller is cancelled, the thread goes on and what it comes to is dropped.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(value: T | None, error: BaseException | None) -> None:
        if future.done():  # the caller has left
            return
        if error is None:
            future.set_result(value)  # type: ignore[arg-type]
        elif isinstance(error, StopIteration):  # a future cannot carry it
            future.set_exception(RuntimeError("the function raised StopIteration"))
        else:
            future.set_exception(error)

    def body() -> None:
        value: T | None = None
        failure: BaseException | None = None
        try:
            value = work()
        except BaseException as error:  # noqa: BLE001 - handed to the caller, who judges it
            failure = error
        if not loop.is_closed():
            try:
                loop.call_soon_threadsafe(settle, value, failure)
            except RuntimeError:  # the loop closed in between: nobody waits any more
                return

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(body,), name="remit-tool", daemon=True).start()
    return await future
