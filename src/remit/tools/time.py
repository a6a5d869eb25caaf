"""Waiting: the run sleeps, holds nothing meanwhile, and is woken by a worker."""

from __future__ import annotations

from datetime import datetime, timedelta

from remit.errors import Later, Mend
from remit.tools.decorate import tool
from remit.tools.tool import ToolContext

LONGEST = timedelta(days=366)


@tool(effect="self", integrity="system", name="wait")
async def wait_for(context: ToolContext, minutes: float = 0.0, until: datetime | None = None) -> str:
    """Wait before going on: for some minutes, or until a time.

    Args:
        minutes: How long to wait.
        until: When to go on, with a time zone, as 2026-11-21T09:00:00Z.
    """
    if context.woken:
        return f"it is {context.now():%Y-%m-%d %H:%M} UTC"
    if until is not None and until.utcoffset() is None:
        raise Mend(f"{until.isoformat()} has no time zone; write it as {until.isoformat()}Z for UTC")
    now = context.now()
    when = until or now + timedelta(minutes=minutes)
    if when > now + LONGEST:
        raise Mend(f"{when:%Y-%m-%d} is more than a year away")
    if when <= now:
        return "nothing to wait for: that time is now or past"
    raise Later(when, "the run waits")


TOOLS = (wait_for,)
