"""Calling a tool: validate, run within its time, and make of whatever happens a result for the journal.

Who is told of what goes wrong:

- the model can mend it (wrong arguments, a Mend): status `mend`, the message is the result;
- the world or the tool's code failed (any other exception, the time limit): status `failed`, the result is the
  exception's type and message, the traceback goes to the log, and the run goes on;
- the answer to an effect was lost (its connection broke, its time ran out): status `unknown`; it may have happened, and is
  settled as after a crash;
- the developer broke the contract (ToolFault: a result that has no JSON form, a declaration at odds with the
  call): raised to the caller, and never shown to the model.

A sync tool that hangs is left behind in its thread: Python cannot stop it. An async tool that hangs is cancelled,
and left behind if it does not end within GRACE seconds of that.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import httpx
import psycopg

from remit.errors import Full, Later, Mend, ToolFault
from remit.tools.result import LIMIT, TooLarge, keep, safe, text_of
from remit.tools.thread import in_thread
from remit.tools.tool import Json, Labelled, Tool, ToolContext

GRACE = 2.0  # seconds that a cancelled tool has to clean up
MESSAGE = 4_000  # characters of an error that a model is shown
_log = logging.getLogger("remit.tools")
_left: set[asyncio.Task[Any]] = set()  # tools that outlived their call; held so that they are not collected


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call came to. `result` is a JSON value; for `mend` and `failed` it is the message. `later`: the tool wants
    to be called again then; `unknown`: an effect that may have happened. `labels`: of a result that has some of its own. `full`: the other side
    takes no more for now."""

    status: Literal["ok", "mend", "failed", "unknown"]
    result: Json
    seconds: float
    later: Later | None = None
    labels: Labelled | None = None
    full: Full | None = None


async def call(
    tool: Tool,
    context: ToolContext,
    args: Mapping[str, Json],
    *,
    valid: Mapping[str, Json] | None = None,
    again: bool = False,
) -> Outcome:
    """Call `tool` with arguments as the model wrote them, or with what the tool's own check made of them, `valid`. `again`:
    the same effect was begun before, and nobody knows what came of it. Raises
    ToolFault for the developer's mistakes only. Of the agent's secrets nothing is in what comes back."""
    if context.secrets is None:
        return await _called(tool, context, args, valid, again)
    try:
        done = await _called(tool, context, args, valid, again)
    except ToolFault as fault:
        raise ToolFault(context.secrets.hide(str(fault))) from None
    return replace(done, result=context.secrets.hide(done.result))


async def _called(
    tool: Tool,
    context: ToolContext,
    args: Mapping[str, Json],
    valid: Mapping[str, Json] | None,
    again: bool,
) -> Outcome:
    start = time.monotonic()
    if valid is None:
        try:
            valid = tool.validate(args) if tool.validate else args
        except Mend as wrong:
            return Outcome("mend", _message(wrong), time.monotonic() - start)
    task = asyncio.create_task(_guarded(tool, context, valid))
    try:
        await asyncio.sleep(0)  # many a tool is done at once, and needs no timer
        if not task.done():
            await asyncio.wait({task}, timeout=tool.timeout)
        late = not task.done()
        if late:
            await _stop(task)
    except asyncio.CancelledError:
        await _stop(task)
        raise
    seconds = time.monotonic() - start
    acts = tool.effect in ("egress", "destroy") and tool.settle.how != "repeat"
    if late:
        status: Literal["failed", "unknown"] = "unknown" if acts else "failed"
        return Outcome(status, f"{tool.name} took longer than {tool.timeout:g} s", seconds)
    if task.cancelled():
        return Outcome("failed", f"{tool.name} cancelled itself", seconds)
    error = task.exception()
    if error is None:
        result = task.result()
        labels = replace(result, value=None) if isinstance(result, Labelled) else None
        value = await _storable(result.value if isinstance(result, Labelled) else result, context)
        return Outcome("ok", value, time.monotonic() - start, labels=labels)
    if isinstance(error, ToolFault):
        raise error
    if isinstance(error, Later):
        if tool.effect not in ("read", "self"):
            raise ToolFault(f"tool {tool.name!r} has an effect, so it cannot be called again later (Later)")
        return Outcome("ok", None, seconds, error)
    if isinstance(error, Mend):
        return Outcome("mend", _message(error), seconds, full=error if isinstance(error, Full) else None)
    _report(tool, context, error)
    lost = answer_lost(error) or (again and unreached(error))
    return Outcome("unknown" if acts and lost else "failed", _message(error), seconds)


def unreached(error: BaseException) -> bool:
    """Whether nobody was there to be asked: nothing happened this time, and nothing is heard of the time before."""
    return isinstance(error, ConnectionRefusedError | httpx.ConnectError | httpx.ConnectTimeout)


def answer_lost(error: BaseException) -> bool:
    """Whether the error may have come after the effect: the connection broke or nothing was heard, rather than the other
    side saying no. A refused connection reached nobody."""
    if unreached(error):
        return False
    return isinstance(error, ConnectionError | TimeoutError | httpx.TransportError | psycopg.OperationalError)


def _report(tool: Tool, context: ToolContext, error: BaseException) -> None:
    """The traceback, for the log; of an agent with secrets as words, in which they are hidden."""
    if context.secrets is None:
        _log.warning("tool %s failed in run %s", tool.name, context.run, exc_info=error)
    else:
        said = context.secrets.hide("".join(traceback.format_exception(error)))
        _log.warning("tool %s failed in run %s\n%s", tool.name, context.run, said)


async def _guarded(tool: Tool, context: ToolContext, args: Mapping[str, Json]) -> Any:
    try:
        return await tool.call(context, args)
    except SystemExit as error:  # it would end the worker with all its runs
        raise ToolFault(f"tool {tool.name!r} called sys.exit(); raise an exception instead") from error


async def _stop(task: asyncio.Task[Any]) -> None:
    """Cancel and wait a little; a task that goes on is left behind, its outcome dropped."""
    task.cancel()
    await asyncio.wait({task}, timeout=GRACE)
    if not task.done():
        _left.add(task)
    task.add_done_callback(_drop)


def _drop(task: asyncio.Task[Any]) -> None:
    _left.discard(task)
    if not task.cancelled():
        task.exception()  # retrieved, so that asyncio does not complain of it


async def _storable(value: Any, context: ToolContext) -> Json:
    """The result as JSON; a long one goes to the run's folder, converted in a thread so that the loop lives."""
    try:
        if isinstance(value, bytes | bytearray) and len(value) > LIMIT:
            raise TooLarge
        return safe(value, limit=LIMIT)
    except TooLarge:
        return await in_thread(lambda: keep(_hidden(value, context), context.root, context.call_id))


def _hidden(value: Any, context: ToolContext) -> Any:
    """What goes to a file of the run, without the agent's secrets."""
    if context.secrets is None:
        return value
    return context.secrets.hide(value if isinstance(value, str | bytes | bytearray) else safe(value))


def _message(error: BaseException) -> str:
    """Type and message of an exception, never its traceback; a Mend is its message alone."""
    # format_exception_only survives an exception whose own __str__ fails.
    text = str(error) if isinstance(error, Mend) else "".join(traceback.format_exception_only(error)).strip()
    text = text.removeprefix(f"{type(error).__module__}.")
    return text_of(text if len(text) <= MESSAGE else text[:MESSAGE] + " … (cut)")
